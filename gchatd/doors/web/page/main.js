/** Puts the page together: what happens is drawn at most once a frame. */

import { Chat } from "./chat.js";
import { Commands } from "./commands.js";
import { complete } from "./completion.js";
import { Composer } from "./composer.js";
import { paintNames } from "./colours.js";
import { byId, icon } from "./dom.js";
import { JoinDialog, NameDialog } from "./doors.js";
import { Drawers } from "./drawers.js";
import { renderPeople, renderPlaces } from "./lists.js";
import { jumpButton, Log, nameOf } from "./log.js";
import { recall, recallInTab, remember, rememberInTab } from "./memory.js";
import { notify, title } from "./notify.js";
import { Search } from "./search.js";
import { Settings } from "./settings.js";
import { Store } from "./store.js";
import { plural } from "./times.js";

const KEPT_TOLD = 200; // private lines of a conversation that outlive loading the page again

for (const button of document.querySelectorAll("[data-icon]")) button.prepend(icon(button.dataset.icon));

const store = new Store({ changed: draw, alert, looksAt }, recall("read", {}));
const address = new URL("ws", location.href);
address.protocol = address.protocol === "https:" ? "wss:" : "ws:";
const names = new NameDialog((name) => chat.enter(name));
const chat = new Chat(address, store, {
  askName: (why) => names.ask(why, chat.wanted),
  came: () => {
    names.close();
    composer.focus();
  },
});
const settings = new Settings((name) => chat.rename(name), applySettings);
const drawers = new Drawers((id, isOpen) => id === "people" && isOpen && draw());
const log = new Log(store, settings, {
  near: (direction) => (direction < 0 ? chat.past.earlier(store.current) : chat.past.later(store.current)),
  scrolled: () => draw(),
  retry: (line) => chat.retry(store.current, line),
  discard: (line) => chat.discard(store.current, line),
  join: (room) => commands.run(`/join ${room}`),
  edit(line) {
    composer.text = commands.edit(line);
    composer.box.focus();
  },
  remove: (line) => commands.remove(line),
});
const search = new Search(chat, async (place, id) => {
  drawers.closeNarrow();
  show(place);
  readFrom(place, await chat.past.around(place, id).catch((error) => store.note(error.message)));
});
const joining = new JoinDialog(chat, async (room, key) => {
  await chat.join(room, key);
  show(store.current);
});
const commands = new Commands(chat, settings, {
  show,
  goTo,
  toPresent,
  openJoin: () => joining.open(),
  openPeople: () => drawers.open("people"),
  typeAgain(text) {
    if (!composer.text) composer.text = text;
  },
  search(words) {
    drawers.open("search");
    byId("search-words").value = words;
    search.look();
  },
  saved: () => settings.save(),
});
const composer = new Composer({
  line,
  hint: (text) => commands.hint(text),
  editLast: () => commands.editLast(),
  complete(before) {
    const rooms = store.rooms.map(({ name }) => name);
    return complete(before, { commands: commands.table, find: commands.find, people: peopleAround(), rooms });
  },
});

// What is seen.

let drawing = 0;

/** Draw what has changed, before the next frame; soon, if nobody can see it. */
function draw() {
  if (drawing) return;
  drawing = document.hidden ? setTimeout(drawNow, 200) : requestAnimationFrame(drawNow);
}

function drawNow() {
  drawing = 0;
  const place = store.current;
  turnTo(place); // together with its title: what is typed from now on is for this place
  log.render();
  if (place && looksAt(place)) store.read(place);
  renderPlaces(store, show);
  if (!byId("people").hidden) {
    chat.refreshPeople(place);
    renderPeople(store, talkTo);
  }
  setText("title", place?.name ?? "gchat");
  const topic = !place || place.isRoom ? place?.topic : "Private: only the two of you see this, and it is not kept.";
  setText("topic", topic ?? "");
  byId("topic").title = topic ?? "";
  setText("leave", place?.isRoom ? `Leave ${place.name}` : "Close this conversation");
  byId("search-button").hidden = Boolean(place && !place.isRoom);
  drawMe();
  drawTrouble();
  drawJumps(place);
  title(store, settings.count);
}

function drawMe() {
  const me = byId("me");
  const shown = `${store.name} ${store.away}`;
  if (me.dataset.shown === shown) return;
  me.dataset.shown = shown;
  me.replaceChildren(...(store.name ? [nameOf(store)] : []), store.away ? " away" : "");
}

function drawTrouble() {
  if (chat.trouble !== byId("trouble-text").textContent) {
    setText("trouble-text", chat.trouble);
    setText("announcer", chat.trouble || "You are connected again.");
  }
  if (chat.trouble && !chat.choosing) setText("name-why", chat.trouble);
  byId("trouble").hidden = !chat.trouble;
  byId("retry").hidden = chat.connection.state !== "waiting";
}

function drawJumps(place) {
  byId("to-new").hidden = !log.newIsAbove;
  const below = place && !log.atEnd;
  byId("to-present").hidden = !below;
  const unread = place?.unread ? `${plural(place.unread, "new message")}` : "To the present";
  if (below && byId("to-present").lastChild.data !== unread) byId("to-present").lastChild.data = unread;
}

function setText(id, text) {
  if (byId(id).textContent !== text) byId(id).textContent = text;
}

/** Whether somebody looks at the end of a place just now. */
function looksAt(place) {
  return place === store.current && place.live && !document.hidden && document.hasFocus() && log.atEnd && !place.visit;
}

