/** Loads what was said before, or missed: a page at a time, so that the server is never asked for much at once. */

import { Refused } from "./connection.js";
import { Span } from "./span.js";

const FIRST = 50;
const PAGE = 100;
const MISSED_PAGE = 200;
const MOST_PAGES = 5; // of missed lines; whoever missed more starts from the present and scrolls up

export class Past {
  constructor(connection, store) {
    this.connection = connection;
    this.store = store;
  }

  /** Load what is missing between the last line and now. Gives whether every line since is there. Raises Lost. */
  async catchUp(place) {
    const whole = Boolean(place.upTo) && (await this.#readOn(place));
    if (!whole) {
      if (place.upTo) this.#begin(place);
      const past = await this.#ask(place, { count: place.readId === null ? FIRST : MISSED_PAGE });
      this.store.take(place, past);
      place.unreadMore = past.more && place.readId !== null && past.first_line > place.readId;
      Object.assign(place.present, { more: past.more, from: past.first_line || place.present.from });
      if (place.readId === null) place.readId = place.present.last?.id ?? 0;
    }
    place.upTo = Math.max(place.upTo, ...place.present.items.slice(-1).map(({ id }) => id));
    place.hurries = false;
    return whole || !place.lostAt;
  }

  /**
   * Begin a new run of lines: there are too many between the old one and now. Whoever looks at it stays there, unless
   * they were on their way to the present.
   */
  #begin(place) {
    const old = place.present;
    place.present = old.cut(place.upTo);
    const stays = place === this.store.current && old.length && !place.hurries;
    if (stays) place.visit ??= Object.assign(old, { to: place.upTo });
  }

  async #readOn(place) {
    for (let page = 0; page < MOST_PAGES; page++) {
      const past = await this.#ask(place, { after_line: place.upTo, count: MISSED_PAGE });
      this.store.take(place, past);
      if (!past.more) return true;
      if (past.last_line <= place.upTo) return false;
      place.upTo = past.last_line;
    }
    return false;
  }

  /** Load earlier lines, if there are any, into what is shown; so many, if somebody asks for that, and now. */
  async earlier(place, count = 0) {
    while (count && place.span.loading) await place.span.loading;
    if (!place.span.more) return undefined;
    return this.#once(place, async (span) => {
      const past = await this.#ask(place, { before_line: span.from, count: count || PAGE });
      this.store.take(place, past, span);
      Object.assign(span, { more: past.more, from: past.first_line || span.from });
      if (!past.lines.length && !past.left_out) span.more = false;
    });
  }

  /** While somebody looks at the past: load later lines. */
  later(place) {
    if (!place.visit) return undefined;
    return this.#once(place, (span) => this.#readLater(place, span));
  }

  /** Show a line, with what was said around it; give the nearest one that is there. */
  async around(place, id) {
    if (!place.present.find(id)) {
      const span = new Span();
      const past = await this.#ask(place, { before_line: id + 1, count: FIRST });
      this.store.take(place, past, span);
      Object.assign(span, { more: past.more, from: past.first_line || id, to: id });
      place.visit = span;
      await this.#readLater(place, span);
    } else place.visit = null;
    this.store.touch(place);
    return place.span.items[Math.min(place.span.indexOf(id), place.span.length - 1)];
  }

  /** Show what was said before a moment; give the last line of that, if there is any. */
  async before(place, at) {
    const { lines } = await this.#ask(place, { before: at, count: 1 });
    return lines.length ? this.around(place, lines[0].id) : undefined;
  }

  /** Go back to the present. */
  leave(place) {
    place.visit = null;
    place.hurries = !place.live;
    this.store.touch(place);
  }

  async #readLater(place, span) {
    const past = await this.#ask(place, { after_line: span.to, count: PAGE });
    this.store.take(place, past, span);
    const last = Math.max(past.last_line, span.to);
    const met = place.present.length && last >= place.present.items[0].id;
    if (past.more && last > span.to && !met) span.to = last;
    else if (place.visit === span) {
      for (const item of place.present.items) span.add(item); // they have met: one run of lines from now on
      Object.assign(place.present, { items: span.items, more: span.more, from: span.from });
      place.visit = null;
    }
    this.store.touch(place);
  }

  /** Do one thing at a time with a span. */
  async #once(place, load) {
    const { span } = place;
    if (span.loading || !place.live) return;
    let loaded;
    span.loading = new Promise((resolve) => (loaded = resolve));
    this.store.touch(place);
    try {
      await load(span);
    } catch (error) {
      if (error instanceof Refused) span.more = false;
    } finally {
      span.loading = null;
      loaded();
      this.store.touch(place);
    }
  }

  #ask(place, what) {
    return this.connection.ask({ do: "history", room: place.name, ...what });
  }
}
