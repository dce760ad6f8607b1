/** Where lines are typed, with history and completion. Knows nothing of what becomes of a line. */

import { byId } from "./dom.js";

const KEPT = 100; // lines of what was typed
const LISTED = 8; // words that fit

export class Composer {
  #typed = [];
  #at = 0;
  #unfinished = "";
  #cycle = null;

  /**
   * `on.line(text)` gives false if the text is to stay; `on.complete(before)`, `on.editLast()` give what to put there;
   * `on.hint(text)` gives what to say about what is being typed.
   */
  constructor(on) {
    this.on = on;
    this.box = byId("composer");
    this.form = byId("compose");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.box.addEventListener("keydown", (event) => this.#key(event));
    this.box.addEventListener("input", () => this.#changed());
  }

  get text() {
    return this.box.value;
  }

  set text(text) {
    this.box.value = text;
    this.#changed();
  }

  /** Be ready to type; but where that opens a keyboard on the screen, only when somebody wants to. */
  focus() {
    if (!matchMedia("(pointer: coarse)").matches) this.box.focus();
  }

  #changed(hint = this.on.hint(this.text)) {
    this.#cycle = null;
    this.box.style.height = "auto";
    this.box.style.height = `${this.box.scrollHeight + 2}px`;
    byId("hint").textContent = hint;
  }

  #send() {
    const { text } = this;
    if (!text.trim()) return;
    this.text = "";
    if (this.on.line(text) === false) {
      this.text = text;
      return;
    }
    if (this.#typed.at(-1) !== text) this.#typed.push(text);
    this.#typed.splice(0, this.#typed.length - KEPT);
    this.#at = this.#typed.length;
    this.box.focus();
  }

  #key(event) {
    if (event.isComposing) return;
    const { key, shiftKey, altKey, ctrlKey } = event;
    const up = key === "ArrowUp";
    let done = true;
    if (key === "Enter" && !shiftKey) this.#send();
    else if (key === "Tab" && !altKey && !ctrlKey) done = this.#complete(shiftKey ? -1 : 1);
    else if ((up || key === "ArrowDown") && (altKey || ctrlKey)) this.#recall(up ? -1 : 1);
    else if (up && !this.text) this.text = this.on.editLast();
    else done = false;
    if (done) event.preventDefault();
  }

  #recall(step) {
    if (this.#at === this.#typed.length) this.#unfinished = this.text;
    this.#at = Math.max(0, Math.min(this.#typed.length, this.#at + step));
    this.text = this.#typed[this.#at] ?? this.#unfinished;
  }

  /** Put the next word that fits before the caret; give false if there is none, so that Tab goes on to what is next. */
  #complete(step) {
    let cycle = this.#cycle;
    if (!cycle) {
      if (step < 0 || this.box.selectionStart !== this.box.selectionEnd) return false;
      const before = this.text.slice(0, this.box.selectionStart);
      cycle = { ...this.on.complete(before), at: -1, to: before.length };
      if (!cycle.words.length) return false;
    }
    const { words, start, end } = cycle;
    cycle.at = (cycle.at + step + words.length) % words.length;
    const word = words[cycle.at] + end;
    this.box.setRangeText(word, start, cycle.to, "end");
    cycle.to = start + word.length;
    const others = [...words.slice(0, LISTED), ...(words.length > LISTED ? ["…"] : []), " Tab: the next"].join("  ");
    this.#changed(words.length > 1 ? others : undefined);
    this.#cycle = cycle;
    return true;
  }
}
