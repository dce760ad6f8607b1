"""The table of commands, and what is made from it: /help, and finding a command by its name."""

from __future__ import annotations

import difflib
import itertools
import re
from typing import TYPE_CHECKING

from ....errors import Refused
from ....text.phrases import wrapped
from ...sentences import sentence, sorry
from . import past, people, rooms, server, talking, terminal
from .command import Command, Misused, ignored, one_of, own_rooms
from .command import people as others
from .command import rooms as known_rooms
from .details import DETAILS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ....chat.answers import Answer
    from ....chat.state import State, User
    from ..terminal import Terminal


_LONGEST_ECHO = 64  # characters
_PRIVATE = ("msg", "tell", "reply")  # what follows these was meant for one person


def run(terminal: Terminal, text: str, typed: str) -> Answer | None:
    """Run a command line, slash and all: `text` is what was `typed`, cleaned. May switch.

    Raises Refused if there is no such command, or if it fails.
    """
    terminal.doubted = ""
    name, *rest = re.split(r"\s", text.removeprefix("/"), maxsplit=1)
    words = " ".join(rest).replace("\n", " ")
    command = find(name)
    if command is None:
        near = _nearest(name)
        if near in _PRIVATE:
            terminal.last_said.refuses()
        meant = f"Did you mean /{near}? " if near else ""
        raise sorry(f"Unknown command: /{name}. {meant}/help all lists all commands.")
    if not terminal.session.claimed and not command.unnamed:
        raise sorry(f"Choose a username first. Then you can use /{command.name}.")
    if command.several_lines:
        words = " ".join(rest)
    elif command.as_typed:
        words = " ".join(re.split(r"\s", typed, maxsplit=1)[1:]).replace("\n", " ")
    if words.strip() and command.usage == f"/{command.name}":
        raise sorry(f"Type {command.usage} on its own.")
    terminal.session.settle()
    words = words.strip(" ") if command.as_typed else words.strip()
    try:
        return command.handler(terminal, words)
    except Refused as refused:
        if command.moves:
            terminal.go_astray(words.partition(" ")[0][:_LONGEST_ECHO] or "that room")
        if isinstance(refused, Misused):
            raise sorry(f"{sentence(refused.refusal)}: {command.usage}") from None
        raise


def check_is_no_command(terminal: Terminal, text: str) -> None:
    """Raise Refused for a line that was probably meant as a command; but not if it is typed again right away."""
    word = text.strip()
    meant = _MEANT.get(word.casefold())
    if meant is not None and terminal.doubted != word:
        terminal.doubted = word
        anyway = "say" if terminal.session.claimed else "take the username"
        raise sorry(f'Not sent. To {meant}. To {anyway} "{word}", type it again.')
    terminal.doubted = ""
    if not terminal.session.claimed or text[0].isalnum():
        return
    begun = re.match(r"[\s\ufeff\u200b-\u200f\u2060]+/(\w+)", text)
    if begun is not None and find(begun[1]) is not None:
        raise sorry(f"Not sent: /{begun[1]} is not at the start of the line, so everyone would have seen it.")


def find(name: str) -> Command | None:
    """Find a command by its name or an alias."""
    return COMMANDS.get(name.casefold()) or _BY_ALIAS.get(name.casefold())


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name.casefold()[:32], [*COMMANDS, *_BY_ALIAS], n=1, cutoff=0.6)
    return near[0] if near else ""


def _help(terminal: Terminal, words: str) -> None:
    """/help [all|keys|COMMAND]: Show the first commands, all of them, the keys, or one command."""
    topic = words.casefold()
    if not topic:
        lines = _first(terminal)
    elif topic == "all":
        lines = _overview()
    elif topic == "keys":
        lines = _keys(terminal)
    else:
        lines = _one(words.removeprefix("/"))
    terminal.reply_in_pages(itertools.chain.from_iterable(wrapped(line, terminal.columns) for line in lines))


def _first(terminal: Terminal) -> Iterator[str]:
    where = terminal.room.name if terminal.room is not None else "your current room"
    yield f"What you type goes to everyone in {where}. Start with these:"
    yield from _table([(COMMANDS[name].usage, COMMANDS[name].help) for name in FIRST])
    yield f"/help all lists all {len(COMMANDS)} commands, and /help COMMAND explains one."
    yield "/help keys lists the keys that edit a line, if you have a > prompt."


def _overview() -> Iterator[str]:
    width = max(map(len, COMMANDS)) + 1
    for topic, commands in TOPICS.items():
        yield f"{topic}:"
        yield from _table([(f"/{command.name}", command.help) for command in commands], width)


def _keys(terminal: Terminal) -> Iterator[str]:
    where = "" if terminal.look.echo else ", if you have a > prompt (/help rich)"
    yield f"Keys that edit your line{where}:"
    yield from _table([(keys, what) for keys, what in terminal.keys])


def _one(name: str) -> Iterator[str]:
    command = find(name)
    if command is None:
        raise Misused(f"There is no command /{name}")
    also = f" (also {', '.join(f'/{alias}' for alias in command.aliases)})" if command.aliases else ""
    yield f"{command.usage}{also}: {command.help}."
    yield DETAILS[command.name]
    yield f"For example: {command.example}"


def _table(rows: list[tuple[str, str]], width: int = 0) -> Iterator[str]:
    width = width or max(len(first) for first, _ in rows)
    return (f"  {first:{width}}  {second}" for first, second in rows)


def _commands(state: State, user: User, begun: str) -> Iterator[str]:
    return (name for name in ["all", "keys", *COMMANDS] if name.startswith(begun))


FIRST = ["names", "msg", "join", "nick", "quit"]
"""What a newcomer is shown."""

