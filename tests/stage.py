"""A page under attack: one server, one page that watches itself, and Mallory, who says anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from absence import ADDED, reads_all
from bot import Bot
from browser import GREET_AFTER, Guest
from people import Server

from gchatd.text.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Iterable

SHOWN = """selector => [...document.querySelectorAll(selector)].map((element) => {
    const copy = element.cloneNode(true);
    for (const added of copy.querySelectorAll(ADDED)) added.remove();
    return copy.querySelector(".text").textContent;
})""".replace("ADDED", repr(ADDED))

HARM = """known => {
    const harm = [];
    const places = "#lines, #found, #people-list, #rooms, #talks, #all-rooms, #title, #topic, #me";
    const content = "DIV SPAN BDI TIME A CODE PRE MARK EM H2 H3 BUTTON LI".split(" ");
    for (const element of document.querySelectorAll("*")) {
        const { tagName, attributes } = element;
        const inContent = element.closest(places);
        const isIcon = element.closest("svg[aria-hidden]") && ["svg", "path"].includes(tagName);
        const isList = inContent === element;
        if (inContent && !isList && !isIcon && !content.includes(tagName)) harm.push(`element ${tagName}`);
        for (const { name, value } of attributes) {
            if (/^on|^srcdoc$|^xlink|^formaction$/.test(name)) harm.push(`${tagName} ${name}`);
            if (inContent && !isList && /^(id|name|src|srcset)$/.test(name)) harm.push(`${tagName} ${name}=${value}`);
            if (inContent && name === "style")
                if (!/^color: var\\(--name-[0-9]+\\);$/.test(value)) harm.push(`style ${value}`);
        }
        if (tagName !== "A" || element.classList.contains("skip")) continue;
        const { protocol, host } = new URL(element.href);
        if (!/^https?:$/.test(protocol) || !host) harm.push(`link to ${element.href}`);
        if (!/^https?:\\/\\//i.test(element.getAttribute("href"))) harm.push(`address ${element.getAttribute("href")}`);
        if (element.getAttribute("rel") !== "noopener noreferrer") harm.push(`rel ${element.getAttribute("rel")}`);
        if (element.textContent !== element.getAttribute("href")) harm.push(`it says ${element.textContent}`);
        if (/[\\s"'<>]$/.test(element.textContent)) harm.push(`it ends in ${element.textContent.at(-1)}`);
    }
    for (const tag of ["script", "link", "style", "iframe", "img", "meta", "form", "dialog", "base", "object"]) {
        const { length } = document.querySelectorAll(tag);
        known[tag] ??= length;
        if (length !== known[tag]) harm.push(`${length} ${tag}s`);
    }
    known.props ??= Object.getOwnPropertyNames(Object.prototype).length;
    if (Object.getOwnPropertyNames(Object.prototype).length !== known.props) harm.push("Object.prototype");
    if ("pwned" in globalThis || "pwned" in {}) harm.push("pwned");
    return { harm, known };
}"""


class Stage:
    """Where it happens."""

    def __init__(self, browser: Any) -> None:
        self.server = Server(server__greet_after=GREET_AFTER, history__replay=0)
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.strange: list[str] = []
        """What the browser did that it should not: requests to elsewhere, dialogs, new pages."""
        self._context.on("request", lambda request: self._asks(request.url))
        self.ann = Guest(self._context, self.server, "Ann")
        self.ann.page.on("dialog", self._dialog)
        self._context.on("page", lambda page: self.strange.append(f"a new page: {page.url}"))
        self.ann.page.on("framenavigated", lambda frame: self.strange.append(f"it went to {frame.url}"))
        self.ann.page.on("websocket", lambda socket: self._asks(socket.url.replace("ws:", "http:", 1)))
        self.mallory = Bot(self.server, "Mallory")
        self._known = self.ann.page.evaluate(HARM, {})["known"]

    def _asks(self, url: str) -> None:
        if not url.startswith(f"http://127.0.0.1:{self.server.port}/"):
            self.strange.append(f"a request: {url}")

    def _dialog(self, dialog: Any) -> None:
        self.strange.append(f"a dialog: {dialog.message}")
        dialog.dismiss()

    def opens(self, room: str) -> str:
        """Mallory and Ann are in this room now, and Ann looks at it."""
        self.mallory.asks("join", room=room)
        self.ann.says(f"/join {room}")
        self.ann.is_in(room)
        return room

    def shown(self, selector: str = "#lines > .line") -> list[str]:
        """What can be read in lines, notes or results."""
        shown: list[str] = self.ann.page.evaluate(SHOWN, selector)
        return [plain(text) for text in shown]

    def reads_all(self) -> list[str]:
        """The same for all lines that can be scrolled to."""
        return [plain(text) for text in reads_all(self.ann)]

    def is_unharmed(self) -> None:
        """Nothing has happened on the page but that texts are shown."""
        harm = self.ann.page.evaluate(HARM, self._known)["harm"]
        assert not harm, harm[:10]
        assert not self.strange, self.strange[:10]
        assert not self.ann.errors, self.ann.errors[:10]

    def close(self) -> None:
        self.mallory.close()
        self._context.close()
        log = self.server.log()
        self.server.close()
        assert "Traceback" not in log


def plain(text: str) -> str:
    """A text without the marks of code, which the page takes for itself, and without spaces around it."""
    return text.replace("`", "").strip(" ")


def cleaned(texts: Iterable[str]) -> list[str]:
    """What the server makes of them, without those of which nothing is left."""
    made = ["\n".join(map(clean, text.split("\n"))) for text in texts]
    return [plain(text) for text in made if text and not text.isspace()]
