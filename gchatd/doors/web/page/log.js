/** The lines of a place, as they are seen: some hundreds of them at a time, however many there are. */

import { byId, el, icon, reconcile } from "./dom.js";
import { colourOf, key } from "./names.js";
import { nodesOf } from "./text.js";
import { brief, dayInWords, dayOf, inFull } from "./times.js";

const PAGE = 100;
const MOST = 600; // elements; beyond that, those farthest from what is seen are taken away
const NEAR = 500; // px from an end, within which more is shown
const AT_END = 40; // px
const TOGETHER = 5 * 60_000; // ms between lines of one person that stand below one name

export class Log {
  place = null;

  /** Whether the end is in view, and stays there as lines come. */
  atEnd = true;

  /** The first and the last item shown; no last one: up to the end. */
  #first = null;
  #last = null;
  #seen = ""; // the version that is drawn
  #height = 0; // of the pane, when it was last at its end
  #endTop = 0; // how far it was scrolled then
  #holds = false; // missed lines are loaded: whoever reads stays where they are

  /**
   * `on.near(direction)` hears that the first (-1) or last (1) line that is loaded comes into view, `on.scrolled()`
   * that somebody scrolls; `on.edit`, `on.remove`, `on.retry`, `on.discard` (of a line) and `on.join(room)` are buttons.
   */
  constructor(store, settings, on) {
    Object.assign(this, { store, settings, on });
    this.pane = byId("log");
    this.list = byId("lines");
    this.pane.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    new ResizeObserver(() => this.#follows && this.#toEnd()).observe(this.pane);
  }

  /** Show the current place as it is now. */
  render() {
    const place = this.store.current;
    const span = place?.span;
    const moved = place !== this.place || span !== this.span;
    if (moved) this.#turnTo(place, span);
    const seen = `${place?.version} ${this.settings.time}`;
    if (!place || (!moved && seen === this.#seen)) return;
    this.#seen = seen;
    this.#draw(moved);
  }

  #turnTo(place, span) {
    const joins = place && place === this.place && this.#first && span.find(this.#first.id) && !place.visit;
    const jumps = place && place === this.place && place.visit && this.span?.items.includes(place.visit.items[0]);
    Object.assign(this, { place, span });
    this.pane.setAttribute("aria-label", place ? `Messages in ${place.name}` : "Messages");
    if (joins || jumps) return; // the same lines are shown, only that they are part of another run now
    this.#first = this.#last = null;
    this.atEnd = true;
    this.#endTop = 0;
    this.list.replaceChildren();
  }

  #draw(quiet) {
    const { span } = this;
    if (this.#wasMoved) this.atEnd = false;
    const catchesUp = this.place.lostAt && !this.place.live && !this.place.hurries;
    const isBack = this.#holds && !catchesUp;
    this.#holds = Boolean(this.atEnd && catchesUp && this.list.firstChild);
    const follows = this.#follows && !isBack;
    let first = this.#first ? this.#index(this.#first) : Math.max(0, span.length - PAGE);
    let last = this.#last ? this.#index(this.#last) + 1 : span.length;
    if (last - first > MOST) {
      if (follows) first = last - MOST;
      else last = first + MOST;
    }
    this.#first = span.items[first] ?? null;
    this.#last = last < span.length ? span.items[last - 1] : null;
    const anchor = follows ? null : this.#anchor();
    if (quiet || !follows) this.#hush();
    reconcile(this.list, this.#rows(first, last));
    byId("earlier").hidden = !span.loading;
    byId("empty").hidden = span.length > 0 || !this.place.live || this.place.outbox.lines.length > 0;
    if (isBack) this.atEnd = !this.#last && this.#below < this.pane.clientHeight; // few were missed
    if (this.#follows) this.#toEnd();
    else if (anchor) this.#restore(anchor);
    requestAnimationFrame(() => this.#extends()); // there may be room for more
  }

  /** Whether somebody has scrolled up, and the event that says so is still to come. */
  get #wasMoved() {
    return this.pane.clientHeight === this.#height && this.pane.scrollTop < this.#endTop - AT_END;
  }

  /** Whether the end is to stay in view. */
  get #follows() {
    return this.atEnd && !this.#holds;
  }

  /** How far the end is below what is seen. */
  get #below() {
    const { scrollTop, scrollHeight, clientHeight } = this.pane;
    return scrollHeight - scrollTop - clientHeight;
  }

  #scrolled() {
    if (!this.place) return;
    if (this.#follows && this.pane.clientHeight !== this.#height) return this.#toEnd(); // the window changed
    this.atEnd = this.#below < AT_END && !this.#last && !this.place.visit;
    this.#extends();
  }

  /** Show more lines above or below, where there is room, or ask for more to be loaded. */
  #extends() {
    if (this.pane.scrollTop < NEAR) this.#extend(-1);
    if (this.#below < NEAR && !this.atEnd) this.#extend(1);
    this.on.scrolled();
  }

  #extend(direction) {
    const { items } = this.span;
    const first = this.#first ? this.#index(this.#first) : 0;
    const last = this.#last ? this.#index(this.#last) + 1 : items.length;
    if (direction < 0 && first > 0) {
      const from = Math.max(0, first - PAGE);
      this.#first = items[from];
      this.#last = items[Math.min(items.length, from + MOST) - 1];
      if (last <= from + MOST) this.#last = last < items.length ? items[last - 1] : null;
    } else if (direction > 0 && last < items.length) {
      const to = Math.min(items.length, last + PAGE);
      this.#last = to < items.length ? items[to - 1] : null;
      this.#first = items[Math.max(first, to - MOST)];
    } else return this.on.near(direction);
    this.#draw(true);
  }

  #index({ id, seq }) {
    const { items } = this.span;
    let at = this.span.indexOf(id);
    while (at < items.length - 1 && items[at].id === id && items[at].seq < seq) at++;
    return Math.min(at, items.length - 1);
  }

