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
        how = {"compression": None, "max_size": None, "max_queue": None, "ping_interval": None, "proxy": None}
        self._socket = self._open.enter_context(connect(address, **how))  # which reads all there is by itself
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
        labels = {self.sends("say", room=room, text=text, **more) for text in texts}
        said = []
        for _ in range(len(labels)):
            while not (
                (heard := self.reads()).get("label") in labels
                or (heard.get("event") == "said" and heard["name"] == self.name and heard["room"] == room)
            ):
                pass
            said.append(heard)
        return [one for one in said if "event" in one]

    def reads(self) -> dict[str, Any]:
        self.heard.append(json.loads(self._socket.recv(PATIENCE)))
        return self.heard[-1]

    def close(self) -> None:
        self._open.close()
