/** The dialogs in which people give their name, or the name of a room. */

import { closable } from "./drawers.js";
import { byId, el } from "./dom.js";
import { people } from "./times.js";

/** Asks for a name until there is one. */
export class NameDialog {
  constructor(enter) {
    this.dialog = byId("name-dialog");
    this.dialog.addEventListener("cancel", (event) => event.preventDefault());
    this.dialog.addEventListener("close", () => this.asks && this.dialog.showModal()); // browsers insist on closing
    byId("name-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const name = byId("name").value.trim();
      if (!name) return;
      this.#say({});
      enter(name);
    });
  }

  /** `why`: what is `wrong` with the last name, or something to `note`. */
  ask(why, name) {
    this.#say(why);
    byId("name").value = name;
    this.asks = true;
    if (!this.dialog.open) this.dialog.showModal();
    byId("name").focus();
    byId("name").select();
  }

  close() {
    this.asks = false;
    this.dialog.close();
  }

  #say({ wrong = "", note = "" }) {
    byId("name-why").textContent = wrong || note;
    byId("name-why").classList.toggle("faint", !wrong);
  }
}

/** Asks for a room, and lists those there are. */
export class JoinDialog {
  /** `join(name, key)` may raise an error whose message is to be shown. */
  constructor(chat, join) {
    Object.assign(this, { chat, join, dialog: byId("join-dialog") });
    closable(this.dialog);
    byId("join-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#enter(byId("room").value.trim(), byId("room-key").value.trim());
    });
  }

  async open() {
    byId("room").value = byId("room-key").value = byId("join-why").textContent = "";
    byId("all-rooms").replaceChildren(el("li", { class: "faint" }, "Loading…"));
    this.dialog.showModal();
    byId("room").focus();
    try {
      const { rooms } = await this.chat.connection.ask({ do: "rooms" });
      byId("all-rooms").replaceChildren(...rooms.slice(0, 200).map((room) => this.#row(room)));
    } catch (error) {
      byId("all-rooms").replaceChildren(el("li", { class: "faint" }, error.message));
    }
  }

  #row({ name, people: count, topic, joined }) {
    const more = `${people(count)}${joined ? ", you are in it" : ""}${topic ? ` · ${topic}` : ""}`;
    const parts = [el("bdi", { class: "place-name" }, name), el("span", { class: "faint" }, more)];
    return el("li", {}, el("button", { type: "button", class: "place", onclick: () => this.#enter(name) }, ...parts));
  }

  async #enter(name, secret) {
    if (!name) return;
    try {
      await this.join(name, secret);
      this.dialog.close();
      byId("composer").focus(); // a dialog gives the focus back to what had it, but now there is something to say
    } catch (error) {
      byId("join-why").textContent = error.message;
    }
  }
}