  /** Bring a line into view, and mark it for a moment. */
  goTo(item) {
    if (!item) return;
    this.render();
    const at = this.#index(item);
    const { items } = this.span;
    this.atEnd = false;
    this.#first = items[Math.max(0, at - PAGE)];
    this.#last = at + PAGE < items.length ? items[at + PAGE] : null;
    this.#draw(true);
    const row = this.row(item);
    row?.scrollIntoView({ block: "center" });
    row?.classList.add("shown");
    setTimeout(() => row?.classList.remove("shown"), 2500);
    return row;
  }

  toPresent() {
    this.#first = this.#last = null;
    this.atEnd = true;
    this.#endTop = 0;
    this.#draw(true);
    this.on.scrolled();
  }

  row(item) {
    return this.list.querySelector(`[data-key="${item.id}.${item.seq}"]`);
  }

  /** Whether the mark above the first new line is out of view, above. */
  get newIsAbove() {
    const { newFrom } = this.place ?? {};
    if (newFrom === null || newFrom === undefined || this.place.visit) return false;
    const mark = this.list.querySelector(".new-mark");
    if (!mark) return this.span.indexOf(newFrom) < this.span.length;
    return mark.getBoundingClientRect().bottom < this.pane.getBoundingClientRect().top;
  }

  #toEnd() {
    this.pane.scrollTop = this.pane.scrollHeight;
    this.#height = this.pane.clientHeight;
    this.#endTop = this.pane.scrollTop;
  }

  /** The first row in view, and where it is. */
  #anchor() {
    const rows = this.list.children;
    let low = 0;
    let high = rows.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].offsetTop + rows[middle].offsetHeight > this.pane.scrollTop) high = middle;
      else low = middle + 1;
    }
    for (let at = low; at < rows.length; at++) {
      if (rows[at].dataset.id) return { key: rows[at].dataset.key, top: rows[at].offsetTop };
    }
    return null;
  }

  #restore({ key: wanted, top }) {
    const row = [...this.list.children].find((child) => child.dataset.key === wanted);
    if (row && row.offsetTop !== top) this.pane.scrollTop += row.offsetTop - top;
  }

  /** Keep a screen reader from reading out what is not new. */
  #hush() {
    this.pane.setAttribute("aria-live", "off");
    clearTimeout(this.hushed);
    this.hushed = setTimeout(() => this.pane.setAttribute("aria-live", "polite"), 300);
  }

  // Rows.

  #rows(first, last) {
    const rows = [];
    let before = null;
    let day = "";
    for (const item of this.span.items.slice(first, last)) {
      if (item.at && dayOf(item.at) !== day) {
        rows.push(dayRow(item));
        day = dayOf(item.at);
        before = null;
      }
      const isNew = item.id === this.place.newFrom && item.seq === 0;
      if (isNew) rows.push(newRow);
      rows.push(this.#row(item, isNew || startsGroup(item, before)));
      before = item;
    }
    if (!this.#last && !this.place.visit) {
      for (const line of this.place.outbox.lines) rows.push(this.#pendingRow(line));
    }
    return rows;
  }

  #row(item, isHead) {
    const version = `${item.version}${isHead}${this.settings.time}`;
    const make = item.kind === "note" ? () => this.#makeNote(item) : () => this.#makeLine(item, isHead);
    return { key: `${item.id}.${item.seq}`, version, make };
  }

  #makeLine(item, isHead) {
    const mine = item.user ? item.user === this.store.me : this.store.isMe(item.name);
    const text = el("div", { class: "text", dir: "auto" });
    if (item.action) text.append(nameOf(item), " ");
    if (item.deleted) text.append(el("em", { class: "gone" }, "Message deleted"));
    else text.append(...nodesOf(item.text, this.store.name));
    if (item.edited && !item.deleted) text.append(el("span", { class: "edited" }, " (edited)"));
    const row = el("div", { class: `line${isHead ? " head" : ""}${mine ? " mine" : ""}`, tabIndex: -1 });
    row.dataset.id = item.id;
    if (item.action) text.append(" ", this.#time(item.at) ?? "");
    else row.append(el("div", { class: "by" }, nameOf(item, !isHead), this.#time(item.at)));
    row.append(text);
    if (item.user && item.user === this.store.me && !item.deleted && this.place.isRoom) row.append(this.#tools(item));
    if (text.querySelector(".you")) row.classList.add("mention");
    if (item.action) row.classList.add("action");
    return row;
  }

  /** What can be done with one's own line; removing it takes two clicks. */
  #tools(item) {
    const remove = button("Delete", () => {
      if (remove.textContent === "Delete") remove.textContent = "Delete it for good";
      else this.on.remove(item);
    });
    return el("div", { class: "tools" }, button("Edit", () => this.on.edit(item)), remove);
  }

  #time(at) {
    if (this.settings.time === "off") return null;
    const shown = this.settings.time === "full" ? inFull(at) : brief(at);
    return el("time", { dateTime: new Date(at).toISOString(), title: inFull(at) }, shown);
  }

  #makeNote(item) {
    const text = el("div", { class: "text", dir: "auto" }, ...nodesOf(item.text));
    const row = el("div", { class: "note", tabIndex: -1 }, text);
    if (item.join) row.append(button(`Join ${item.join}`, () => this.on.join(item.join)));
    row.dataset.id = item.id;
    return row;
  }

  #pendingRow(line) {
    const make = () => {
      const text = el("div", { class: "text", dir: "auto" }, ...nodesOf(line.text));
      const row = el("div", { class: `line pending ${line.state}` }, text);
      const how = line.state === "sending" ? "Sending…" : "Not sent yet: waiting for the connection.";
      const state = el("div", { class: "state" }, line.why ?? how);
      if (line.state === "unsent") {
        state.append(button("Send now", () => this.on.retry(line)), button("Discard", () => this.on.discard(line)));
      }
      row.append(state);
      return row;
    };
    return { key: `pending ${line.number}`, version: line.state, make };
  }
}

const newRow = {
  key: "new",
  version: "",
  make: () => el("div", { class: "new-mark" }, el("span", {}, "New")),
};

function dayRow({ at, id, seq }) {
  const day = dayOf(at);
  return {
    key: `${day} ${id}.${seq}`,
    version: dayInWords(at),
    make: () => el("h2", { class: "day" }, el("time", { dateTime: day }, dayInWords(at))),
  };
}

/** Whether a line needs its author's name above it. */
function startsGroup(item, before) {
  if ([item, before].some((line) => line?.kind !== "said" || line.action)) return true;
  return key(before.name) !== key(item.name) || item.at - before.at > TOGETHER;
}

const button = (text, onclick) => el("button", { type: "button", onclick }, text);

/** A name in its colour; `heard` only: a group's later lines show none, but a screen reader says it. */
export function nameOf({ name }, heard = false) {
  const shown = el("bdi", { class: heard ? "hidden name" : "name" }, name);
  shown.style.color = `var(--name-${colourOf(name)})`;
  return shown;
}

/** A button that brings something into view, with how much there is of it. */
export function jumpButton(id, direction, text, act) {
  const button = byId(id);
  button.replaceChildren(icon(direction), text);
  button.addEventListener("click", act);
  return button;
}
