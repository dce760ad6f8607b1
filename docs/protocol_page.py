"""Makes docs/protocol.md from the records of the web door: `make docs`, or `python docs/protocol_page.py`."""

from __future__ import annotations

import inspect
import re
import sys
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

import msgspec

from gchatd.chat import answers, events
from gchatd.chat.answers import Answer
from gchatd.doors.sentences import SENTENCES
from gchatd.doors.web import asking, link
from gchatd.doors.web.requests import REQUESTS
from gchatd.errors import Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

PAGE = ROOT / "docs/protocol.md"

_NOT_TOLD = {
    "restored", "vanished", "claimed", "nodejoined", "nodeready", "nodelost", "snapshotasked",
}  # fmt: skip
"""Events that no client hears of."""

_REPLACED = {"Members", "Rooms"}
"""Answers that this door sends in pieces: see asking.py."""

_INTRODUCTION = """\
# The protocol for browsers and bots

The page that gchat serves speaks this protocol, and so can your program: JSON over a WebSocket, at `/ws` of the
address where the chat is (`ws://HOST:1337/ws`, or `wss:` with TLS). A bot is anybody who speaks it. For a script that
only says something now and then, or only reads, [http.md](http.md) is simpler.

`make docs` makes this page from the code.

## A bot in Python

It needs `pip install websockets`, comes in as Echo, and answers whoever says its name.

```python
import json
from websockets.sync.client import connect

with connect("ws://localhost:1337/ws", compression=None) as chat:

    def ask(do, **more):
        chat.send(json.dumps({"do": do, **more}))

    me = None
    for message in chat:
        heard = json.loads(message)
        match heard:
            case {"answer": "hello"}:
                ask("come", name="Echo", label="came")
            case {"event": "arrived", "label": "came"}:
                me = heard["user"]
            case {"refusal": _, "label": "came"}:
                print(heard["sentence"])
                break
            case {"event": "said", "text": text} if heard.get("user") != me and "echo" in text.lower():
                ask("say", room=heard["room"], text=f"{heard['name']}: {text}")
            case {"event": "invited", "room": room} if heard["user"] != me:
                ask("join", room=room)
            case {"refusal": _}:
                print(heard["sentence"])
            case {"answer": "farewell"}:
                break
```

## The same in JavaScript

In a browser, or in Node.js 22 and up.

```javascript
const chat = new WebSocket("ws://localhost:1337/ws");
const ask = (action, more) => chat.send(JSON.stringify({ do: action, ...more }));
let me;

chat.onmessage = (message) => {
  const heard = JSON.parse(message.data);
  if (heard.answer === "hello") {
    ask("come", { name: "Echo", label: "came" });
  } else if (heard.event === "arrived" && heard.label === "came") {
    me = heard.user;
  } else if (heard.event === "said" && heard.user !== me && /echo/i.test(heard.text)) {
    ask("say", { room: heard.room, text: `${heard.name}: ${heard.text}` });
  } else if (heard.event === "invited" && heard.user !== me) {
    ask("join", { room: heard.room });
  } else if (heard.refusal) {
    console.log(heard.sentence);
  }
};
```

## How it goes

- Every message, in both directions, is a text message with one JSON object. Fields that you do not know are to be
  ignored: there will be more. Binary messages end the connection (1003), and so do messages that are too long (1009).
- What you send is a *request*: its `do` says what you want. Requests that you send at once are done in order.
- What you get is an *event* (something happened), an *answer* (to a request), or a *refusal* (why a request cannot be
  done): it has a field of that name, which says which kind. A refusal has a `sentence` in English that you can show.
- A request may have a `label`, any text of at most 64 characters. Its answers, its refusal and the event that it
  causes bring the label back to you, and to nobody else. Only what you say comes back without: it is the same message
  for everybody. You know your own lines by your `user`, and they come back in the order in which you said them.
- The first message is the answer `hello`, then you `come`, and the event `arrived` with your label tells you your
  `user`. You are in the lobby now. People are told apart by `user`: a new one each time somebody comes, while names
  may change and be used again. In what was said earlier, or over HTTP, there may be a `name` and no `user`.
- A line has an `id`, which only grows, and a time `at`, in milliseconds since 1970. You need the id to edit or delete
  a line of yours, and to go on where you were: after you have come back, ask for the `history` after the last id that
  you have, and drop what has come twice.
- Events leave out fields that have their default value; answers and refusals have all of theirs. Ids are below 2**53.
- All requests take from one budget (five at once, then two a second, unless the server has other `[limits]`), the
  bigger questions from another. Nothing is refused because it came too fast: it waits.
- In rooms with more than 50 people (`rooms.announce_up_to`) you are not told who comes and goes, and nowhere who is
  away: ask for the `members` when you need them.
- The server sends a WebSocket ping every 30 seconds. Libraries and browsers answer it by themselves.
- Browsers may connect from pages of this server, and from `web.origins`. Programs send no `Origin`, and are welcome.
"""


