/** The way in, the way back after a lost connection, and what people do. Knows nothing of how it looks. */

import { clean } from "./cleaning.js";
import { Connection, Lost, Refused } from "./connection.js";
import { recall, recallInTab, remember, rememberInTab } from "./memory.js";
import { Past } from "./past.js";
import { LOBBY } from "./store.js";

const PATIENCE = 60_000; // ms for which a name is asked for again that one's own old connection may still hold
const AGAIN = 2000;
const COMING = "come ";
const LIST_AGE = 60_000; // ms after which a list of people is asked for again

export class Chat {
  /** What to tell the person about the connection: "" if all is well. */
  trouble = "";
  here = false;
  hello = { history: true, message: 8192, lines: 100, version: "" };

  /** Sessions that may still hold the name, the latest first. */
  #sessions = [];
  #round = 0; // of connecting: what was begun in an earlier one ends there
  #turn = 0; // of asking for a name: only the latest goes on

  /** `page.askName({ wrong, note })` asks for a name, saying what is wrong or to note; `page.came()`: it was taken. */
  constructor(address, store, page) {
    this.store = store;
    this.page = page;
    this.connection = new Connection(address, {
      message: (message) => this.#hear(message),
      state: (state) => this.#changes(state),
    });
    this.past = new Past(this.connection, store);
    this.wanted = recall("name", "");
    this.#keepSession();
  }

  start() {
    this.connection.start();
    if (!this.wanted) this.#askName();
  }

  /** Take a name, now or as soon as there is a connection. */
  enter(name) {
    this.wanted = name;
    this.choosing = false;
    if (this.connection.state === "stopped") this.connection.start();
    else if (this.connection.state === "open") this.#come([]);
  }

  /**
   * Another page must not take this one's name by copying this tab, so the session is only left behind while nobody
   * sees this tab: the page that is loaded next in it finds it.
   */
  #keepSession() {
    const session = recallInTab("session", "");
    if (session) this.#sessions = [session];
    rememberInTab("session", null);
    const keep = () => rememberInTab("session", this.#sessions[0] ?? null);
    addEventListener("pagehide", keep);
    document.addEventListener("visibilitychange", () => (document.hidden ? keep() : rememberInTab("session", null)));
  }

