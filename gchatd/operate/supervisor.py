"""Keeps several servers running that share their addresses: the workers of `gchat.py --workers N`.

It makes a listening socket for each worker and address, and keeps all of them open. So when a worker has died, those
who connect wait in the backlog of its socket until the next one accepts them, and nobody is refused.

    starting   the lock; a redis-server, unless there is one elsewhere; copies of the history for new workers
    serving    who dies is started again; SIGHUP is passed on. systemd hears of it when all workers serve
    ending     on SIGTERM or SIGINT: the workers end, then the redis-server. A second signal ends everything at once

However this process ends, kill -9 included, the others end with it: the workers see the end of a pipe, redis-server is
sent a signal by the kernel. What outlives it for a moment holds the lock, and the next supervisor waits for that.

Run as `python -P -m gchatd.operate.supervisor PROGRAM WORDS...` with the settings in its environment: gchat.py becomes
this process, so that there is no event loop in it, and no thread.
"""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import msgspec

from .. import log
from ..doors import listening
from ..errors import ConfigError, GchatError, StoreError
from ..settings import Settings
from .children import WorkerProcess, how, tied
from .redis_server import RedisServer
from .systemd import ServiceManager
from .worker import folder

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Sequence

    from .children import Child

logger = logging.getLogger("gchatd.operate.supervisor")  # it runs as __main__

SETTINGS: Final = "GCHAT_SETTINGS"
"""The environment variable with the settings, as JSON."""

ROOT: Final = Path(__file__).parent.parent.parent
"""Where `gchatd` can be imported from."""

MORE_SECONDS: Final = 5.0
"""How much longer than server.drain_seconds a worker may take to end, before it is killed."""

REDIS_SECONDS: Final = 20.0
"""How long a redis-server may take to answer, or to end."""

ASK_SECONDS: Final = 0.02
"""How often to ask, at the start, for what nobody tells us: whether redis-server answers, whether the lock is free."""

STOPPING: Final = (signal.SIGTERM, signal.SIGINT)
NOTICED: Final = (*STOPPING, signal.SIGHUP, signal.SIGCHLD)


