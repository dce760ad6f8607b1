/** A run of lines without a hole, in order. Knows nothing of rooms, servers or the page. */

/** A line is {id, seq, ...}: what the server counts has a `seq` of 0; notes stand after the line whose id they have. */
export class Span {
  items = [];

  /** Whether there are earlier lines than these, and the id before which they are. */
  more = true;
  from = 0;

  get length() {
    return this.items.length;
  }

  get last() {
    return this.items.at(-1);
  }

  /** Put an item where it belongs; give whether it was missing. */
  add(item) {
    const at = this.#place(item.id, item.seq);
    if (this.items[at] && this.items[at].id === item.id && this.items[at].seq === item.seq) return false;
    this.items.splice(at, 0, item);
    return true;
  }

  /** Put a note after all there is. */
  note(item) {
    const { id = 0, seq = 0 } = this.last ?? {};
    this.items.push({ ...item, id, seq: seq + 1 });
  }

  find(id) {
    const item = this.items[this.#place(id, 0)];
    return item?.id === id && item.seq === 0 ? item : undefined;
  }

  /** Return the index of the first item with this id or a later one. */
  indexOf(id) {
    return this.#place(id, 0);
  }

  /** Take away what is after an id; give it as a run of its own. */
  cut(id) {
    const rest = new Span();
    rest.items = this.items.splice(this.#place(id + 1, 0));
    return rest;
  }

  /** Forget the oldest, if there are more than `most`. */
  trim(most) {
    if (this.length <= most) return;
    this.items.splice(0, this.length - most);
    this.more = true;
    this.from = this.items[0].id;
  }

  /** Forget all of it; it can be loaded again. */
  clear() {
    if (!this.length) return;
    this.from = this.last.id + 1;
    this.more = true;
    this.items = [];
  }

  /** Number these from below zero, in order: the ids of what comes begin again. */
  renumber() {
    let id = -this.length - 1;
    let last;
    for (const item of this.items) {
      if (item.id !== last) id++;
      last = item.id;
      item.id = id;
    }
    this.more = false;
  }

  #place(id, seq) {
    let low = 0;
    let high = this.items.length;
    const last = this.items[high - 1];
    if (!last || last.id < id || (last.id === id && last.seq < seq)) return high; // nearly always
    while (low < high) {
      const middle = (low + high) >> 1;
      const item = this.items[middle];
      if (item.id < id || (item.id === id && item.seq < seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
