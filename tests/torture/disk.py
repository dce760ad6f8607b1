"""Real trouble with the disk: a small file system that fills up, system calls that fail, and one that takes 10 s.

    python tests/torture/disk.py

Each time a talker is told `Not sent`, nobody hears the line, everything else goes on, the log says so once, and when
the disk is well again so is the chat; in the end the history has what was heard and nothing of what was refused. A disk
that freezes stalls nothing but what it is to keep. Mounting a file system needs root, tampering with system calls
strace; what cannot be tried is said, and is a failure where CI is set.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent.parent)]

from people import PATIENCE, ROOT, Person, Server, eventually

from gchatd.journal.folder import FILE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def trouble(server: Server, begin: Callable[[], None], end: Callable[[], None], told: str) -> None:
    """Talk before, during and after some trouble with the disk, and check what becomes of each line."""
    ann, bob = Person(server, "Ann"), Person(server, "Bob")
    heard: list[str] = []
    refused: list[str] = []
    numbers = iter(range(10**6))

    def says_one() -> bool:
        """Ann says a line; tell whether Bob heard it, or she was told that he did not."""
        line = f"line {next(numbers)} {'x' * 1000}"
        ann.says(line)
        (first,), _, _ = select.select([ann, bob], [], [], PATIENCE)
        if first is bob:
            bob.sees(f"Ann : {line}")
            heard.append(line)
        else:
            answer = ann.reads_line()
            assert re.fullmatch(f"server: Not sent: {told}\\.", answer), answer
            refused.append(line)
        return first is bob

    for _ in range(20):
        assert says_one()
    begin()
    eventually(lambda: not says_one(), 60)
    for _ in range(20):
        ann.says("/who")
        ann.sees("server: 2 in lobby: Ann, Bob")
        says_one()  # a little may still fit
    end()
    eventually(says_one, 60)
    for _ in range(20):
        assert says_one()
    server.logs("history is written again")
    log = server.log()
    assert log.count("history cannot be written") == log.count("history is written again"), log
    assert server.stop() == 0
    db = apsw.Connection(str(server.data / FILE))
    assert db.execute("pragma integrity_check").fetchall() == [("ok",)]
    db.execute("insert into words(words, rank) values('integrity-check', 1)")
    kept = [text for (text,) in db.execute("select event ->> 'text' from events order by id")]
    db.close()
    assert kept == heard, (len(kept), len(heard))
    assert not set(kept) & set(refused)
    ann.hangs_up()
    bob.hangs_up()
    told = f"the log said so {log.count('cannot be written')} time(s)"
    print(f"    {len(heard)} lines were heard and kept, {len(refused)} refused, {told}")


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextlib.contextmanager
def small_file_system() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as home:
        run("mount", "-t", "tmpfs", "-o", "size=400k", "gchat-torture", home)
        try:
            yield Path(home)
        finally:
            run("umount", home)


def full_file_system() -> None:
    print("a file system of 400 KB fills up, and grows later")
    with small_file_system() as home, contextlib.closing(Server(data=home / "data")) as server:
        trouble(server, lambda: None, lambda: run("mount", "-o", "remount,size=8m", str(home)), "the disk is full")


def full_at_the_start() -> None:
    print("the file system is full when the server starts")
    for left in range(0, 80_000, 4096):  # bytes
        with small_file_system() as home:
            with open(home / "filler", "wb", buffering=0) as filler, contextlib.suppress(OSError):
                while True:
                    filler.write(b"x" * 4096)
            os.truncate(home / "filler", (home / "filler").stat().st_size - left)
            words = [sys.executable, "gchat.py", "--listen", "127.0.0.1:0", "--data", str(home / "data")]
            ended = subprocess.run(words, capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT, check=False)
            assert ended.returncode == 2, ended
            assert re.fullmatch(r".*(the disk is full|no space left on device)\n", ended.stderr), ended.stderr


@contextlib.contextmanager
def tampering(server: Server, calls: str, how: str) -> Iterator[subprocess.Popen[bytes]]:
    """Let strace tamper with what the server's threads ask of the system for its database, as long as this lasts."""
    files = [word for file in (FILE, f"{FILE}-wal") for word in ("-P", str(server.data / file))]
    words = ["strace", "-f", "-qq", "-o", "/dev/null", *files, f"--trace={calls}", f"--inject={calls}:{how}"]
    with subprocess.Popen([*words, "-p", str(server.process.pid)]) as tracer:
        status = Path(f"/proc/{server.process.pid}/status")
        eventually(lambda: "TracerPid:\t0" not in status.read_text())
        try:
            yield tracer
        finally:
            tracer.terminate()


def failing(calls: str, error: str, sync: str) -> None:
    print(f"{calls} fails with {error}, sync = {sync}")
    tricks = contextlib.ExitStack()
    with contextlib.closing(Server(history__sync=sync)) as server, tricks:
        told = r"(the disk has failed \(I/O error\)|the disk is full|the history cannot be used)"
        tamper = tampering(server, calls, f"error={error}")
        trouble(server, lambda: tricks.enter_context(tamper) and None, tricks.close, told)


def frozen() -> None:
    print("a write takes 10 seconds")
    with contextlib.closing(Server()) as server:
        ann, bob = Person(server, "Ann"), Person(server, "Bob")
        ann.says("before")
        bob.sees("Ann : before")
        with tampering(server, "pwrite64", "delay_enter=10000000:when=1"):
            begun = time.monotonic()
            ann.says("frozen")
            slowest = count = 0
            while not select.select([bob], [], [], 0.05)[0]:
                asked = time.monotonic()
                ann.says("/who")
                ann.sees("server: 2 in lobby: Ann, Bob")
                newcomer = Person(server, f"p{count}")
                newcomer.says("/notices")
                newcomer.sees("server: Notices are off.")
                newcomer.hangs_up()
                slowest = max(slowest, time.monotonic() - asked)
                count += 1
            took = time.monotonic() - begun
            bob.sees("Ann : frozen")
        ann.says("after")
        bob.sees("Ann : after")
        assert took > 9, took
        assert slowest < 0.5, slowest
        print(
            f"    the line came after {took:.1f} s; {count} x somebody came in and was answered, within {slowest:.3f} s"
        )


def main() -> int:
    missing = []
    if os.geteuid() == 0:
        full_file_system()
        full_at_the_start()
    else:
        missing.append("a full file system (needs root)")
    if shutil.which("strace"):
        failing("pwrite64", "ENOSPC", "normal")
        failing("pwrite64", "EIO", "normal")
        failing("fsync,fdatasync", "EIO", "full")
        frozen()
    else:
        missing.append("failing system calls (needs strace)")
    for what in missing:
        print(f"NOT TRIED: {what}")
    return 1 if missing and os.environ.get("CI") else 0


if __name__ == "__main__":
    sys.exit(main())
