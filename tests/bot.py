"""Somebody who speaks the protocol of docs/protocol.md, and may send what no page would."""

from __future__ import annotations

import contextlib
import json
from itertools import count
from typing import TYPE_CHECKING, Any

from people import PATIENCE
from websockets.sync.client import connect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from people import Server


class Bot:
    """A program in the chat, under a name."""

    def __init__(self, server: Server, name: str) -> None:
        address = f"ws://127.0.0.1:{server.port}/ws"
        self._open = contextlib.ExitStack()
        self._socket = self._open.enter_context(connect(address, compression=None, max_size=None, proxy=None))
        self._labels = count(1)
        self.name = name
        self.heard: list[dict[str, Any]] = []
        """Every message so far."""
        came = self.asks("come", name=name)
        assert came.get("event") == "arrived", came

    def sends(self, do: str, **more: Any) -> str:
        """Ask for something, and go on; give its label."""
        label = str(next(self._labels))
        self.writes(json.dumps({"do": do, "label": label, **more}))
        return label

    def writes(self, message: str) -> None:
        self._socket.send(message)

    def asks(self, do: str, **more: Any) -> dict[str, Any]:
        """Ask for something; give the event, the answer or the refusal that comes of it."""
        label = self.sends(do, **more)
        while (heard := self.reads()).get("label") != label:
            pass
        return heard

    def says_all(self, room: str, texts: Iterable[str], **more: Any) -> list[dict[str, Any]]:
        """Say all that; give what came of it: events, if it can be said."""
        before = len(self.heard)
        for number, text in enumerate(texts, 1):
            self.sends("say", room=room, text=text, **more)
            if number % 20 == 0:
                self.asks("ping")  # which makes it read: nobody who does not is served for long
        self.asks("ping")
        return [one for one in self.heard[before:] if one.get("name") == self.name and one.get("event") == "said"]

    def reads(self) -> dict[str, Any]:
        self.heard.append(json.loads(self._socket.recv(PATIENCE)))
        return self.heard[-1]

    def close(self) -> None:
        self._open.close()
