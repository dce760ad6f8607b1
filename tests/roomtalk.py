"""What tests of rooms over HTTP share: how somebody in a browser says things, and makes a room."""

from __future__ import annotations

LOBBY = "/rooms/lobby"


def says(client, *texts: str, room: str = "lobby") -> list[int]:
    """Say something; give the ids of the lines."""
    ids = []
    for text in texts:
        client.asks("say", room=room, text=text)
        while (heard := client.reads()).get("text") != text:
            pass
        ids.append(heard["id"])
    return ids


def makes(client, room: str, private: bool = False) -> str:
    """Make a room; give its key, if it is private."""
    client.asks("join", room=room)
    client.hears(event="joined", room=room)
    client.hears(answer="welcome", room=room)
    if not private:
        return ""
    client.asks("private", room=room)
    return client.hears(event="madeprivate")["key"]
