/** What somebody likes: kept in the browser, changed in a dialog or by a command. */

import { closable } from "./drawers.js";
import { byId } from "./dom.js";
import { recall, remember } from "./memory.js";
import { allow, isAllowed, mayAsk } from "./notify.js";

const FIELDS = { theme: "value", time: "value", bell: "value", count: "checked", notices: "checked" };

export class Settings {
  /** light, dark, contrast or system; and how times are shown: off, hh:mm or full. */
  theme = "system";
  time = "hh:mm";

  /** What to notify of: off, mentions or all; and whether the tab's title counts what is unread. */
  bell = "off";
  count = false;

  /** Whether comings and goings are shown. */
  notices = false;

  #changed;
  #dialog = byId("settings-dialog");

  /** `rename(name)` may raise an error whose message is to be shown; `changed()` hears when something was chosen. */
  constructor(rename, changed) {
    Object.assign(this, recall("settings", {}));
    this.#changed = changed;
    closable(this.#dialog);
    for (const [id, property] of Object.entries(FIELDS)) {
      byId(id).addEventListener("change", async () => {
        this[id] = byId(id)[property];
        if (id === "bell" && this.bell !== "off") await allow();
        this.save();
      });
    }
    byId("settings-form").addEventListener("submit", async (event) => {
      event.preventDefault();
      const why = await rename(byId("new-name").value.trim()).catch((error) => error.message);
      byId("new-name-why").textContent = why ?? "";
    });
  }

  open(name) {
    this.#fill();
    byId("new-name").value = name;
    byId("new-name-why").textContent = "";
    this.#dialog.showModal();
  }

  /** Keep what was changed, and let it be seen. */
  save() {
    remember("settings", { ...this });
    this.#fill();
    this.#changed();
  }

  #fill() {
    for (const [id, property] of Object.entries(FIELDS)) byId(id)[property] = this[id];
    const refused = this.bell !== "off" && !isAllowed();
    const how = mayAsk() ? "Choose again to allow notifications." : "This browser does not allow notifications here.";
    byId("bell-why").textContent = refused ? how : "";
  }
}
