/** Slash commands: what each of the terminals' table does on a page. */

import { nearest } from "./completion.js";
import { key } from "./names.js";
import { duration, inFull, parse, people, plural } from "./times.js";

const THEMES = ["light", "dark", "contrast", "system"];
const NEEDS_WORDS = /^\/\w+ [A-Z]/;
const MOST_NAMES = 500;
const ROOM_KEY = /^[0-9a-f]{12}$/;
const CHANGEABLE = 10 * 60_000; // ms

/** Something that a command cannot do; the message is a sentence to show. */
class Sorry extends Error {}

export class Commands {
  table = [];

  /** The line that the next /edit changes, if it is not the last one. */
  editing = null;

  /** `page` has show(place), search(words), goTo(place, id), toPresent(), openJoin(), openPeople(), typeAgain(text), saved(). */
  constructor(chat, settings, page) {
    Object.assign(this, { chat, settings, page, store: chat.store });
  }

  /** Load the table that terminals have, too. */
  async load() {
    const answer = await fetch("commands.json").catch(() => null);
    if (answer?.ok) this.table = await answer.json();
  }

  find = (name) => this.table.find((row) => row.name === key(name) || row.aliases.includes(key(name)));

  /** What to say about a line that begins like a command. */
  hint(text) {
    if (text && !text.startsWith("/edit")) this.editing = null;
    if (!text.startsWith("/") || text.startsWith("//") || text.includes("\n")) return "";
    const [name, words] = text.slice(1).split(/ (.*)/s);
    const row = this.find(name);
    if (row) return `${row.usage}: ${row.help}`;
    if (words !== undefined) return "";
    return this.table.filter((one) => one.name.startsWith(key(name))).map((one) => `/${one.name}`).join("  ");
  }

  /** Run a line that begins with a slash; what cannot be done is said in the current place. Gives false if so. */
  async run(text) {
    const place = this.store.current;
    const { editing } = this;
    this.editing = null;
    if (!this.table.length) await this.load();
    const [name, words = ""] = text.slice(1).split(/\s(.*)/s);
    try {
      const row = this.find(name);
      const handler = this[`_${row?.name}`];
      if (!row) throw this.#unknown(name);
      if (!handler) throw new Sorry(`/${row.name} is for terminals: on this page it has nothing to do.`);
      if (!words.trim() && NEEDS_WORDS.test(row.usage)) throw new Sorry(`Say more: ${row.usage}`);
      const said = await handler.call(this, words.trim(), row, editing);
      if (said) this.store.note(said, this.store.current ?? place);
      return true;
    } catch (error) {
      if (!error.message) throw error;
      this.store.note(error.message, this.store.current ?? place);
      return false;
    }
  }

  /** Return "/edit " with the last own line here, or "" if there is none that can be changed. */
  editLast() {
    const line = this.#lastLine();
    return line ? `/edit ${line.text}` : "";
  }

  /** Begin to change a line; give what to put where one types. */
  edit(line) {
    this.editing = line;
    return `/edit ${line.text}`;
  }

  /** Remove a line. */
  async remove({ id }) {
    await this.#ask({ do: "delete", line: id }).catch((error) => this.store.note(error.message));
  }

