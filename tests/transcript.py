"""Plays transcripts: what some people type, and what they see. tests/transcripts/README.md tells how to write one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from people import GREETING, Person

from gchatd.wire.lineedit import ERASE, PROMPT
from gchatd.wire.negotiation import DO, ECHO, IAC, NAWS, SB, SE, SGA, TTYPE, WILL, WONT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from people import Server

_STEP = re.compile(r"(?:(\w+) (connects|comes in|types|sees)|the server starts anew)(?: +(.*))?")
_PATTERNS = {"time": r"\[\d\d:\d\d\]", "clock": r"\d\d:\d\d", "number": r"\d+"}


class RichPerson(Person):
    """Somebody whose terminal sends every key. Prompts, marks and the echo of what they typed are left out."""

    def __init__(self, server: Server, name: str) -> None:
        self._names = name
        super().__init__(server)
        self.sees(GREETING)
        self.sends(name.encode() + b"\r\n")
        self.sees(f"server: Your username is {name}.")
        answers = ((WILL, NAWS), (WONT, TTYPE), (DO, ECHO), (DO, SGA))
        self.sends(b"".join(bytes((IAC, *answer)) for answer in answers))
        self.sends(bytes((IAC, SB, NAWS, 0, 200, 0, 24, IAC, SE)))
        self.name = name
        for line in ("/notices off", "/theme mono", "/bell off"):
            self.says(line)
        while self.reads_line() != "server: The bell is off.":
            pass

    def says(self, line: str) -> None:
        self.sends(line.encode() + b"\r")
        if line.startswith("/nick "):
            self._names += f"|{line.removeprefix('/nick ')}"

    def shows(self, line: bytes) -> str:
        line = re.sub(rb"\xff[\xfb-\xfe].|\xff\xfa.*?\xff\xf0", b"", line).rpartition(ERASE)[2]
        return re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]|\a", b"", line).decode()

    def reads_line(self) -> str:
        while True:
            line = super().reads_line()
            own = rf"(\[\w+\] )?(({self._names}) : |\* ({self._names}) (?!set |took ))"
            if not (re.match(rf"\S*{PROMPT.decode()}", line) or re.match(own, line)):
                return line


class Play:
    """One transcript being played. `start` starts the server, `enter` is how a named person comes in."""

    def __init__(self, start: Callable[[], Server], enter: Callable[[Server, str], Person]) -> None:
        self._start = start
        self._enter = enter
        self._server = start()
        self._people: dict[str, Person] = {}
        self._seen: dict[str, str] = {}  # what stood where a word in braces was seen first

    def plays(self, path: Path) -> None:
        """Play a transcript. Raises AssertionError, with the number of the line, where somebody sees something else."""
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if line and not line.startswith("#"):
                match = _STEP.fullmatch(line)
                assert match is not None, f"{path.name}:{number}: not a step: {line}"
                try:
                    self._step(match[1], match[2], match[3] or "")
                except (AssertionError, TimeoutError) as error:
                    raise AssertionError(f"{path.name}:{number}: {line}\n{error}") from None
        for name, person in self._people.items():
            person.says("/version")
            self._sees(name, "server: gchat {version}")

    def _step(self, name: str | None, what: str | None, text: str) -> None:
        if name is None or what is None:
            self._server.close()
            self.closes()
            self._server = self._start()
        elif what == "connects":
            self._people[name] = Person(self._server)
        elif what == "comes in":
            self._people[name] = self._enter(self._server, name)
        elif what == "types":
            self._people[name].says(self._filled(text))
        else:
            self._sees(name, text)
            if text == "server: Goodbye.":
                self._people.pop(name).hangs_up()

    def _sees(self, name: str, text: str) -> None:
        parts = re.split(r"\{(\w+)\}", text)
        pattern = "".join(self._pattern(part) if at % 2 else re.escape(part) for at, part in enumerate(parts))
        line = self._people[name].reads_line()
        match = re.fullmatch(pattern, line)
        assert match is not None, f"{name} saw {line!r}"
        self._seen.update(match.groupdict())

    def _pattern(self, word: str) -> str:
        if word in self._seen:
            return re.escape(self._seen[word])
        return _PATTERNS.get(word, rf"(?P<{word}>\S+)")

    def _filled(self, text: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda match: self._seen[match[1]], text)

    def closes(self) -> None:
        """Let everybody hang up."""
        while self._people:
            self._people.popitem()[1].hangs_up()