def page() -> str:
    """Give the text of the page."""
    parts = [_INTRODUCTION]
    parts += ["\n## Requests\n", *_table(REQUESTS, "do")]
    parts += ["\n## Events\n\nEach also has `room`, `user`, `name`, `id` and `at`, where these mean something.\n"]
    parts += _table(list(_events()), "event")
    parts += ["\n## Answers\n", *_table(list(_answers()), "answer")]
    parts += ["\n## Refusals\n\nEach also has `sentence`.\n", *_table(list(_refusals()), "refusal")]
    return "".join(parts)


def _events() -> Iterator[type]:
    for kind in events.Event.__subclasses__():
        if kind.__struct_config__.tag not in _NOT_TOLD:
            yield kind


def _answers() -> Iterator[type]:
    yield link.Hello
    for kind in [*vars(answers).values(), asking.PeopleListed, asking.RoomsListed, asking.Pong, asking.Goodbye]:
        if (
            isinstance(kind, type)
            and issubclass(kind, Answer)
            and kind is not Answer
            and kind.__name__ not in _REPLACED
        ):
            yield kind
    yield from (Replay, Farewell)


class Replay(Answer, frozen=True):
    """What was said lately in a room that you have come into, oldest first."""

    room: str
    lines: tuple[events.Said, ...]


class Farewell(Answer, frozen=True):
    """The server shuts down; or, if it is `lost`, it has lost touch with the other servers. Then it hangs up (1001)."""

    lost: bool


def _refusals() -> Iterator[type]:
    yield link.Malformed
    yield from SENTENCES


def _table(kinds: Iterable[Any], what: str) -> Iterator[str]:
    yield f"\n| `{what}` | fields | |\n|---|---|---|\n"
    for kind in kinds:
        words = re.sub(r"\s+", " ", inspect.getdoc(kind) or "").replace("|", "\\|").replace(" None", " null")
        yield f"| `{kind.__struct_config__.tag}` | {', '.join(_fields(kind)) or 'none'} | {words} |\n"


def _fields(kind: type) -> Iterator[str]:
    own = {name for base in kind.__mro__[:1] for name in base.__annotations__}
    hints = get_type_hints(kind)
    for field in msgspec.structs.fields(kind):
        if field.name in own and field.name != "kept":
            optional = "" if field.required or issubclass(kind, (Answer, Refusal)) else "?"
            yield f"`{field.name}{optional}` {_type(hints[field.name])}"


def _type(hint: Any) -> str:
    """Say what a field may have, in words."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(f"`{one}`" for one in inside)
    if origin in (Union, types.UnionType):
        return " or ".join("null" if one is types.NoneType else _type(one) for one in inside)
    if origin is tuple:
        return f"list of {_type(inside[0])}" if len(inside) == 2 and inside[1] is ... else "list"
    if origin is dict:
        return "object"
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        tag = hint.__struct_config__.tag
        if tag:
            return f"`{tag}`"
        return "{" + ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(hint)) + "}"
    return {str: "text", int: "number", float: "number", bool: "true or false"}[hint]


if __name__ == "__main__":
    PAGE.write_text(page())