def take_over(config: Settings, program: Path, words: Sequence[str]) -> NoReturn:
    """Make this process the supervisor of workers that run a program with these words. Does not return."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, SETTINGS: msgspec.json.encode(config).decode()}
    command = [sys.executable, "-P", "-m", __name__, str(program.absolute()), *words]
    os.execve(sys.executable, command, environment)  # noqa: S606 - no shell is what we want


class StoppedError(GchatError):
    """A signal asked for the end."""


class Supervisor:
    """All of it. `run` once."""

    def __init__(self, config: Settings, program: Path, words: Sequence[str], manager: ServiceManager) -> None:
        self._manager = manager
        manager.status = self._status
        self._config = config
        self._data = Path(config.server.data)
        self._python = [sys.executable, str(program)]
        self._words = list(words)
        self._listeners: list[list[socket.socket]] = []
        self._redis: RedisServer | None = None
        self._workers: list[WorkerProcess] = []
        self._copies: list[subprocess.Popen[bytes]] = []
        self._ending = False
        self._told = self._ready = self._reloading = False
        self._has_terminal = os.isatty(0)
        self._alive, self._end_of_life = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._wake, wake = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(wake, False)
        self._selector.register(self._wake, selectors.EVENT_READ)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        for number in NOTICED:
            signal.signal(number, lambda *_: None)  # the descriptor tells

    def run(self) -> None:
        """Keep the workers running until a signal. Raises ConfigError and StoreError if they cannot start."""
        try:
            self._prepare()
            self._serve()
        except StoppedError:
            logger.info("shutting down")
        finally:
            self._end()

    # Starting.

    def _prepare(self) -> None:
        config = self._config
        try:
            self._data.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(self._data / "workers.lock", os.O_RDWR | os.O_CREAT, 0o600)
            self._take_lock()
            if not config.cluster.redis:
                self._redis = RedisServer(self._data / "redis", self._lock)
        except OSError as error:
            trouble = (error.strerror or str(error)).lower()
            raise config.complain("server", "data", config.server.data, trouble) from None
        if self._redis is not None:
            self._words += ["--set", f"cluster.redis={self._redis.url}"]
            self._start_redis(self._redis)
        self._copy_history()
        self._listeners = list(listening.listen(config, config.cluster.workers))

    def _take_lock(self) -> None:
        """Wait until no process of an earlier supervisor is left. Raises ConfigError if that one lives."""

        def taken() -> bool:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        if not taken():
            pid = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            patience = 0.0
            if not _lives(pid):
                patience = self._config.server.drain_seconds + MORE_SECONDS
                logger.info("waiting for the end of what process %s has left behind", pid)
            if not self._wait(taken, patience, ASK_SECONDS):
                trouble = f"in use by another gchat, process {pid or '(just starting)'}"
                raise self._config.complain("server", "data", self._config.server.data, trouble)
        with contextlib.suppress(OSError):  # on a full disk the lock works without the pid
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def _start_redis(self, redis: RedisServer) -> None:
        """Start it, and wait until it answers. Raises ConfigError if it does not."""
        redis.start()
        until = time.monotonic() + REDIS_SECONDS

        def answers_or_has_ended() -> bool:
            nonlocal until
            answer = redis.answer()
            if answer is not None and answer.startswith("LOADING"):
                until = time.monotonic() + REDIS_SECONDS
            return answer == "PONG" or redis.process is None or time.monotonic() > until

        self._wait(answers_or_has_ended, None, ASK_SECONDS)
        if redis.answer() != "PONG":
            raise ConfigError(f"redis-server did not start: {redis.last_words()}")

    def _copy_history(self) -> None:
        """Give workers that have no history yet that of the first one. Raises StoreError."""
        if not self._config.history.keep or not (self._data / "history.db").exists():
            return
        for number in range(2, self._config.cluster.workers + 1):
            directory = Path(folder(self._config.server.data, number))
            if not (directory / "history.db").exists():
                self._copies.append(self._copy(directory))
        self._wait(lambda: all(copy.poll() is not None for copy in self._copies))
        for copy in self._copies:
            if copy.returncode:
                assert copy.stderr is not None
                raise StoreError(copy.stderr.read().decode(errors="replace").strip().removeprefix("gchat: "))
        self._copies.clear()

    def _copy(self, directory: Path) -> subprocess.Popen[bytes]:
        try:
            directory.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{directory}: {(error.strerror or str(error)).lower()}") from None
        logger.info("copying the history to %s", directory)
        backup = ["backup", "--config", os.devnull, "--data", self._config.server.data]
        return subprocess.Popen(  # noqa: S603 - it is this program
            [*self._python, *backup, str(directory / "history.db")],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=(self._lock,),
            start_new_session=True,
            preexec_fn=tied(signal.SIGINT),  # so that it leaves no half a copy
        )

    # Serving.

    def _serve(self) -> None:
        for number in range(1, self._config.cluster.workers + 1):
            listeners = [sockets[number - 1].fileno() for sockets in self._listeners]
            worker = WorkerProcess(number, [*self._python, *self._words], listeners, self._alive)
            worker.descriptors = (self._lock, *(self._redis.descriptors if self._redis is not None else ()))
            self._workers.append(worker)
        while True:
            self._turn()

    def _turn(self, seconds: float | None = None) -> None:
        """Wait for something to happen, but not for longer than this, and see to it. Raises StoppedError."""
        dues = [child.due for child in self._children() if child.due is not None and not self._ending]
        due = min(self._manager.due, *dues) if dues else self._manager.due
        if due < float("inf"):
            pause = max(0.0, due - time.monotonic())
            seconds = pause if seconds is None else min(pause, seconds)
        for key, _ in self._selector.select(seconds):
            if key.fd == self._wake:
                self._hear_signals(os.read(self._wake, 4096))
            else:
                self._hear(key.data)
        for child in self._children():
            status = child.ended()
            if status is not None:
                self._bury(child, status)
            if not self._ending and child.due is not None and child.due <= time.monotonic():
                self._start(child)
        self._tell_manager()

    def _tell_manager(self) -> None:
        """Tell systemd, if it wants to know, how things are."""
        self._manager.keep_alive()
        if not self._ready and self._serving == self._config.cluster.workers and not self._ending:
            self._ready = True
            self._manager.ready()
        if self._reloading and not any(worker.reloads for worker in self._workers):
            self._reloading = False
            self._manager.ready()

    @property
    def _serving(self) -> int:
        return sum(worker.serves for worker in self._workers)

    def _status(self) -> str:
        return "shutting down" if self._ending else f"{self._serving} of {self._config.cluster.workers} workers serve"

    def _children(self) -> list[Child]:
        return [*([self._redis] if self._redis is not None else []), *self._workers]

    def _start(self, child: Child) -> None:
        child.start()
        if isinstance(child, WorkerProcess) and child.process is not None:
            self._selector.register(child.news, selectors.EVENT_READ, child)

    def _hear(self, worker: WorkerProcess) -> None:
        """Take in what a worker says."""
        served = worker.serves
        if not worker.read():
            self._selector.unregister(worker.news)
            worker.forget_news()
        if worker.serves and not served and worker.process is not None:
            logger.info("%s serves: process %d", worker.name, worker.process.pid)
        if worker.serves and not self._told:
            self._told = True
            listening.say_what_to_type(self._listeners[0][0].getsockname(), self._config.tls.required)

    def _bury(self, child: Child, status: int) -> None:
        """A child has ended: start it again. Raises ConfigError if there is no point in it."""
        if self._ending:
            return
        if isinstance(child, WorkerProcess):
            while child.news >= 0:  # its last words
                self._hear(child)
            child.serves = child.reloads = False
            if status == 2 and not child.has_served:
                raise ConfigError(child.trouble or f"{child.name} cannot start")
            if child.trouble is not None:
                logger.error("%s cannot serve: %s", child.name, child.trouble)
        elif not self._workers:
            return  # it is for _start_redis to say
        pause = child.start_again()
        when = f"in {pause:.1f} s" if pause else "at once"
        logger.error("%s %s; starting it again %s", child.name, how(status), when)

    def _hear_signals(self, numbers: bytes) -> None:
        for number in numbers:
            if number in STOPPING and self._ending:
                self._end_at_once(number)
            elif number in STOPPING:
                raise StoppedError
            elif number == signal.SIGHUP and not self._ending:
                if self._has_terminal and not os.isatty(0):  # somebody has closed it
                    raise StoppedError
                self._reload()

    def _reload(self) -> None:
        """Have all workers read their settings again."""
        if self._ready:
            self._reloading = True
            self._manager.reloads()
        for worker in self._workers:
            if worker.serves:  # one that has not begun reads everything anyway
                worker.reloads = True
                worker.send(signal.SIGHUP)

    def _wait(self, true: Callable[[], bool], seconds: float | None = None, ask: float | None = None) -> bool:
        """Wait until something is true, asking whenever something happens and every so many seconds; return it."""
        until = None if seconds is None else time.monotonic() + seconds
        while not (found := true()):
            left = None if until is None else until - time.monotonic()
            if left is not None and left <= 0:
                break
            self._turn(min((one for one in (left, ask) if one is not None), default=None))
        return found

    # Ending.

    def _end(self) -> None:
        """End everybody, and wait until they are gone: first the workers, then the redis-server."""
        self._ending = True
        self._manager.stopping()
        for sockets in self._listeners:
            for listener in sockets:
                listener.close()
        for copy in self._copies:
            copy.send_signal(signal.SIGINT)
        for worker in self._workers:
            worker.send(signal.SIGTERM)
        gone = self._wait(self._nobody_works, self._config.server.drain_seconds + MORE_SECONDS)
        if not gone:
            logger.error("%d workers did not end in time: killed", sum(bool(one.process) for one in self._workers))
        self._kill(self._workers)
        if self._redis is not None:
            redis = self._redis
            redis.send(signal.SIGTERM)
            if not self._wait(lambda: redis.process is None, REDIS_SECONDS):
                logger.error("redis-server did not end in time: killed")
            redis.kill()

    def _nobody_works(self) -> bool:
        copying = any(copy.poll() is None for copy in self._copies)
        return not copying and all(worker.process is None for worker in self._workers)

    def _kill(self, children: Sequence[Child]) -> None:
        for copy in self._copies:
            copy.kill()
            copy.wait()
        for child in children:
            child.kill()

    def _end_at_once(self, number: int) -> NoReturn:
        """End as the signal ends a program that does not care for it."""
        self._kill(self._children())
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        sys.exit(1)


def _lives(pid: str) -> bool:
    """Whether there is a process with this number."""
    return pid.isdecimal() and Path(f"/proc/{pid}").exists()


def main(program: str, *words: str) -> int:
    """Run the supervisor; return its exit status."""
    config = msgspec.json.decode(os.environ.pop(SETTINGS), type=Settings)
    log.start(config.log.level, "supervisor", threads=False)
    manager = ServiceManager.of(os.environ)
    try:
        Supervisor(config, Path(program), words, manager).run()
    except (ConfigError, StoreError) as error:
        print(f"gchat: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
