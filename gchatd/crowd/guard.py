"""Runs a server until its own standard input ends, then ends the server and removes its data.

So nothing is left behind, however the process that started it ends. Run as
`python -P -m gchatd.crowd.guard COMMAND...`: it makes a folder, starts the server in it, and prints the server's
process id, then whatever the server prints. What the server has started (workers, a Redis) ends with it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import psutil

PATIENCE_SECONDS = 10.0
"""How long the server may take to end before it is killed."""

_PR_SET_CHILD_SUBREAPER = 36  # prctl(2)


def main(*command: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # children of a server that was killed become ours
    folder = tempfile.mkdtemp(prefix="gchat-crowd-")
    try:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_be_yourself, cwd=folder)
        os.write(1, f"{server.pid}\n".encode())
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)  # so that whoever reads our output sees it end when the server ends
        os.dup2(nowhere, 2)
        while os.read(0, 1024):
            pass
        server.terminate()
        try:
            server.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
    finally:
        left = psutil.Process().children(recursive=True)
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, PATIENCE_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def _be_yourself() -> None:
    """Let the server react to signals as usual: this process ignores them, and a child inherits that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


if __name__ == "__main__":
    main(*sys.argv[1:])
