/** The lists beside the messages: rooms, conversations, people. */

import { byId, el, icon, reconcile } from "./dom.js";
import { nameOf } from "./log.js";
import { key } from "./names.js";
import { people, plural } from "./times.js";

const MOST_PEOPLE = 500; // shown
const MOST_COUNTED = 999;

/** Show the rooms and conversations, with what is unread there. */
export function renderPlaces(store, show) {
  const row = (place) => {
    const isCurrent = place === store.current;
    const version = [place.name, isCurrent, place.unread, place.mentions, place.secret, place.joined].join();
    return { key: place.id, version, make: () => placeRow(place, isCurrent, show) };
  };
  reconcile(byId("rooms"), store.rooms.map(row));
  reconcile(byId("talks"), store.conversations.map(row));
  byId("no-talks").hidden = store.conversations.length > 0;
}

function placeRow(place, isCurrent, show) {
  const name = el("bdi", { class: "place-name" }, place.name);
  const button = el("button", { type: "button", class: "place", onclick: () => show(place) }, name);
  if (isCurrent) button.setAttribute("aria-current", "true");
  if (place.secret) button.append(icon("lock"), el("span", { class: "hidden" }, " private"));
  if (!place.joined) button.append(el("span", { class: "faint" }, " left"));
  if (place.unread) {
    button.classList.add("unread");
    const badge = place.mentions ? "badge mentions" : "badge";
    button.append(el("span", { class: badge, "aria-hidden": "true" }, count(place)));
    const mentioned = place.isRoom && place.mentions ? `, ${plural(place.mentions, "mention")}` : "";
    button.append(el("span", { class: "hidden" }, ` ${place.unread} unread${mentioned}`));
  }
  return el("li", {}, button);
}

/** What stands in a badge: how often one was mentioned or, if nobody did, how many lines are unread. */
function count({ mentions, unread, unreadMore }) {
  if (mentions) return String(mentions);
  return unread > MOST_COUNTED || unreadMore ? `${Math.min(unread, MOST_COUNTED)}+` : String(unread);
}

/** Show who is in the current room. */
export function renderPeople(store, talkTo) {
  const place = store.current;
  const version = `${place?.id} ${place?.peopleVersion} ${store.name}`;
  if (version === shownPeople) return;
  shownPeople = version;
  const here = [...(place?.people.values() ?? [])].sort((a, b) => byName(a.name, b.name));
  const rows = here.slice(0, MOST_PEOPLE).map((person) => ({
    key: key(person.name),
    version: `${person.name} ${person.away}`,
    make: () => personRow(person, store.isMe(person.name), talkTo),
  }));
  const isAlone = place && !place.isRoom && place.peopleAt && !here.length;
  byId("people-title").textContent = isAlone ? `${place.name} is not here` : people(here.length);
  if (here.length > MOST_PEOPLE) rows.push(moreRow);
  reconcile(byId("people-list"), rows);
}

const moreRow = { key: " more", version: "", make: () => el("li", { class: "faint" }, "and more") };
let shownPeople = "";
const byName = new Intl.Collator().compare;

function personRow(person, isMe, talkTo) {
  const away = person.away ? el("span", { class: "faint" }, " away") : null;
  if (isMe) return el("li", { class: "person" }, nameOf(person), el("span", { class: "faint" }, " you"), away);
  const title = `Talk with ${person.name} alone`;
  const onclick = () => talkTo(person.name);
  return el("li", {}, el("button", { type: "button", class: "person", title, onclick }, nameOf(person), away));
}