_LEAVE, _HELP = "leave, type /quit", "see what you can do, type /help"
_MEANT = {**dict.fromkeys(["exit", "quit", "logout"], _LEAVE), **dict.fromkeys(["help", "?"], _HELP)}
"""Words that are probably meant as a command if they are alone on a line. (A `bye` is meant for the others.)"""

TOPICS: dict[str, tuple[Command, ...]] = {
    "Talking": (
        Command("me", "/me WORDS", "say what you are doing", "/me waves", talking.me, several_lines=True),
        Command(
            "msg", "/msg NAME WORDS", "send someone a private message", "/msg Alice see you at eight",
            talking.msg, (others,), ("tell",), several_lines=True,
        ),
        Command(
            "reply", "/reply WORDS", "answer the last private message you received", "/reply at eight, then",
            talking.reply, several_lines=True,
        ),
        Command(
            "edit", "/edit WORDS", "change your last message, within 10 minutes",
            "/edit I mean tomorrow", talking.edit, several_lines=True,
        ),
        Command(
            "delete", "/delete", "remove your last message, within 10 minutes", "/delete",
            talking.delete,
        ),
    ),
    "Rooms": (
        Command(
            "join", "/join ROOM [KEY]", "join a room, or create it", "/join dev",
            rooms.join, (known_rooms,), as_typed=True, moves=True,
        ),
        Command(
            "leave", "/leave [ROOM]", "leave a room", "/leave dev",
            rooms.leave, (own_rooms,), ("part",),
        ),
        Command(
            "go", "/go ROOM", "talk in another of your rooms", "/go lobby", rooms.go, (own_rooms,), moves=True,
        ),
        Command("rooms", "/rooms", "list the rooms", "/rooms", rooms.rooms, aliases=("list",)),
        Command(
            "names", "/names [ROOM]", "list the people in a room", "/names dev",
            rooms.names, (known_rooms,), ("who",),
        ),
        Command(
            "topic", "/topic [WORDS|-]", "show, set or clear (-) what the room is about", "/topic gardens",
            rooms.topic,
        ),
        Command(
            "private", "/private", "make your room private, by invitation only", "/private",
            rooms.private,
        ),
        Command("invite", "/invite NAME", "invite someone to the current room", "/invite Bob", rooms.invite, (others,)),
    ),
    "People": (
        Command("nick", "/nick NAME", "change your username", "/nick Alice2", people.nick, as_typed=True),
        Command(
            "whois", "/whois NAME", "see when someone came, and how long they have been idle",
            "/whois Bob", people.whois, (others,),
        ),
        Command("away", "/away [WORDS]", "say that you are away, and why", "/away lunch",
                people.away),
        Command("back", "/back", "say that you are back", "/back", people.back),
        Command(
            "ignore", "/ignore [NAME]", "hide what someone says, or list the people you ignore", "/ignore Mallory",
            people.ignore, (others,),
        ),
        Command(
            "unignore", "/unignore NAME", "stop ignoring someone", "/unignore Mallory",
            people.unignore, (ignored,),
        ),
    ),
    "The past": (
        Command(
            "history", "/history [N] [before TIME|#LINE]",
            "see the last lines, or those before a time or line #45",
            "/history 50 before 18:30", past.history,
        ),
        Command(
            "search", "/search WORDS", 'find all these words, a "phrase", the beginn* of a word',
            '/search "see you" eig*', past.search,
        ),
    ),
    "Your terminal": (
        Command(
            "notices", "/notices [on|off]", "be told who joins, leaves or changes their name", "/notices on",
            terminal.notices, (one_of("on", "off"),),
        ),
        Command(
            "theme", "/theme [colour|mono|contrast]", "choose how names look", "/theme contrast",
            terminal.theme, (one_of("colour", "mono", "contrast"),),
        ),
        Command(
            "time", "/time [off|hh:mm|full] [+HH:MM]", "show when each line was said, and set your time zone",
            "/time hh:mm +02:00", terminal.time, (one_of("off", "hh:mm", "full"),),
        ),
        Command(
            "bell", "/bell [off|mentions|all]", "ring for your name, or for every line", "/bell all",
            terminal.bell, (one_of("off", "mentions", "all"),),
        ),
        Command(
            "rich", "/rich", "turn line editing on", "/rich",
            terminal.rich,
        ),
        Command("plain", "/plain", "turn line editing off", "/plain", terminal.plain),
        Command("clear", "/clear", "clear the screen", "/clear", terminal.clear, aliases=("cls",)),
        Command(
            "reader", "/reader [on|off]", "suit a screen reader: one line for each event", "/reader on",
            terminal.reader, (one_of("on", "off"),),
        ),
    ),
    "The server": (
        Command(
            "help", "/help [all|keys|COMMAND]", "see what you can do", "/help join", _help, (_commands,), ("?",),
            unnamed=True,
        ),
        Command("more", "/more", "show the next page of a long list", "/more", server.more, unnamed=True),
        Command("motd", "/motd", "show the message of the day", "/motd", server.motd),
        Command("nodes", "/nodes", "see which servers this chat runs on", "/nodes", server.nodes),
        Command("uptime", "/uptime", "see how long the server has been up", "/uptime", server.uptime),
        Command("version", "/version", "see which version of gchat this is", "/version", server.version),
        Command(
            "quit", "/quit [WORDS]", "leave, with a few parting words if you like", "/quit see you tomorrow",
            server.quit, aliases=("exit", "bye", "logout"), unnamed=True,
        ),
    ),
}  # fmt: skip
"""All commands, by topic."""

COMMANDS = {command.name: command for command in itertools.chain.from_iterable(TOPICS.values())}
_BY_ALIAS = {alias: command for command in COMMANDS.values() for alias in command.aliases}
