"""The table of commands, and what is made from it: /help, and the finding of a command by its name."""

from __future__ import annotations

import difflib
import itertools
import re
from typing import TYPE_CHECKING

from ..errors import UserError
from . import past, people, rooms, server, talking, terminal
from .command import Command, MisuseError, ignored, one_of, own_rooms
from .command import people as others
from .command import rooms as known_rooms

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..hub import Hub, User
    from ..session import Session

SETTLE_SECONDS = 0.1
"""How long a command waits for what its author did before to have happened. Where a disk is stuck only one waits."""


def run(session: Session, text: str, typed: str) -> None:
    """Run the command line that a session typed, slash and all: cleaned, and as it was typed. May switch.

    Raises UserError for one that there is not, or that cannot be done.
    """
    name, *rest = re.split(r"\s", text.removeprefix("/"), maxsplit=1)
    words = " ".join(rest).replace("\n", " ")
    command = find(name)
    if command is None:
        raise UserError(f"Unknown command: /{name}. {_nearest(name)}/help all lists all commands.")
    if session.user is None and not command.unnamed:
        raise UserError(f"Choose a username before you use /{command.name}.")
    if command.several_lines:
        words = " ".join(rest)
    elif command.as_typed:
        words = " ".join(re.split(r"\s", typed, maxsplit=1)[1:]).replace("\n", " ")
    if words.strip() and command.usage == f"/{command.name}":
        raise UserError(f"It takes no words: {command.usage}")
    if session.unheard and not session.hub.is_stuck:
        session.hub.wait_for(session, SETTLE_SECONDS)
    try:
        command.handler(session, words.strip(" ") if command.as_typed else words.strip())
    except MisuseError as error:
        raise UserError(f"{error}: {command.usage}") from None


def check_is_no_command(text: str) -> None:
    """Raise UserError for a line that would be one but for what stands before it: it was not meant for everybody."""
    begun = None if text[0].isalnum() else re.match(r"[\s\ufeff\u200b-\u200f\u2060]+/(\w+)", text)
    if begun is not None and find(begun[1]) is not None:
        raise UserError(f"Not sent: there is something before /{begun[1]}, and all would have heard it.")


def find(name: str) -> Command | None:
    """Give the command of a name, or of an alias."""
    return COMMANDS.get(name.casefold()) or _BY_ALIAS.get(name.casefold())


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.casefold()[:32], [*COMMANDS, *_BY_ALIAS], n=1, cutoff=0.6)
    return f"Did you mean /{near[0]}? " if near else ""


def _help(session: Session, words: str) -> None:
    """/help [all|COMMAND]"""
    if not words:
        where = session.room.name if session.room is not None else "your room"
        session.reply(f"Everybody in {where} hears what you type. The first commands to know:")
        width = max(len(COMMANDS[name].usage) for name in FIRST)
        for name in FIRST:
            session.reply(f"  {COMMANDS[name].usage:{width}}  {COMMANDS[name].help}")
        session.reply(f"/help all lists all {len(COMMANDS)}, /help COMMAND tells more about one.")
    elif words.casefold() == "all":
        session.reply_in_pages(_overview())
    else:
        command = find(words.removeprefix("/"))
        if command is None:
            raise MisuseError(f"There is no command /{words.removeprefix('/')}")
        also = f" (also {', '.join(f'/{alias}' for alias in command.aliases)})" if command.aliases else ""
        session.reply(f"{command.usage}{also}: {command.help}.")
        session.reply(f"For example: {command.example}")


def _overview() -> Iterator[str]:
    width = max(map(len, COMMANDS))
    for topic, commands in TOPICS.items():
        yield f"{topic}:"
        for command in commands:
            yield f"  /{command.name:{width}}  {command.help}"


def _commands(hub: Hub, user: User, begun: str) -> Iterator[str]:
    return (name for name in ["all", *COMMANDS] if name.startswith(begun))


FIRST = ["names", "msg", "join", "nick", "quit"]
"""What a newcomer is shown."""

