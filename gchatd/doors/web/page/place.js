/** Where people talk: a room, or a conversation with one person. Knows no server and no page. */

import { key } from "./names.js";
import { Outbox } from "./outbox.js";
import { Span } from "./span.js";

const MOST = 5000; // lines kept in memory; earlier ones are loaded again when somebody scrolls up

export class Place {
  topic = "";

  /** The key of a private room. */
  secret = "";

  /** By compared name: {name, away}. `peopleAt` is when the whole list was heard, 0 for never. */
  people = new Map();
  peopleAt = 0;
  peopleVersion = 0; // counts its changes

  /** The lines up to now; and those around something in the past, while somebody looks there. */
  present = new Span();
  visit = null;

  /** Whether nothing is missing between the last line and now; up to which id nothing is missing; and was, when the
   * connection was lost. */
  live = false;
  upTo = 0;
  lostAt = 0;

  /** Whether somebody wants to be at the present, as soon as there is one again. */
  hurries = false;

  /** Whether the server did not let us in again. */
  isShut = false;

  outbox = new Outbox();
  draft = "";
  unread = 0;
  unreadMore = false; // there are more than were counted
  mentions = 0;

  /** Lines up to this id have been read (null: nobody knows); the first line that is new is marked. */
  readId = null;
  newFrom = null;

  /** Counts what has changed in its lines. */
  version = 0;

  constructor(name, isRoom) {
    this.name = name;
    this.isRoom = isRoom;
    this.joined = true;
    this.present.more = isRoom;
  }

  get id() {
    return placeId(this.name, this.isRoom);
  }

  get span() {
    return this.visit ?? this.present;
  }

  /** Find a line, wherever it is shown: there may be two copies of it. */
  copies(id) {
    return [this.present, this.visit].map((span) => span?.find(id)).filter(Boolean);
  }

  /**
   * Whether a line that was said just now shows that ids have begun again, as after the restart of a server without
   * history. (One that history had already is the same line, with the same time.)
   */
  beganAgain({ id, at }) {
    if (!this.live || id > this.upTo || !this.present.length) return false;
    const known = this.present.find(id);
    return known ? known.at !== at : id < this.present.items[0].id;
  }

  /** Keep the lines that are here, before all that come. */
  beginAgain() {
    this.present.renumber();
    this.visit = this.readId = this.newFrom = null;
    this.upTo = this.lostAt = 0;
  }

  /** Count a line that was not there before. `seen`: somebody looks at it as it comes. */
  count(line, seen, mention, isLive) {
    if (seen) this.readId = Math.max(this.readId ?? 0, line.id);
    else if (isLive || line.id > this.readId) {
      const isFirst = !this.unread || line.id < this.newFrom; // the last of what was missed may come first
      if (isFirst) this.newFrom = line.id;
      this.unread++;
      if (mention) this.mentions++;
    }
  }

  /** Everything here has been read. */
  read() {
    const last = this.present.last?.id ?? 0;
    const changed = this.unread > 0 || this.readId !== last;
    this.unread = this.mentions = 0;
    this.unreadMore = false;
    this.readId = last;
    return changed;
  }

  /** Forget the oldest lines once there are many. */
  trim() {
    if (this.present.length > MOST * 1.2) this.present.trim(MOST);
  }

  /** The last line by this user id, if it is still there. */
  lastBy(user) {
    return this.present.items.findLast((line) => line.kind === "said" && line.user === user && !line.deleted);
  }
}

export const placeId = (name, isRoom) => (isRoom ? "#" : "@") + key(name);
