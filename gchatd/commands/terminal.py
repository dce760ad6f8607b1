"""Commands for how things look on one's own terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import times
from ..errors import UserError
from .command import choice

if TYPE_CHECKING:
    from ..session import Session


def notices(session: Session, words: str) -> None:
    """/notices [on|off]"""
    if words:
        session.restyle(notices=choice(words, "on", "off") == "on")
    session.reply(f"Notices are {'on' if session.format.notices else 'off'}.")


def theme(session: Session, words: str) -> None:
    """/theme [colour|mono|contrast]"""
    if words:
        session.restyle(theme=choice(words, "colour", "mono", "contrast"))
    session.reply(f"The theme is {session.format.theme}.")


def time(session: Session, words: str) -> None:
    """/time [off|hh:mm|full] [+HH:MM]"""
    shown, _, zone = words.partition(" ")
    if shown.startswith(("+", "-")):
        session.restyle(offset=times.parse_offset(words))
    elif shown:
        time = choice(shown, "off", "hh:mm", "full")
        offset = times.parse_offset(zone.strip()) if zone.strip() else session.format.offset
        session.restyle(time=time, offset=offset)
    format = session.format
    session.reply(
        f"The time of each line is {'off' if format.time == 'off' else f'shown as {format.time}'}, in {format.zone}."
    )


def bell(session: Session, words: str) -> None:
    """/bell [off|mentions|all]"""
    if words:
        session.restyle(bell=choice(words, "off", "mentions", "all"))
    session.reply(
        f"The bell is {session.format.bell if session.format.bell == 'off' else f'on for {session.format.bell}'}."
    )


def plain(session: Session, words: str) -> None:
    """/plain"""
    session.be_rich(False)
    session.reply("Your terminal shows what you type. /rich for a line that others' words do not break up.")


def rich(session: Session, words: str) -> None:
    """/rich"""
    if session.format.echo:
        raise UserError("It is so already. /plain goes back.")
    session.be_rich(True)
    session.reply("Your terminal has been asked for every key. If it can, there is a prompt now; /plain goes back.")


def reader(session: Session, words: str) -> None:
    """/reader [on|off]"""
    on = choice(words, "on", "off") == "on" if words else True
    if on:
        session.be_rich(False)
    session.restyle(reader=on)
    session.reply(
        "One line an event, and nothing else. /reader off goes back."
        if on
        else "Colours, times and bells are as they were. /rich for the line being typed."
    )
