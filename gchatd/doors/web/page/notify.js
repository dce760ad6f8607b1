/** Notifications outside the page, for those who asked for them, and the count in the tab's title. */

export const isAllowed = () => globalThis.Notification?.permission === "granted";
export const mayAsk = () => globalThis.Notification?.permission === "default";

/** Ask the browser for permission. Call it on a click only. */
export async function allow() {
  if (mayAsk()) await Notification.requestPermission();
}

/** Tell somebody who looks elsewhere of a line; a click on it calls `open`. */
export function notify(place, line, open) {
  if (!isAllowed()) return;
  try {
    const title = place.isRoom ? `${line.name} in ${place.name}` : line.name;
    const notification = new Notification(title, { body: line.text.slice(0, 200), tag: place.id, icon: "icon.svg" });
    notification.onclick = () => {
      window.focus();
      notification.close();
      open();
    };
  } catch {
    // Some phones have notifications only for pages that are installed.
  }
}

/** Show where somebody is and, if they want that, how much is unread. */
export function title(store, counts) {
  const places = [...store.places.values()];
  const mentions = places.reduce((sum, place) => sum + place.mentions, 0);
  const unread = places.reduce((sum, place) => sum + place.unread, 0);
  const count = counts && unread ? `(${mentions ? `${mentions}!` : unread}) ` : "";
  const text = `${count}${store.current ? `${store.current.name} · ` : ""}gchat`;
  if (document.title !== text) document.title = text;
}
