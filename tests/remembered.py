"""What tests of history share: people who say something and ask until it is kept, and the command line."""

from __future__ import annotations

import re
import subprocess
import sys

from people import PATIENCE, ROOT, Person, eventually

TIME = r"\[\d\d:\d\d\] "


def said(server, enter, *lines: str, name: str = "Ann") -> Person:
    """Let somebody say these lines; they are kept when this is done."""
    person = enter(server)
    person.says(name)
    while person.reads_line() != f"server: Your username is {name}.":
        pass
    for line in lines:
        person.says(line)
    if lines:
        asks(person, "/history 1", lines[-1])
    return person


def asks(person: Person, command: str, what: str) -> None:
    """Ask until the answer has this in it, and read all of the answer."""

    def answered() -> bool:
        person.says(command)
        person.says("/notices")
        answer = reads_until(person, "server: Notices are off.")
        return any(what.removeprefix("/me ") in line for line in answer)

    eventually(answered)


def reads_until(person: Person, last: str) -> list[str]:
    lines = []
    while (line := person.reads_line()) != last:
        lines.append(line)
    return lines


def answer(person: Person, command: str) -> list[str]:
    """What a command answers, times taken out."""
    person.says(command)
    person.says("/notices")
    return [re.sub(f"^{TIME}", "[hh:mm] ", line) for line in reads_until(person, "server: Notices are off.")]


def gchat(*args: object) -> tuple[int, str, str]:
    words = [sys.executable, str(ROOT / "gchat.py"), *map(str, args)]
    ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, check=False)
    return ended.returncode, ended.stdout, ended.stderr


def history(data, *args: object) -> tuple[int, str, str]:
    return gchat("history", "--data", data, *args)
