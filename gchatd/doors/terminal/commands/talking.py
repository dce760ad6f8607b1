"""Commands for what you say: actions, private messages, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....chat import actions
from ...sentences import sorry
from .command import Misused, find_user

if TYPE_CHECKING:
    from ....chat.answers import Answer
    from ....chat.events import Said
    from ..terminal import Terminal

_PATIENCE = 5.0  # seconds that the last message may take to be committed


def me(terminal: Terminal, words: str) -> None:
    """/me WORDS: Say what you are doing."""
    if not words:
        raise Misused("Say what you are doing")
    terminal.say(words, action=True)


def msg(terminal: Terminal, words: str) -> Answer | None:
    """/msg NAME WORDS: Send NAME a private message."""
    name, *text = words.split(maxsplit=1) or [""]
    if name:
        terminal.last_said.tells(name)
    if not text:
        raise Misused(f"Say what to tell {name}" if name else "Say who to tell, and what")
    return actions.tell(terminal.session, find_user(terminal, name), text[0])


def reply(terminal: Terminal, words: str) -> Answer | None:
    """/reply WORDS: Answer the last private message you received."""
    if not words:
        raise Misused("Say what to reply")
    told_by = terminal.session.told_by
    if told_by is None:
        terminal.last_said.refuses()
        raise sorry("You have no private message to reply to. To send one: /msg NAME WORDS")
    terminal.last_said.tells(told_by[1])
    return actions.tell_back(terminal.session, told_by, words)


def edit(terminal: Terminal, words: str) -> None:
    """/edit WORDS: Change your last message to WORDS."""
    if not words:
        raise Misused("Say how it should read")
    actions.edit(terminal.session, _said_last(terminal), words)


def delete(terminal: Terminal, words: str) -> None:
    """/delete: Remove your last message."""
    actions.delete(terminal.session, _said_last(terminal))


def _said_last(terminal: Terminal) -> Said:
    """Return the last message, if it is in the current room and can be changed. Raises Refused."""
    session = terminal.session
    session.hub.wait_to_talk()
    if not session.wait_for_effect(_PATIENCE):
        raise sorry("Your last message is still on its way. Try again later.")
    said, room = terminal.last_said.changeable(session.me), terminal.in_room()
    if said.room != room.name:
        raise sorry(f"Your last message was in {said.room}. To change it, first type /join {said.room}")
    return said
