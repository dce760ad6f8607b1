"""Commands for how things look on your own terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import UserError
from ....text import times
from .command import choice

if TYPE_CHECKING:
    from ....session import Session

THEMES = {
    **dict.fromkeys(("color", "colors", "colours"), "colour"),
    **dict.fromkeys(("none", "off", "plain"), "mono"),
    "high": "contrast",
}
"""What people also call the themes."""

_RINGS = {"off": "is off", "mentions": "rings for your name and private messages", "all": "rings for every line"}


def notices(session: Session, words: str) -> None:
    """/notices [on|off]"""
    if words:
        session.restyle(notices=choice(words, "on", "off") == "on")
    session.reply(f"Notices are {'on' if session.format.notices else 'off'}.")


def theme(session: Session, words: str) -> None:
    """/theme [colour|mono|contrast]"""
    if words:
        session.restyle(theme=choice(THEMES.get(words.casefold(), words), "colour", "mono", "contrast"))
    _tell(session, f"The theme is {session.format.theme}")


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
    _tell(
        session,
        f"The time of each line is {'off' if format.time == 'off' else f'shown as {format.time}'}, in {format.zone}",
    )


def bell(session: Session, words: str) -> None:
    """/bell [off|mentions|all]"""
    if words:
        session.restyle(bell=choice(words, "off", "mentions", "all"))
    _tell(session, f"The bell {_RINGS[session.format.bell]}")


def _tell(session: Session, what: str) -> None:
    """Say how something is, and why that may make no difference."""
    session.reply(f"{what}.")
    if session.format.reader:
        session.reply("You will see no difference in reader mode. To turn that off: /reader off")


def clear(session: Session, words: str) -> None:
    """/clear"""
    session.clear_screen()


def plain(session: Session, words: str) -> None:
    """/plain"""
    was_on = session.format.echo
    session.be_rich(False)
    session.reply(f"Line editing is {'off' if was_on else 'already off'}. To turn it on: /rich")


def rich(session: Session, words: str) -> None:
    """/rich"""
    if session.format.echo:
        raise UserError("Line editing is already on. To turn it off: /plain")
    if session.format.reader:
        raise UserError("Line editing does not work in reader mode. To turn that off: /reader off")
    session.be_rich(True)
    session.reply("If you see a > prompt, line editing is on; /plain turns it off.")


def reader(session: Session, words: str) -> None:
    """/reader [on|off]"""
    on = choice(words, "on", "off") == "on" if words else True
    if on:
        session.be_rich(False)
    session.restyle(reader=on)
    session.reply(
        "Reader mode is on: plain lines only. To turn it off: /reader off"
        if on
        else "Reader mode is off. For line editing: /rich"
    )