  #lastLine() {
    const line = this.store.current?.isRoom && this.store.current.lastBy(this.store.me);
    return line && Date.now() - line.at < CHANGEABLE ? line : null;
  }

  #ownLine() {
    if (!this.store.current?.isRoom) throw new Sorry("Private messages cannot be changed.");
    const line = this.#lastLine();
    if (!line) throw new Sorry("You have no message here that you can change, said within 10 minutes.");
    return line;
  }

  #room() {
    if (!this.store.current?.isRoom) throw new Sorry("This is a conversation, not a room. Go to a room first.");
    return this.store.current;
  }

  #unknown(name) {
    const meant = nearest(key(name), this.table.flatMap((row) => [row.name, ...row.aliases]));
    return new Sorry(`There is no command /${name}. ${meant ? `Did you mean /${meant}? ` : ""}/help all lists all commands.`);
  }

  #ask(message) {
    return this.chat.connection.ask(message);
  }

  // Talking.

  _me(words) {
    this.chat.say(this.#room(), words, true);
  }

  async _msg(words) {
    const [name, text] = words.split(/\s+(.*)/s);
    if (this.store.isMe(name)) throw new Sorry("That is you.");
    try {
      if (text) await this.chat.tell(name, text);
      else this.chat.talkTo((this.store.conversation(name) ?? (await this.#ask({ do: "whois", name }))).name);
    } catch (error) {
      this.page.typeAgain(`/msg ${words}`);
      throw error;
    }
    this.page.show(this.store.current);
  }

  _reply(words) {
    if (!this.store.answerTo) throw new Sorry("You have no private message to reply to. To send one: /msg NAME WORDS");
    return this._msg(`${this.store.answerTo} ${words}`);
  }

  async _edit(words, row, line) {
    await this.#ask({ do: "edit", line: (line ?? this.#ownLine()).id, text: words });
  }

  async _delete() {
    await this.#ask({ do: "delete", line: this.#ownLine().id });
  }

  // Rooms.

  async _join(words) {
    const [room, ...rest] = words.split(/\s+/);
    const secret = rest.join(" ");
    if (room.startsWith("#")) throw new Sorry(`Room names have no # here. Try /join ${room.replace(/^#+/, "")}`);
    if (secret && !ROOM_KEY.test(secret) && !this.store.room(room)?.secret) {
      const better = `Try /join ${[room, ...rest].join("-")} (only a room’s key goes after its name).`;
      throw new Sorry(`A room name cannot contain spaces. ${better}`);
    }
    await this.chat.join(room, secret);
    this.page.show(this.store.current);
  }

  async _leave(words) {
    const place = words ? this.store.room(words) : this.store.current;
    if (!place) throw new Sorry(`You are not in ${words}.`);
    await this.chat.leave(place);
    this.page.show(this.store.current);
  }

  _go(words) {
    const place = this.store.room(words);
    if (!place) throw new Sorry(`You are not in ${words}. To go there: /join ${words}`);
    this.page.show(place);
  }

  _rooms() {
    this.page.openJoin();
  }

  async _names(words) {
    if (!words || this.store.room(words) === this.store.current) {
      this.#room();
      return this.page.openPeople();
    }
    const { room, people: all } = await this.#ask({ do: "members", room: words });
    const names = all.slice(0, MOST_NAMES).map(({ name, away }) => (away ? `${name} (away)` : name));
    return `${people(all.length)} in ${room}: ${names.join(", ")}${all.length > MOST_NAMES ? " and more" : ""}`;
  }

  async _topic(words) {
    const room = this.#room().name;
    if (words) return void (await this.#ask({ do: "settopic", room, text: words === "-" ? "" : words }));
    const { topic } = await this.#ask({ do: "topic", room });
    return topic ? `The topic of ${room} is: ${topic}` : `${room} has no topic.`;
  }

  async _private() {
    await this.#ask({ do: "private", room: this.#room().name });
  }

  async _invite(words) {
    await this.#ask({ do: "invite", name: words, room: this.#room().name });
  }

  // People.

  async _nick(words) {
    await this.chat.rename(words);
  }

  async _whois(words) {
    const { name, since, now, idle, away, shared, you } = await this.#ask({ do: "whois", name: words });
    const said = [`${name} has been here since ${inFull(since)} (${duration(now - since)}).`];
    if (idle !== null) said.push(`${name} last typed something ${duration(idle)} ago.`);
    if (away !== null) said.push(`${name} is away${away ? `: ${away}` : "."}`);
    if (shared.length) said.push(`You are both in: ${shared.join(", ")}.`);
    else if (!you) said.push(`You have no room in common with ${name}.`);
    return said.join("\n");
  }

  async _away(words) {
    await this.#ask({ do: "away", text: words });
  }

  async _back() {
    await this.#ask({ do: "back" });
  }

  async _ignore(words) {
    if (words) return void (await this.#ask({ do: "ignore", name: words }));
    const { names } = await this.#ask({ do: "ignoring" });
    return names.length ? `You are ignoring: ${names.join(", ")}` : "You are not ignoring anyone.";
  }

  async _unignore(words) {
    await this.#ask({ do: "unignore", name: words });
  }

  // The past.

  async _history(words, row) {
    const match = /^(\d{1,9})? ?(?:before (?:#(\d{1,15})|(.+)))?$/i.exec(words.replace(/\s+/g, " "));
    if (!match) throw new Sorry(`That is neither a number of lines nor a time: ${row.usage}`);
    const place = this.#room();
    const at = match[3] ? parse(match[3]) : null;
    if (match[3] && at === null) throw new Sorry("That is not a time. Type one such as 18:30, 2026-01-31, or both.");
    if (match[2]) this.page.goTo(place, await this.chat.past.around(place, Number(match[2])));
    else if (at !== null) {
      const line = await this.chat.past.before(place, at);
      if (!line) throw new Sorry(`Nothing was said in ${place.name} before ${inFull(at)}.`);
      this.page.goTo(place, line);
    } else {
      const { span } = place;
      const { more } = span;
      await this.chat.past.earlier(place, Math.min(Number(match[1] || 50), 200));
      this.page.goTo(place, span.items[0]);
      if (!more) return `There are no earlier lines: all of ${place.name} is loaded.`;
    }
  }

  _search(words) {
    this.#room();
    this.page.search(words);
  }

  // This page.

  _notices(words) {
    if (words) this.#set("notices", this.#oneOf(words, ["on", "off"]) === "on");
    return `Notices about who comes and goes are ${this.settings.notices ? "on" : "off"}.`;
  }

  _theme(words) {
    if (words === "mono") throw new Sorry("This page has no theme without colours: contrast shows names in bold.");
    if (words) this.#set("theme", words === "colour" ? "system" : this.#oneOf(words, THEMES));
    return `The theme is ${this.settings.theme}. There are: ${THEMES.join(", ")}.`;
  }

  _time(words) {
    if (/^[+-]/.test(words)) throw new Sorry("Times are shown in the time zone of this device.");
    if (words) this.#set("time", this.#oneOf(words, ["off", "hh:mm", "full"]));
    return `Times: ${this.settings.time}.`;
  }

  _bell(words) {
    if (words) this.#set("bell", this.#oneOf(words, ["off", "mentions", "all"]));
    const how = { off: "nothing", mentions: "mentions and private messages", all: "every message" }[this.settings.bell];
    const asked = this.settings.bell === "off" || globalThis.Notification?.permission === "granted";
    return `You are notified of ${how}.${asked ? "" : " The settings have a button with which you allow that."}`;
  }

  _clear() {
    this.page.toPresent();
    this.store.current.present.clear();
    this.store.touch(this.store.current);
  }

  #oneOf(word, choices) {
    if (!choices.includes(word)) throw new Sorry(`Choose one of these: ${choices.join(", ")}`);
    return word;
  }

  #set(name, value) {
    this.settings[name] = value;
    this.page.saved();
  }

  // The server.

  _help(words) {
    const topic = key(words.replace(/^\//, ""));
    if (topic === "keys") return KEYS;
    if (topic && topic !== "all") {
      const row = this.find(topic);
      if (!row) throw this.#unknown(topic);
      const also = row.aliases.length ? ` (also ${row.aliases.map((name) => `/${name}`).join(", ")})` : "";
      const forTerminals = "It is for terminals: on this page it has nothing to do.";
      const details = this[`_${row.name}`] ? (DETAILS[row.name] ?? row.details) : forTerminals;
      return `\`${row.usage}\`${also}: ${row.help}.\n${details}\nFor example: ${row.example}`;
    }
    const lines = [];
    let last = "";
    for (const row of this.table) {
      if (!topic && !["msg", "join", "nick", "search", "edit", "quit"].includes(row.name)) continue;
      if (topic && row.topic !== last) lines.push(`${row.topic}:`);
      last = row.topic;
      lines.push(`\`${row.usage}\`: ${row.help}${this[`_${row.name}`] ? "" : " (for terminals)"}`);
    }
    if (topic) return lines.join("\n");
    const more = "`/help all` lists all commands, `/help COMMAND` explains one, and `/help keys` lists the keys.";
    return ["What you type goes to everyone in this room. Start with these:", ...lines, more].join("\n");
  }

  async _motd() {
    const { lines } = await this.#ask({ do: "motd" });
    return lines.join("\n") || "There is no message of the day.";
  }

  async _nodes() {
    const { nodes } = await this.#ask({ do: "nodes" });
    if (!nodes.length) return "This chat runs on one server, this one.";
    const rows = nodes.map((node) => {
      return `${node.you ? "> " : ""}${node.name}: ${people(node.people)}${node.ready ? "" : ", starting"}`;
    });
    return `${plural(nodes.length, "server")} (> yours):\n${rows.join("\n")}`;
  }

  async _uptime() {
    const { seconds, people: count } = await this.#ask({ do: "uptime" });
    const here = `${people(count)} ${count === 1 ? "is" : "are"} here.`;
    return `The server has been up for ${duration(seconds * 1000)}. ${here}`;
  }

  async _version() {
    return `gchat ${(await this.#ask({ do: "version" })).version}`;
  }

  async _quit(words) {
    await this.#ask({ do: "quit", text: words });
  }
}

/** What is another thing on a page than in a terminal. */
const DETAILS = {
  history:
    "You see N lines (50, at most 200) before those that are loaded; scrolling up does that, too. TIME is a time such " +
    "as 18:30, a date such as 2026-01-31, or both, and shows the last line before it. #LINE is the number of a line, " +
    "and shows that one.",
  clear: "Only your own page is cleared. /history shows the last lines again.",
};

const KEYS = `Keys:
Enter: send. Shift+Enter: a new line.
Up, with nothing typed: change your last message. Alt+Up, Alt+Down: what you typed before.
Tab: complete a name, a room or a command; again for the next.
Alt+1 to Alt+9: go to a room or a conversation. Ctrl+K: search. Esc: back to the message box, and to the present.`;
