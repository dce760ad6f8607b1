"""Commands for what you say: actions, private messages, changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....chat.events import Deleted, Edited, Said, Told
from ....errors import UserError
from ....text import times
from .command import MisuseError, find_user, who_asks

if TYPE_CHECKING:
    from ....hub import User
    from ....session import Session

EDIT_SECONDS = 600
"""How long you can change a message."""

_WAS = 60  # characters of the old text that people are shown with an edit
_PATIENCE = 5.0  # seconds that the last message may take to be committed


def me(session: Session, words: str) -> None:
    """/me WORDS: Say what you are doing."""
    if not words:
        raise MisuseError("Say what you are doing")
    session.say(words, action=True)


def msg(session: Session, words: str) -> None:
    """/msg NAME WORDS: Send NAME a private message."""
    name, *text = words.split(maxsplit=1) if words else ("",)
    if name:
        session.last_said.tells(name)
    if not text:
        raise MisuseError(f"Say what to tell {name}" if name else "Say who to tell, and what")
    _tell(session, find_user(session, name), text[0])


def reply(session: Session, words: str) -> None:
    """/reply WORDS: Answer the last private message you received."""
    if not words:
        raise MisuseError("Say what to reply")
    if session.told_by is None:
        session.last_said.refuses()
        raise UserError("You have no private message to reply to. To send one: /msg NAME WORDS")
    number, name = session.told_by
    session.last_said.tells(name)
    asker = session.hub.sessions.get(number)
    if asker is None or asker.user is None or asker not in asker.user.sessions:
        raise UserError(f"{name} has left.")
    _tell(session, asker.user, words)


def _tell(session: Session, user: User, text: str) -> None:
    teller = who_asks(session)
    if user is teller:
        raise UserError("That is you.")
    session.hub.wait_to_talk()
    session.does(Told(name=str(teller), to=str(user), text=text, origin=session.number, target=user.number))
    if user.away is not None:
        session.reply(f"{user} is away{': ' if user.away else '.'}{user.away}")


def edit(session: Session, words: str) -> None:
    """/edit WORDS: Change your last message to WORDS."""
    if not words:
        raise MisuseError("Say how it should read")
    said = _said_last(session)
    if words == said.text:
        raise UserError("It already reads like that.")
    edited = Edited(
        room=said.room, name=str(session.user), line=said.id, text=words, was=said.text[:_WAS], origin=session.number
    )
    session.does(edited)


def delete(session: Session, words: str) -> None:
    """/delete: Remove your last message."""
    said = _said_last(session)
    session.does(Deleted(room=said.room, name=str(session.user), line=said.id, origin=session.number))


def _said_last(session: Session) -> Said:
    """Return the last message, if it is in the current room and can still be changed. Raises UserError."""
    session.hub.wait_to_talk()
    if not session.hub.wait_for(session, _PATIENCE):
        raise UserError("Your last message is still on its way. Try again later.")
    said, room = session.last_said.changeable(), session.in_room()
    if said.room != room.name:
        raise UserError(f"Your last message was in {said.room}. To change it, first type /join {said.room}")
    if times.now() - said.at > EDIT_SECONDS * 1000:
        raise UserError(f"Your last message is more than {EDIT_SECONDS // 60} minutes old: too late to change it.")
    return said
