/** What somebody likes: kept in the browser, changed in a dialog or by a command. */

import { closable } from "./drawers.js";
import { byId } from "./dom.js";
import { recall, remember } from "./memory.js";
import { isAllowed, mayAsk, allow } from "./notify.js";

const FIELDS = { theme: "value", time: "value", bell: "value", count: "checked", notices: "checked" };

export class Settings {
  theme = "system";
  time = "hh:mm";

  /** What to notify of: off, mentions or all; and whether the tab's title counts what is unread. */
  bell = "off";
  count = false;

  /** Whether comings and goings are shown. */
  notices = false;

  constructor(chat, changed) {
    Object.assign(this, recall("settings", {}));
    Object.assign(this, { chat, changed });
    Object.defineProperties(this, { chat: { enumerable: false }, changed: { enumerable: false } });
    this.dialog = null;
    Object.defineProperty(this, "dialog", { value: byId("settings-dialog"), enumerable: false });
    closable(this.dialog);
    byId("settings-button").addEventListener("click", () => this.open());
    for (const [id, property] of Object.entries(FIELDS)) {
      byId(id).addEventListener("change", async () => {
        this[id] = byId(id)[property];
        if (id === "bell" && this.bell !== "off") await allow();
        this.save();
      });
    }
    byId("rename").addEventListener("click", () => this.#rename());
    byId("settings-form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.#rename();
    });
  }

  open() {
    this.#fill();
    byId("new-name").value = this.chat.store.name;
    byId("new-name-why").textContent = "";
    this.dialog.showModal();
  }

  /** Keep what was changed, and let it be seen. */
  save() {
    remember("settings", { ...this });
    this.#fill();
    this.changed();
  }

  #fill() {
    for (const [id, property] of Object.entries(FIELDS)) byId(id)[property] = this[id];
    const refused = this.bell !== "off" && !isAllowed();
    const how = mayAsk() ? "Choose again to allow notifications." : "This browser does not allow notifications here.";
    byId("bell-why").textContent = refused ? how : "";
  }

  async #rename() {
    const name = byId("new-name").value.trim();
    if (!name || name === this.chat.store.name) return;
    try {
      await this.chat.connection.ask({ do: "rename", name });
      byId("new-name-why").textContent = "";
    } catch (error) {
      byId("new-name-why").textContent = error.message;
    }
  }
}