TOPICS: dict[str, tuple[Command, ...]] = {
    "Talking": (
        Command("me", "/me WORDS", "do something", "/me waves", talking.me, several_lines=True),
        Command(
            "msg", "/msg NAME WORDS", "tell somebody what nobody else sees", "/msg Alice see you at eight",
            talking.msg, (others,), ("tell",), several_lines=True,
        ),
        Command(
            "reply", "/reply WORDS", "answer whoever told you something last", "/reply at eight, then",
            talking.reply, several_lines=True,
        ),
        Command(
            "edit", "/edit WORDS", "put what you said last differently, within 10 minutes",
            "/edit I mean tomorrow", talking.edit, several_lines=True,
        ),
        Command(
            "delete", "/delete", "take back what you said last, within 10 minutes", "/delete",
            talking.delete,
        ),
    ),
    "Rooms": (
        Command(
            "join", "/join ROOM [KEY]", "talk in another room; the first to come makes it", "/join dev",
            rooms.join, (known_rooms,), as_typed=True,
        ),
        Command(
            "leave", "/leave [ROOM]", "leave a room, or the current one", "/leave dev",
            rooms.leave, (own_rooms,), ("part",),
        ),
        Command("go", "/go ROOM", "say what comes next in another of your rooms", "/go lobby", rooms.go, (own_rooms,)),
        Command("rooms", "/rooms", "the rooms that there are", "/rooms", rooms.rooms, aliases=("list",)),
        Command(
            "names", "/names [ROOM]", "who is here, or in another room", "/names dev",
            rooms.names, (known_rooms,), ("who",),
        ),
        Command(
            "topic", "/topic [WORDS|-]", "what the room is about, or say so; - takes it away", "/topic gardens",
            rooms.topic,
        ),
        Command(
            "private", "/private", "let only those into your room who are invited", "/private",
            rooms.private,
        ),
        Command("invite", "/invite NAME", "let somebody into the current room", "/invite Bob", rooms.invite, (others,)),
    ),
    "People": (
        Command("nick", "/nick NAME", "take another username", "/nick Alice2", people.nick, as_typed=True),
        Command(
            "whois", "/whois NAME", "since when somebody is here, how long idle, where",
            "/whois Bob", people.whois, (others,),
        ),
        Command("away", "/away [WORDS]", "let others know that you are away, and why", "/away lunch",
                people.away),
        Command("back", "/back", "be away no more", "/back", people.back),
        Command(
            "ignore", "/ignore [NAME]", "hear nothing of somebody; or see whom you ignore", "/ignore Mallory",
            people.ignore, (others,),
        ),
        Command("unignore", "/unignore NAME", "hear somebody again", "/unignore Mallory", people.unignore, (ignored,)),
    ),
    "The past": (
        Command(
            "history", "/history [N] [before TIME]", "what was said here lately, or before some time",
            "/history 50 before 18:30", past.history,
        ),
        Command(
            "search", "/search WORDS", 'find all these words, a "phrase", the beginn* of a word',
            '/search "see you" eig*', past.search,
        ),
    ),
    "Your terminal": (
        Command(
            "notices", "/notices [on|off]", "be told who joins, leaves and takes another name", "/notices on",
            terminal.notices, (one_of("on", "off"),),
        ),
        Command(
            "theme", "/theme [colour|mono|contrast]", "how names look", "/theme contrast",
            terminal.theme, (one_of("colour", "mono", "contrast"),),
        ),
        Command(
            "time", "/time [off|hh:mm|full] [+HH:MM]", "when each line was said, and how far that is from UTC",
            "/time hh:mm +02:00", terminal.time, (one_of("off", "hh:mm", "full"),),
        ),
        Command(
            "bell", "/bell [off|mentions|all]", "what rings: your name, or every line", "/bell all",
            terminal.bell, (one_of("off", "mentions", "all"),),
        ),
        Command(
            "rich", "/rich", "a line to type in that others' words do not break up", "/rich",
            terminal.rich,
        ),
        Command("plain", "/plain", "lines, as your terminal itself sends them", "/plain", terminal.plain),
        Command("clear", "/clear", "clear the screen", "/clear", terminal.clear, aliases=("cls",)),
        Command(
            "reader", "/reader [on|off]", "for a screen reader: one line an event, no decoration", "/reader on",
            terminal.reader, (one_of("on", "off"),),
        ),
    ),
    "The server": (
        Command("help", "/help [all|COMMAND]", "what one can do", "/help join", _help, (_commands,), unnamed=True),
        Command("more", "/more", "the rest of a list that was too long", "/more", server.more),
        Command("motd", "/motd", "the message of the day", "/motd", server.motd),
        Command("uptime", "/uptime", "how long the server has been up", "/uptime", server.uptime),
        Command("version", "/version", "which gchat this is", "/version", server.version),
        Command(
            "quit", "/quit [WORDS]", "leave, with some last words if you like", "/quit see you tomorrow", server.quit,
            unnamed=True,
        ),
    ),
}  # fmt: skip
"""All commands, by what they are for."""

COMMANDS = {command.name: command for command in itertools.chain.from_iterable(TOPICS.values())}
_BY_ALIAS = {alias: command for command in COMMANDS.values() for alias in command.aliases}
