/** What this page knows of the chat, as the events so far have made it. Pure: no server, no page, no clock. */

import { key, mentions } from "./names.js";
import { Place, placeId } from "./place.js";
import { Span } from "./span.js";

export const LOBBY = "lobby";

export class Store {
  /** Who I am: the id is another one after each arrival. */
  me = 0;
  name = "";
  away = false;

  /** By id: "#lobby" for a room, "@bob" for a conversation. */
  places = new Map();
  current = null;

  /** Whether comings and goings are shown. */
  notices = false;

  #told = 0;

  /**
   * `hooks.changed()` hears of every change, `hooks.alert(place, line, mention)` of lines that nobody looks at, and
   * `hooks.looksAt(place)` says whether somebody looks at the end of a place. `read`: up to which id each was read.
   */
  constructor(hooks, read = {}) {
    this.hooks = hooks;
    this.readBefore = read;
  }

  get rooms() {
    return [...this.places.values()].filter((place) => place.isRoom);
  }

  get conversations() {
    return [...this.places.values()].filter((place) => !place.isRoom);
  }

  room(name) {
    return this.places.get(placeId(name, true));
  }

  conversation(name) {
    return this.places.get(placeId(name, false));
  }

  /** Find a room or a conversation, or begin it. */
  place(name, isRoom) {
    const id = placeId(name, isRoom);
    let place = this.places.get(id);
    if (!place) {
      this.places.set(id, (place = new Place(name, isRoom)));
      place.readId = this.readBefore[id] ?? null;
      if (isRoom) this.current ??= place;
    }
    return place;
  }

  /** Look at a place. */
  show(place) {
    if (this.current && this.current !== place && !this.current.unread) this.current.newFrom = null;
    this.current = place;
    this.touch(place);
  }

  remove(place) {
    this.places.delete(place.id);
    if (this.current === place) this.show(this.room(LOBBY) ?? [...this.places.values()][0] ?? null);
    this.touch();
  }

  read(place) {
    if (place.read()) this.touch();
  }

  touch(place) {
    if (place) place.version++;
    this.hooks.changed();
  }

  /** Tell whoever sits here something, below the last line. */
  note(text, place = this.current, more = {}) {
    if (!place) return;
    place.present.note({ kind: "note", at: 0, text, version: 0, ...more });
    this.touch(place);
  }

  isMe(name) {
    return key(name) === key(this.name);
  }

  /** The connection was lost. */
  lose() {
    for (const place of this.places.values()) {
      if (place.live) place.lostAt = place.upTo;
      else if (place.isRoom && !place.upTo) place.present = new Span(); // else there would be a hole behind it
      place.live = false;
      place.peopleAt = 0;
      place.outbox.lose();
      this.touch(place);
    }
  }

  /** Take what the server says. */
  apply(message) {
    const handler = this[`_${message.event ?? message.answer}`];
    if (message.refusal || message.event === "notsent") this.#refused(message);
    else if (handler) handler.call(this, message);
  }

  /** Take lines and changes of the past into one of a place's spans. */
  take(place, { lines = [], changes = [] }, span = place.present) {
    for (const said of lines) this.#add(place, span, said, false);
    for (const change of changes) this.#change(place, change);
    if (span.length && !span.from) span.from = span.items[0].id;
    this.touch(place);
  }

