/** What can be opened beside or above the messages: drawers and dialogs. Focus goes in, and back where it was. */

import { byId } from "./dom.js";

const NARROW = matchMedia("(max-width: 760px)");
const SIDES = ["people", "search"];

/** Open or close a drawer; on a narrow page only one is open, and the rest lies in shade. */
export class Drawers {
  #from = null;

  /** `changed(id, isOpen)` hears of each. */
  constructor(changed) {
    this.changed = changed;
    for (const id of ["places", ...SIDES]) {
      byId(`${id}-button`).addEventListener("click", () => this.toggle(id));
      byId(id).querySelector(".close").addEventListener("click", () => this.close(id));
      byId(id).addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        this.close(id);
      });
    }
    byId("shade").addEventListener("click", () => this.closeNarrow());
    NARROW.addEventListener("change", () => {
      this.closeNarrow();
      this.#lock();
    });
    this.#lock();
  }

  isOpen(id) {
    return byId(id).classList.contains("open");
  }

  toggle(id) {
    if (this.isOpen(id)) this.close(id);
    else this.open(id);
  }

  open(id) {
    for (const other of ["places", ...SIDES]) if (other !== id && this.isOpen(other)) this.#set(other, false);
    this.#from = document.activeElement;
    this.#set(id, true);
    (byId(id).querySelector("input") ?? byId(id).querySelector(".close")).focus();
  }

  close(id) {
    if (!this.isOpen(id)) return;
    const had = byId(id).contains(document.activeElement);
    this.#set(id, false);
    if (had) (this.#from?.isConnected && this.#from !== document.body ? this.#from : byId(`${id}-button`)).focus();
  }

  /** On a narrow page, give the messages their place back. */
  closeNarrow() {
    if (NARROW.matches) for (const id of ["places", ...SIDES]) this.close(id);
  }

  #set(id, isOpen) {
    byId(id).classList.toggle("open", isOpen);
    if (SIDES.includes(id)) byId(id).hidden = !isOpen;
    byId(`${id}-button`).setAttribute("aria-expanded", String(isOpen));
    const covered = NARROW.matches && ["places", ...SIDES].some((one) => this.isOpen(one));
    document.body.classList.toggle("shaded", covered);
    byId("main").inert = covered;
    this.#lock();
    this.changed(id, isOpen);
  }

  /** Let no key into a drawer that is shut: it can be seen for a moment, while it slides away. */
  #lock() {
    byId("places").inert = NARROW.matches && !this.isOpen("places");
  }
}

/** Make a dialog's close button, and a click beside it, close it. */
export function closable(dialog) {
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