  #hear(message) {
    if (message.answer === "hello") {
      this.hello = message;
      this.#round++;
      if (!this.choosing && this.wanted) this.#come([...this.#sessions]);
    }
    if (message.event === "arrived" && message.label?.startsWith(COMING)) this.#arrive(message);
    if (message.answer === "farewell") this.leaving = true;
    this.store.apply(message);
    if (message.event === "renamed" && message.user === this.store.me) {
      this.wanted = message.to;
      remember("name", message.to);
    }
    if (message.answer === "goodbye") this.#left();
  }

  #changes(state) {
    if (state === "waiting" || state === "stopped") {
      if (this.here) this.store.lose();
      this.here = false;
    }
    if (state === "waiting") {
      const why = this.leaving ? "The server is restarting." : "You are offline: the server cannot be reached.";
      this.trouble = `${why} Trying to connect again. What you type is kept, and sent when you are back.`;
      this.leaving = false;
    }
    this.store.touch();
  }

  async #come(olds) {
    const round = this.#round;
    const turn = ++this.#turn;
    const { session } = this.hello;
    const until = Date.now() + PATIENCE;
    for (let attempt = 0; round === this.#round && turn === this.#turn; attempt++) {
      const instead = olds[attempt % olds.length];
      try {
        this.#sessions = [session, ...this.#sessions.filter((one) => one !== session)].slice(0, 3);
        const label = `${COMING}${turn}.${attempt}`;
        await this.connection.ask({ do: "come", label, name: this.wanted, ...(instead && { instead }) });
        return await this.#settleIn(round);
      } catch (error) {
        if (error instanceof Lost) return;
        if (!(error instanceof Refused)) throw error;
        if (error.kind === "alreadyhere") return; // by an earlier turn: somebody has pressed Enter twice
        this.#sessions = this.#sessions.filter((one) => one !== session);
        const taken = error.kind === "nametaken";
        if (/^(namenotallowed|toolongforname)$/.test(error.kind)) return this.#askName({ wrong: error.message });
        if (taken && (!olds.length || Date.now() > until)) return this.#askName({ wrong: this.#taken() });
        if (taken && attempt < olds.length - 1) continue;
        const why = taken ? `Your earlier connection still holds the name ${this.wanted}.` : error.message;
        this.trouble = `${why} Trying again…`;
        this.store.touch();
        await new Promise((resolve) => setTimeout(resolve, AGAIN * (0.5 + Math.random() / 2)));
      }
    }
  }

  #taken() {
    return `The name ${this.wanted} is in use, perhaps by you in another tab. Choose another one for here.`;
  }

  #askName(why = {}) {
    this.choosing = true;
    this.trouble = "";
    this.page.askName(why);
    this.store.touch();
  }

  #arrive({ user, name }) {
    this.store.me = user;
    this.store.name = this.wanted = name;
    this.store.away = false;
    this.#sessions = [this.hello.session];
    this.trouble = "";
    this.here = true;
    remember("name", name);
    this.page.came();
  }

  /** Go back to the rooms, and load what was missed: one after the other, what is looked at first. */
  async #settleIn(round) {
    for (const { name, secret } of recall("rooms", [])) {
      const known = this.store.room(name);
      if (!known) Object.assign(this.store.place(name, true), { secret, joined: false });
    }
    for (const talk of this.store.conversations) {
      talk.live = true;
      talk.outbox.doubt();
      this.flush(talk);
    }
    const { current } = this.store;
    for (const place of [current, ...this.store.rooms.filter((one) => one !== current)]) {
      if (round !== this.#round) return;
      if (place?.isRoom) await this.#settleInto(place);
    }
  }

  async #settleInto(place) {
    try {
      if (place !== this.store.room(LOBBY)) {
        await this.connection.ask({ do: "join", room: place.name, ...(place.secret && { key: place.secret }) });
      }
    } catch (error) {
      if (error instanceof Lost) throw error;
      if (error.kind !== "alreadyinroom") {
        place.joined = false;
        place.isShut = true;
        place.outbox.doubt();
        this.flush(place);
        return this.store.note(`You are no longer in ${place.name}. ${error.message}`, place);
      }
    }
    await this.#catchUp(place);
  }

  async #catchUp(place) {
    let whole = false;
    try {
      whole = await this.past.catchUp(place);
    } catch (error) {
      if (error instanceof Lost) throw error;
      place.present.more = false;
      if (error.kind !== "nohistory") this.store.note(error.message, place);
    }
    place.live = true;
    if (whole) {
      const since = place.present.items.slice(place.present.indexOf(place.lostAt + 1));
      place.outbox.settle(since.filter((line) => line.kind === "said"));
    } else place.outbox.doubt();
    this.store.touch(place);
    this.flush(place);
  }

  #left() {
    this.connection.stop();
    this.#sessions = [];
    this.#askName({ note: "You have left. Come back whenever you like." });
  }

  // What people do.

  /** Say something, now or when the connection is back. */
  say(place, text, action = false) {
    place.outbox.add({ text: clean(text), action, name: this.store.name, typedAt: Date.now(), number: ++lines });
    if (place.visit) this.past.leave(place);
    this.flush(place);
    this.store.touch(place);
  }

  flush(place) {
    if (place.isShut) place.outbox.giveUp(`Not sent: you are not in ${place.name}.`);
    if (!place.live || !this.here) return;
    for (const line of place.outbox.take(Date.now())) {
      const { text, action } = line;
      const what = place.isRoom ? { do: "say", room: place.name, action } : { do: "tell", name: place.name };
      line.label = `line ${line.number}`;
      this.connection.send({ ...what, text, label: line.label });
    }
    this.store.touch(place);
  }

  retry(place, line) {
    place.outbox.retry(line, Date.now());
    this.flush(place);
    this.store.touch(place);
  }

  discard(place, line) {
    place.outbox.remove(line);
    this.store.touch(place);
  }

  /** Go into a room, and look at it. Raises Refused or Lost. */
  async join(name, secret = "") {
    const known = this.store.room(name);
    if (!known?.joined) {
      const { room } = await this.connection.ask({ do: "join", room: name, ...(secret && { key: secret }) });
      const place = this.store.room(room);
      if (secret) place.secret ||= secret;
      this.store.show(place);
      await this.#catchUp(place);
    } else this.store.show(known);
  }

  /** Take another name. Raises Refused or Lost. */
  async rename(name) {
    if (name && name !== this.store.name) await this.connection.ask({ do: "rename", name });
  }

  /** Talk with somebody alone. */
  talkTo(name) {
    const place = this.store.place(name, false);
    place.live = this.here;
    this.store.show(place);
    return place;
  }

  /** Tell somebody something, and look at the conversation once that has arrived. Raises Refused or Lost. */
  async tell(name, text) {
    const known = this.store.conversation(name);
    if (known) return this.say(this.talkTo(known.name), text);
    const { to } = await this.connection.ask({ do: "tell", name, text: clean(text) });
    this.store.show(this.store.place(to, false));
  }

  /** Leave a room, or close a conversation. Raises Refused or Lost. */
  async leave(place) {
    if (place.isRoom && place.joined) await this.connection.ask({ do: "leave", room: place.name });
    else this.store.remove(place);
  }

  /** Ask who is in a place, unless that is known well enough. */
  async refreshPeople(place) {
    if (!place?.joined || !this.here || Date.now() - place.peopleAt < LIST_AGE) return;
    place.peopleAt = Date.now();
    if (place.isRoom) return void this.connection.ask({ do: "members", room: place.name }).catch(() => {});
    const found = await this.connection.ask({ do: "whois", name: place.name }).catch(() => null);
    this.store.meet(place, found);
  }
}

let lines = 0; // typed so far
