"""A `gchat.py crowd` that a test starts, watches and waits for."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from people import PATIENCE, ROOT


class Crowd:
    """A `gchat.py crowd` in a process of its own. A context manager."""

    def __init__(self, *args: str, home: Path, program: str = "gchat.py", **how: Any) -> None:
        self.home = home / "tmp"
        self.home.mkdir()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / program), "crowd", *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "TMPDIR": str(self.home), **how.pop("env", {})},
            **how,
        )

    def __enter__(self) -> Crowd:
        return self

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()

    def processes(self) -> list[int]:
        """Those that live and belong to it, known by what they inherited."""
        mine = f"TMPDIR={self.home}".encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mine in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
        return found

    def shows(self, what: str) -> re.Match[str]:
        """Wait for a line on the board (standard error, with --json) that matches."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(what, line):
                return found
        raise AssertionError(f"it never showed {what}")

    def ends(self) -> tuple[int, str, str]:
        """Wait for its end; give its exit status and what it printed."""
        out, err = self.process.communicate(timeout=3 * PATIENCE)
        return self.process.returncode, out, err

    def reports(self, status: int = 0) -> dict:
        """Wait for its end; give its JSON."""
        code, out, err = self.ends()
        assert code == status, err
        return json.loads(out)
