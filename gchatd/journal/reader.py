"""Reads history: pages, searches, and all of it. Blocks: for native threads, and for programs without a hub.

Nothing here holds a snapshot of the database for more than a second, as its write-ahead log cannot be emptied
meanwhile: what is long is read a piece at a time.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import tempfile
import time
from typing import TYPE_CHECKING, NamedTuple

import apsw
import msgspec

from ..chat.events import FOUND, FOUND_END, Deleted, Edited, MadePrivate, Said, TopicSet
from ..errors import Refused, StoreError
from . import schema
from .folder import FILE, complaining
from .refusals import NothingToSearchFor, SearchTooSlow, TooManyWords
from .schema import rows, value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ..chat.events import Event

PAGE_CHARACTERS = 100_000
"""The most that a page has: it waits in memory until it is read."""

MOST_CHANGES = 200
"""The most edits and deletions that somebody is told of who comes back: some 100 KB."""

FEW = 2000
"""Lines that are searched first for the beginning of a word: an index of them is made within 10 ms."""

SEARCH_SECONDS = 0.8
"""How long a search may take; one that takes longer is refused."""

MOST_TERMS = 20
"""Words that can be searched for at once: each costs up to 0.05 s in which a search cannot be interrupted."""

INDEX_SECONDS = 0.12
"""How long a search waits at most until what was just said is indexed: longer than the journal ever leaves it."""

PIECE = 1000
"""Lines that are read at a time where all are read."""


class Page(NamedTuple):
    """Some lines, oldest first (newest first where they were searched for), and whether there are others.

    `changes` are what happened, after a line, to the lines up to that one: see `Reader.after`.
    """

    lines: list[Said]
    more: bool
    changes: Sequence[Edited | Deleted] = ()


class Reader:
    """A connection that only reads. Used by the thread that made it."""

    def __init__(self, directory: Path) -> None:
        """Open the database of a data directory. Raises StoreError if there is none that this program can read."""
        path = directory / FILE
        with complaining(path):
            if not path.exists():
                raise StoreError("no history is kept here")
            self._db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
            self._db.set_busy_timeout(schema.BUSY_MS)
            version = schema.version_of(self._db)
            if version < len(schema.SCHEMA):
                raise StoreError("written by an older gchat: start the server once, which brings it up to date")

    def close(self) -> None:
        self._db.close()

    def page(self, room: str, count: int, before: int | None = None) -> Page:
        """Return a room's last lines, or the last before the one with the id `before`."""
        found = rows(
            self._db,
            "select id, at, event, text, edited from lines where room = ? and id < ? order by id desc limit ?",
            room, 2**62 if before is None else before, count + 1,
        )  # fmt: skip
        sizes = itertools.accumulate(len(event) for _, _, event, *_ in found[:count])
        fit = max(1, sum(size <= PAGE_CHARACTERS for size in sizes))
        return Page([_event(*row) for row in found[:fit]][::-1], len(found) > fit)

    def after(self, room: str, count: int, id: int) -> Page:
        """Return the first lines of a room after the one with an id, and how those up to it were changed after it.

        Of the changes there are at most MOST_CHANGES, the latest ones: who is so far behind reads everything anew.
        """
        found = rows(
            self._db,
            "select id, at, event, text, edited from lines where room = ? and id > ? order by id limit ?",
            room, id, count + 1,
        )  # fmt: skip
        sizes = itertools.accumulate(len(event) for _, _, event, *_ in found[:count])
        fit = max(1, sum(size <= PAGE_CHARACTERS for size in sizes))
        changes = rows(
            self._db,
            "select id, at, event from events where id > ?1 and line is not null and line <= ?1 and room = ?2 "
            "order by id desc limit ?3",
            id, room, MOST_CHANGES,
        )  # fmt: skip
        changed = [msgspec.structs.replace(_decode_change(event), id=id, at=at) for id, at, event in reversed(changes)]
        return Page([_event(*row) for row in found[:fit]], len(found) > fit, changed)

    def newest(self) -> int:
        """Return the id of the newest event, 0 if there is none."""
        return value(self._db, "select max(id) from events") or 0

    def first_id_since(self, at: int) -> int:
        """Return an id below which everything was said before `at` (milliseconds since 1970), and nothing from it on.

        A binary search, since times grow with ids. Where the clock was set back they do not, and then the answer is one
        of several that are right.
        """
        low: int = value(self._db, "select coalesce(min(id), 1) from events")
        high: int = value(self._db, "select coalesce(max(id), 0) from events") + 1
        while low < high:
            middle = (low + high) // 2
            line = rows(self._db, "select id, at from events where id >= ? order by id limit 1", middle)
            if line and line[0][1] < at:
                low = line[0][0] + 1
            else:
                high = middle
        return low

    def search(self, room: str, words: str, count: int) -> Page:
        """Return the newest lines of a room that have all these words, newest first, with FOUND around the words.

        A "quoted phrase" is found as it stands, a word with a * at its end by its beginning. Raises Refused for words
        that cannot be searched for, and for a search that takes too long.
        """
        whole, begun = _terms(words)
        self._wait_for_index()
        deadline = time.monotonic() + SEARCH_SECONDS
        found = self._find_among_few(whole, begun, room, count + 1, deadline)
        if found is None:
            found = self._find("words", whole + begun, room, count + 1, deadline)
        return Page(found[:count], len(found) > count)

    def _find(self, index: str, terms: list[str], room: str, count: int, deadline: float) -> list[Said]:
        """Return the newest lines that have all these terms, by an index. Raises Refused if it takes too long."""
        with self._in_time(deadline):
            found = rows(
                self._db,
                f"select id, at, event, highlight({index}, 0, ?, ?), edited "  # noqa: S608
                f"from {index} join lines on id = {index}.rowid "
                f"where {index} match ? and room = ? order by {index}.rowid desc limit ?",
                FOUND, FOUND_END, " ".join(terms), room, count,
            )  # fmt: skip
        return [_event(*row) for row in found]

    def _find_among_few(
        self, whole: list[str], begun: list[str], room: str, count: int, deadline: float
    ) -> list[Said] | None:
        """Return what `_find` would, sooner, by an index of only some lines; None if those are too few to tell.

        Of a small room it indexes all lines: that spares looking at those of all other rooms. Beginnings of words take
        FTS5 long (it joins the lists of all words that begin with a few letters, anew for each search: 0.5 s for one
        letter in a million lines), but what is so frequent was also said lately. So of a big room it indexes the newest
        lines that have the whole words.
        """
        some = "select 1 from events where kind = 'said' and room = ? limit ?"
        small = value(self._db, f"select count(*) from ({some})", room, FEW) < FEW  # noqa: S608
        if not (small or begun):
            return None
        if whole and not small:  # in the order of the index, else all of it would be sorted
            source = "words join lines on id = words.rowid where words match ?2 and room = ?1 order by words.rowid"
        else:
            source = "lines where room = ?1 and ?2 is not null order by id"
        self._db.execute(f"create virtual table temp.few using fts5({schema.FTS_COLUMNS})")
        try:
            newest = f"select id, lines.text from {source} desc limit ?3"  # noqa: S608
            with self._in_time(deadline):
                self._db.execute(f"insert into few(rowid, text) {newest}", (room, " ".join(whole), FEW))
            all_of_them = small or self._db.changes() < FEW
            found = self._find("few", whole + begun, room, count, deadline)
        finally:
            self._db.execute("drop table temp.few")
        return found if all_of_them or len(found) == count else None

    @contextlib.contextmanager
    def _in_time(self, deadline: float) -> Iterator[None]:
        """Interrupt the statements in here at that moment (monotonic seconds). Raises Refused then."""
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        try:
            yield
        except apsw.InterruptError:
            raise Refused(SearchTooSlow()) from None
        finally:
            self._db.set_progress_handler(None)

    def everything(self, room: str | None = None, since: int = 0) -> Iterator[Said]:
        """Yield all that was said, or all in a room, from the id `since` on, oldest first."""
        while True:
            found = rows(
                self._db,
                "select id, at, event, text, edited from lines where id >= ?1 and (?2 is null or room = ?2) "
                "order by id limit ?3",
                since, room, PIECE,
            )  # fmt: skip
            yield from (_event(*row) for row in found)
            if len(found) < PIECE:
                return
            since = found[-1][0] + 1

    def rooms(self, most: int) -> list[str]:
        """Return the names of the rooms in which something was said: at most `most`, the latest ones first."""
        last = "(select max(id) from events where kind = 'said' and room = shown)"
        found = rows(self._db, f"select shown from rooms order by {last} desc limit ?", most)  # noqa: S608
        return [name for (name,) in found]

    def named(self, name: str) -> str | None:
        """Return how a room of a compared name is written, if anything was said in it."""
        shown: str | None = value(self._db, "select shown from rooms where compared = ?", name)
        return shown

    def restored(self, name: str, count: int) -> tuple[str, list[Event]]:
        """Return a room's name and the events that say how it is: topic and key, then the last lines."""
        states = rows(self._db, "select event from states where room = ?", name)
        lines = self.page(name, count).lines if count else []
        return name, [*(_decode_state(event) for (event,) in states), *lines]

    def _wait_for_index(self) -> None:
        """Wait, but not for long, until what was said before now can be found."""
        last = value(self._db, "select max(id) from events") or 0
        until = time.monotonic() + INDEX_SECONDS
        while (value(self._db, "select max(id) from words_docsize") or 0) < last and time.monotonic() < until:
            time.sleep(0.001)