/** A line has come that nobody looks at. */
function alert(place, line, mention) {
  if (place === store.current && document.hasFocus()) return;
  if (settings.bell === "all" || (settings.bell === "mentions" && mention)) notify(place, line, () => show(place));
}

function applySettings() {
  chooseTheme();
  paintNames();
  store.notices = settings.notices;
  draw();
}

// What people do.

/** Have the box for a place; what was being typed in the last one waits there. */
function turnTo(place) {
  if (!place || place === shown) return;
  if (shown) {
    shown.draft = composer.text;
    composer.text = place.draft;
  }
  shown = place;
}

/** Look at a place. */
function show(place) {
  turnTo(place);
  if (place && store.current !== place) store.show(place);
  drawers.closeNarrow();
  if (!drawers.isOpen("search")) composer.focus();
  draw();
}
let shown = null;

function line(text) {
  if (!store.current) return false;
  const { message, lines } = chat.hello;
  if (new TextEncoder().encode(text).length > message || text.split("\n").length > lines) {
    store.note(`That is too long to be sent: at most ${message} bytes and ${lines} lines.`);
    return false;
  }
  if (text.startsWith("/") && !text.startsWith("//")) commands.run(text);
  else chat.say(store.current, text.startsWith("//") ? text.slice(1) : text);
  if (!text.startsWith("/") || text.startsWith("//")) toPresent();
  return true;
}

function talkTo(name) {
  show(chat.talkTo(name));
}

/** Bring a line into view. */
function goTo(place, item) {
  return place === store.current ? log.goTo(item) : undefined;
}

/** Bring a line into view, and go on reading there: the keys go to the lines. */
function readFrom(place, item) {
  goTo(place, item)?.focus({ preventScroll: true });
}

function toPresent() {
  const place = store.current;
  if (place && (place.visit || !place.live)) chat.past.leave(place);
  log.render();
  log.toPresent();
}

async function toNew() {
  const place = store.current;
  readFrom(place, await chat.past.around(place, place.newFrom).catch(() => null));
}

/** The people whose names somebody may want to type: those here, and those who spoke lately. */
function peopleAround() {
  const place = store.current;
  const here = [...(place?.people.values() ?? [])].map(({ name }) => name);
  const lately = (place?.present.items.slice(-200) ?? []).filter(({ kind }) => kind === "said").map(({ name }) => name);
  return [...here, ...lately, ...store.conversations.map(({ name }) => name)].filter((name) => !store.isMe(name));
}

jumpButton("to-new", "up", "To the first new message", toNew);
jumpButton("to-present", "down", "To the present", () => {
  toPresent();
  composer.focus();
});
byId("retry").addEventListener("click", () => chat.connection.wake());
byId("leave").addEventListener("click", () => {
  drawers.closeNarrow();
  commands.run("/leave");
});
byId("join").addEventListener("click", () => joining.open());
byId("settings-button").addEventListener("click", () => settings.open(store.name));

document.addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  if (isText(event) && document.activeElement.closest("#log")) return composer.box.focus(); // which gets the key
  const chosen = event.altKey && /^Digit[1-9]$/.test(event.code) ? event.code.at(-1) - 1 : -1;
  const place = [...store.rooms, ...store.conversations][chosen];
  if (place) show(place);
  else if ((event.ctrlKey || event.metaKey) && event.key === "k") drawers.open("search");
  else if (event.key === "Escape" && !event.isComposing) {
    toPresent();
    composer.focus();
  } else return;
  event.preventDefault();
});

/** Whether a key is a character to type; a space scrolls, or presses a button. */
function isText({ key, altKey, ctrlKey, metaKey }) {
  return key.length === 1 && key !== " " && !altKey && !ctrlKey && !metaKey;
}

// What is kept.

function keep() {
  if (!chat.here) return;
  remember("rooms", store.rooms.filter(({ joined }) => joined).map(({ name, secret }) => ({ name, secret })));
  remember("read", Object.fromEntries(store.rooms.map(({ id, readId }) => [id, readId])));
  rememberInTab("current", store.current?.id ?? null);
}

setInterval(keep, 2000);
addEventListener("pagehide", () => {
  keep();
  const told = store.conversations.map(({ name, present }) => ({
    name,
    lines: present.items.filter(({ kind }) => kind === "said").slice(-KEPT_TOLD),
  }));
  rememberInTab("told", told);
});
addEventListener("beforeunload", (event) => {
  if ([...store.places.values()].some(({ outbox }) => outbox.lines.length)) event.preventDefault();
});

// The page itself.

for (const event of ["focus", "blur"]) addEventListener(event, draw);
document.addEventListener("visibilitychange", () => {
  cancelAnimationFrame(drawing); // no frame comes while nobody can see it
  drawing = 0;
  draw();
});
for (const query of ["(prefers-color-scheme: dark)", "(prefers-contrast: more)"]) {
  matchMedia(query).addEventListener("change", applySettings);
}
setInterval(draw, 30_000); // days pass, and lists of people grow old
visualViewport?.addEventListener("resize", () => {
  if (visualViewport.scale > 1) return; // somebody looks closer
  window.scrollTo(0, 0);
  document.documentElement.style.setProperty("--height", `${Math.round(visualViewport.height)}px`);
});

applySettings();
store.remember(recallInTab("told", []));
for (const { name, secret } of recall("rooms", [])) Object.assign(store.place(name, true), { secret });
store.current = store.places.get(recallInTab("current", "")) ?? store.current;
if (matchMedia("(min-width: 1100px)").matches) drawers.open("people");
commands.load();
chat.start();
draw();
