"""Commands for how things look on your own terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....errors import NotATimeError
from ....text import times
from ...sentences import sorry
from .command import choice

if TYPE_CHECKING:
    from ..terminal import Terminal

THEMES = {
    **dict.fromkeys(("color", "colors", "colours"), "colour"),
    **dict.fromkeys(("none", "off", "plain"), "mono"),
    "high": "contrast",
}
"""What people also call the themes."""

_RINGS = {"off": "is off", "mentions": "rings for your name and private messages", "all": "rings for every line"}


def notices(terminal: Terminal, words: str) -> None:
    """/notices [on|off]"""
    if words:
        terminal.restyle(notices=choice(words, "on", "off") == "on")
    terminal.reply(f"Notices are {'on' if terminal.look.notices else 'off'}.")


def theme(terminal: Terminal, words: str) -> None:
    """/theme [colour|mono|contrast]"""
    if words:
        terminal.restyle(theme=choice(THEMES.get(words.casefold(), words), "colour", "mono", "contrast"))
    _tell(terminal, f"The theme is {terminal.look.theme}")


def time(terminal: Terminal, words: str) -> None:
    """/time [off|hh:mm|full] [+HH:MM]"""
    kind, _, zone = words.partition(" ")
    if kind.startswith(("+", "-")):
        terminal.restyle(offset=_offset(words))
    elif kind:
        time = choice(kind, "off", "hh:mm", "full")
        offset = _offset(zone.strip()) if zone.strip() else terminal.look.offset
        terminal.restyle(time=time, offset=offset)
    format = terminal.look
    _tell(
        terminal,
        f"The time of each line is {'off' if format.time == 'off' else f'shown as {format.time}'}, in {format.zone}",
    )


def _offset(typed: str) -> int:
    """Read an offset from UTC, in minutes. Raises Refused."""
    try:
        return times.parse_offset(typed)
    except NotATimeError as error:
        raise sorry(str(error)) from None


def bell(terminal: Terminal, words: str) -> None:
    """/bell [off|mentions|all]"""
    if words:
        terminal.restyle(bell=choice(words, "off", "mentions", "all"))
    _tell(terminal, f"The bell {_RINGS[terminal.look.bell]}")


def _tell(terminal: Terminal, what: str) -> None:
    """Say how something is, and why that may make no difference."""
    terminal.reply(f"{what}.")
    if terminal.look.reader:
        terminal.reply("You will see no difference in reader mode. To turn that off: /reader off")


def clear(terminal: Terminal, words: str) -> None:
    """/clear"""
    terminal.clear_screen()


def plain(terminal: Terminal, words: str) -> None:
    """/plain"""
    was_on = terminal.look.echo
    terminal.be_rich(False)
    terminal.reply(f"Line editing is {'off' if was_on else 'already off'}. To turn it on: /rich")


def rich(terminal: Terminal, words: str) -> None:
    """/rich"""
    if terminal.look.echo:
        raise sorry("Line editing is already on. To turn it off: /plain")
    if terminal.look.reader:
        raise sorry("Line editing does not work in reader mode. To turn that off: /reader off")
    terminal.be_rich(True)
    terminal.reply("If you see a > prompt, line editing is on; /plain turns it off.")


def reader(terminal: Terminal, words: str) -> None:
    """/reader [on|off]"""
    on = choice(words, "on", "off") == "on" if words else True
    if on:
        terminal.be_rich(False)
    terminal.restyle(reader=on)
    terminal.reply(
        "Reader mode is on: plain lines only. To turn it off: /reader off"
        if on
        else "Reader mode is off. For line editing: /rich"
    )