def copy(directory: Path, file: Path) -> int:
    """Copy a data directory's database to a file that does not exist yet, also while a server writes to it.

    Return how many lines are in the copy: all that could be read when it was begun. It copies some thousand lines at a
    time. (SQLite's own backup begins again whenever somebody writes, or holds one snapshot to its end.)
    Raises StoreError; then there is no file.
    """
    Reader(directory).close()  # says what is wrong with it
    with complaining(file):
        if file.exists():
            raise StoreError("exists already")
        descriptor, part = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        try:
            lines = _copy_lines(directory / FILE, part)
            os.fsync(descriptor)
            os.rename(part, file)
        except BaseException:  # Ctrl-C too: half a copy is none
            os.unlink(part)
            raise
        finally:
            os.close(descriptor)
    return lines


def _copy_lines(source: Path, part: str) -> int:
    db = apsw.Connection(part, flags=apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(schema.BUSY_MS)
        db.pragma("synchronous", "off")
        schema.bring_up_to_date(db, 0)
        db.execute("attach ? as live", (f"{source.absolute().as_uri()}?mode=ro",))
        last = value(db, "select max(id) from live.events") or 0
        done = 0
        while done < last:
            upto = value(
                db, "select max(id) from (select id from live.events where id > ? and id <= ? order by id limit ?)",
                done, last, 5 * PIECE,
            ) or last  # fmt: skip
            db.execute(
                "insert into main.events(id, at, event) select id, at, event from live.events where id > ? and id <= ?",
                (done, upto),
            )
            done = upto
        db.execute("insert or replace into main.states select * from live.states")
        db.execute("update main.runs set incarnation = (select incarnation from live.runs)")
        db.execute("detach live")
        db.execute(schema.FILL_ROOMS)
        db.execute("insert into words(words) values('rebuild')")
        lines: int = value(db, "select count(*) from lines")
        return lines
    finally:
        db.close()


_decode = msgspec.json.Decoder(Said).decode
_decode_change = msgspec.json.Decoder(Edited | Deleted).decode
_decode_state = msgspec.json.Decoder(TopicSet | MadePrivate).decode


def _event(id: int, at: int, event: str, text: str, edited: int) -> Said:
    """Make an event of a line, with the text as it reads now."""
    return msgspec.structs.replace(_decode(event), id=id, at=at, text=text, edited=bool(edited))


def _terms(words: str) -> tuple[list[str], list[str]]:
    """Return what a person typed as terms that FTS5 takes, each a string of its grammar: whole ones, and beginnings.

    Source: https://www.sqlite.org/fts5.html, section 3, "Full-text Query Syntax". Raises Refused if there is no word,
    or too many.
    """
    whole, begun = [], []
    for phrase, phrase_star, word in re.findall(r'"([^"]*)"?(\*?)|([^\s"]+)', words):
        text = (phrase or word.rstrip("*")).replace("\0", " ")
        if any(char.isalnum() for char in text):
            if phrase_star or word.endswith("*"):
                begun.append(f'"{text}"*')
            else:
                whole.append(f'"{text}"')
    if not (whole or begun):
        raise Refused(NothingToSearchFor(words))
    if len(whole) + len(begun) > MOST_TERMS:
        raise Refused(TooManyWords(MOST_TERMS))
    return whole, begun