  #add(place, span, said, isLive = true) {
    const line = { ...said, kind: "said", seq: 0, version: 0 };
    if (!span.add(line) || span !== place.present) return;
    if (this.isMe(line.name)) {
      if (isLive) place.readId = Math.max(place.readId, line.id);
    } else if (isLive || place.readId !== null) this.#count(place, line, mentions(line.text, this.name), isLive);
  }

  #count(place, line, mention, isLive) {
    const seen = this.hooks.looksAt(place);
    const before = place.unread;
    place.count(line, seen, mention, isLive);
    if (place.unread > before) this.hooks.alert(place, line, mention);
    if (seen || place !== this.current) place.trim();
  }

  #change(place, { event, line, text }) {
    for (const copy of place.copies(line)) {
      if (event === "deleted") Object.assign(copy, { deleted: true, text: "" });
      else Object.assign(copy, { edited: true, text });
      copy.version++;
    }
    this.touch(place);
  }

  #refused({ label, refusal, sentence, why, of, room }) {
    const text = sentence ?? `Not sent: ${why}.`;
    const places = label ? [...this.places.values()] : of === "said" ? [this.room(room)] : [];
    for (const place of places) {
      if (place?.outbox.refuse(label, text)) return this.touch(place);
    }
    if (!label || refusal === "flooding") this.note(text);
  }

  // What happens in rooms.

  _said(event) {
    const place = this.room(event.room);
    if (!place) return;
    if (place.beganAgain(event)) place.beginAgain();
    if (event.user && event.user === this.me && place.outbox.confirm()) place.newFrom = null;
    this.#add(place, place.present, event);
    this.#reached(place, event);
  }

  _edited(event) {
    const place = this.room(event.room);
    if (!place) return;
    this.#change(place, event);
    this.#reached(place, event);
  }

  _deleted(event) {
    this._edited(event);
  }

  #reached(place, { id }) {
    if (place.live && id) place.upTo = Math.max(place.upTo, id);
    this.touch(place);
  }

  _replay({ room, lines }) {
    const place = this.room(room);
    if (place) this.take(place, { lines });
  }

  _topicset({ room, name, topic, at }) {
    const place = this.room(room);
    if (!place) return;
    place.topic = topic;
    this.note(topic ? `${name} set the topic: ${topic}` : `${name} cleared the topic.`, place, { at });
  }

  _topic({ room, topic }) {
    const place = this.room(room);
    if (place) place.topic = topic;
    this.touch();
  }

  _madeprivate({ room, name, key: secret, at }) {
    const place = this.room(room);
    if (!place) return;
    place.secret = secret;
    this.note(`${name} made ${room} private. To come back: /join ${room} ${secret}`, place, { at });
  }

  _welcome({ room, people, others, topic, key: secret }) {
    const place = this.place(room, true);
    Object.assign(place, { topic, secret });
    for (const name of [...others, this.name]) this.#comes(place, name);
    if (people && people === place.people.size) place.peopleAt ||= 1;
    this.touch(place);
  }

  _members({ room, people, more }) {
    const place = this.room(room);
    if (!place) return;
    const gathered = [...(place.gathering ?? []), ...people];
    place.gathering = more ? gathered : null;
    if (more) return;
    place.people = new Map(gathered.map((person) => [key(person.name), person]));
    place.peopleVersion++;
    this.touch(place);
  }

  // Coming and going.

  _arrived(event) {
    if (event.user === this.me) this.place(event.room || LOBBY, true).joined = true;
    this._joined(event);
  }

  _joined({ room, user, name, at }) {
    const place = user === this.me ? this.place(room || LOBBY, true) : this.room(room);
    if (!place) return;
    if (user === this.me) Object.assign(place, { joined: true, isShut: false });
    this.#comes(place, name);
    if (this.notices && user !== this.me) this.note(`${name} joined.`, place, { at });
    this.touch(place);
  }

  _left({ room, user, name, at }) {
    const place = this.room(room);
    if (!place) return;
    if (user === this.me) return this.remove(place);
    this.#goes(place, name);
    if (this.notices) this.note(`${name} left.`, place, { at });
    this.touch(place);
  }

  _departed({ name, words, at }) {
    for (const place of this.rooms) {
      if (!this.#goes(place, name)) continue;
      if (this.notices) this.note(`${name} left${words ? `: ${words}` : "."}`, place, { at });
      this.touch(place);
    }
  }

  _renamed({ user, name, to, at }) {
    const mine = user === this.me;
    if (mine) this.name = to;
    for (const place of this.rooms) {
      const person = place.people.get(key(name));
      if (!person) continue;
      this.#goes(place, name);
      place.people.set(key(to), { ...person, name: to });
      if (this.notices && !mine) this.note(`${name} is now ${to}.`, place, { at });
    }
    const talk = this.places.get(placeId(name, false));
    if (talk && !this.places.has(placeId(to, false))) {
      this.places.delete(talk.id);
      talk.name = to;
      this.places.set(talk.id, talk);
      this.note(`${name} is now ${to}.`, talk, { at });
    }
    if (mine) this.note(`Your name is ${to}.`);
    this.touch();
  }

  #comes(place, name) {
    if (place.people.has(key(name))) return;
    place.people.set(key(name), { name, away: false });
    place.peopleVersion++;
  }

  #goes(place, name) {
    place.peopleVersion++;
    return place.people.delete(key(name));
  }

  // Between two people.

  _told(event) {
    const mine = event.user === this.me;
    const place = this.place(mine ? event.to : event.name, false);
    place.live = true;
    if (mine && event.label) place.outbox.confirm(event.label);
    if (!event.text && event.sealed) {
      const lost = `${event.name} told you something, but it got lost on the way. Ask them to say it again.`;
      return this.note(lost, place);
    }
    const line = { ...event, id: ++this.#told, kind: "said", seq: 0, version: 0 };
    place.present.add(line);
    if (mine) place.newFrom = null;
    else {
      this.answerTo = event.name;
      this.#count(place, line, true, true);
    }
    this.touch(place);
  }

  /** Know who is in a conversation: myself, and the other one if they are found. */
  meet(place, found) {
    const both = found ? [{ name: found.name, away: found.away !== null }, this] : [];
    place.people = new Map(both.map(({ name, away }) => [key(name), { name, away }]));
    place.peopleVersion++;
    this.touch();
  }

  /** Put back what was told before the page was loaded again. */
  remember(conversations) {
    for (const { name, lines } of conversations) {
      const place = this.place(name, false);
      for (const line of lines) place.present.add({ ...line, id: ++this.#told, seq: 0, version: 0 });
      place.read();
    }
  }

  _isaway({ name, words }) {
    this.note(`${name} is away${words ? `: ${words}` : "."}`, this.place(name, false));
  }

  _invited({ room, user, name, to }) {
    if (user === this.me) this.note(`You invited ${to} to ${room}.`);
    else this.note(`${name} invites you to ${room}.`, this.current, { join: room });
  }

  // About me.

  _ignored({ whom, on = true }) {
    this.note(on ? `You are now ignoring ${whom}. To stop: /unignore ${whom}` : `You are no longer ignoring ${whom}.`);
  }

  _wentaway({ words }) {
    this.away = true;
    this.note(`You are away${words ? `: ${words}` : "."}`);
  }

  _cameback() {
    this.away = false;
    this.note("You are back.");
  }
}
