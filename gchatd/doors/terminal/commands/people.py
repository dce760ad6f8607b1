"""Commands about yourself and other people."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ....chat.events import CameBack, Ignored, WentAway
from ....errors import UserError
from ....text import times
from ....text.names import parse_name
from ....text.phrases import columns
from .command import MisuseError, find_user, who_asks

if TYPE_CHECKING:
    from ....session import Session

LONGEST_EXCUSE = 200
"""Characters of the reason that someone gives for being away."""

MOST_IGNORED = 100
"""People whom one person can ignore."""


def nick(session: Session, words: str) -> None:
    """/nick NAME: Change your username to NAME."""
    if not words:
        raise MisuseError("Say which username you want")
    session.take_name(words)


def whois(session: Session, words: str) -> None:
    """/whois NAME: Say how long someone has been here and idle, and which rooms you share."""
    if not words:
        raise MisuseError("Say who you mean")
    asker, user = who_asks(session), find_user(session, words)
    now, here = times.now(), time.monotonic() - user.since
    since = session.format.moment(now - int(here * 1000), now)
    session.reply(f"{user} has been here since {since} ({times.duration(here)}).")
    session.reply(f"{user} last typed something {times.duration(time.monotonic() - user.active_at)} ago.")
    if user.away is not None:
        session.reply(f"{user} is away{': ' if user.away else '.'}{user.away}")
    shared = [room.name for room in user.rooms if room in asker.rooms]
    if user is asker:
        return
    if not shared:
        session.reply(f"You have no room in common with {user}.")
    else:
        session.reply_in_pages(columns("You are both in:", shared, session.columns))


def away(session: Session, words: str) -> None:
    """/away [WORDS]: Mark yourself as away; WORDS say why."""
    if len(words) > LONGEST_EXCUSE:
        raise UserError(f"A reason can have at most {LONGEST_EXCUSE} characters; that one has {len(words)}.")
    session.does(WentAway(name=str(session.user), words=words, origin=session.number))


def back(session: Session, words: str) -> None:
    """/back: Mark yourself as back."""
    if who_asks(session).away is None:
        raise UserError("You are not away.")
    session.does(CameBack(name=str(session.user), origin=session.number))


def ignore(session: Session, words: str) -> None:
    """/ignore [NAME]: Hide what NAME says, or list the people you ignore."""
    user = who_asks(session)
    if not words:
        ignored = sorted(set(user.ignoring.values()), key=str.casefold)
        session.reply_in_pages(
            columns("You are ignoring:", ignored, session.columns) if ignored else ["You are not ignoring anyone."]
        )
        return
    name = parse_name(words)
    if name.compared == user.name.compared:
        raise UserError("That is you.")
    if name.compared in user.ignoring:
        raise UserError(f"You are already ignoring {name.shown}.")
    if len(set(user.ignoring.values())) >= MOST_IGNORED:
        raise UserError(
            f"You are ignoring {MOST_IGNORED} people, and that is the limit. Stop ignoring one first: /unignore NAME"
        )
    session.does(Ignored(name=str(user), whom=name.shown, origin=session.number))


def unignore(session: Session, words: str) -> None:
    """/unignore NAME: Stop ignoring NAME."""
    if not words:
        raise MisuseError("Say who to stop ignoring")
    name = parse_name(words)
    ignoring = who_asks(session).ignoring
    if name.compared not in ignoring and session.hub.users.get(name.compared) not in ignoring:
        raise UserError(f"You are not ignoring {name.shown}.")
    session.does(Ignored(name=str(session.user), whom=name.shown, on=False, origin=session.number))
