/** Looks for words in what was said in a room. */

import { byId, el } from "./dom.js";
import { nameOf } from "./log.js";
import { nodesOf } from "./text.js";
import { inFull, plural } from "./times.js";

const MOST = 50;

export class Search {
  /** `goTo(place, id)` shows a line where it was said. */
  constructor(chat, goTo) {
    Object.assign(this, { chat, goTo });
    byId("search-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.look();
    });
  }

  /** Search the current room for what is in the field. */
  async look() {
    const text = byId("search-words").value.trim();
    const place = this.chat.store.current;
    if (!text || !place) return;
    if (!place.isRoom) return this.#say("Private messages are not kept, so they cannot be searched.");
    this.#say("Searching…");
    byId("found").replaceChildren();
    try {
      const past = await this.chat.connection.ask({ do: "search", room: place.name, text, count: MOST });
      byId("found").replaceChildren(...past.lines.map((line) => this.#row(place, line)));
      const more = past.more ? " There are older ones, too: add a word to find fewer." : "";
      const ignored = past.left_out ? ` Left out: ${plural(past.left_out, "line")} by people you ignore.` : "";
      const found = past.lines.length ? `${plural(past.lines.length, "line")}, newest first.` : "Nothing matches.";
      this.#say(`In ${place.name}: ${found}${ignored}${more}`);
    } catch (error) {
      this.#say(error.message);
    }
  }

  #say(text) {
    byId("search-state").textContent = text;
  }

  #row(place, line) {
    const time = el("time", { dateTime: new Date(line.at).toISOString() }, inFull(line.at));
    const head = el("span", { class: "by" }, nameOf(line), " ", time);
    const text = el("span", { class: "text", dir: "auto" });
    text.append(...marked(line.text));
    const onclick = () => this.goTo(place, line.id);
    return el("li", {}, el("button", { type: "button", class: "found-line", onclick }, head, text));
  }
}

/** Return the nodes of a text, without links and code blocks: it stands in a button. */
function marked(text) {
  return text.split(/(\u0002[^\u0003]*\u0003)/).flatMap((part) => (part.startsWith("\u0002") ? nodesOf(part) : part));
}
