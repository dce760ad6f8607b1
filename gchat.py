#!/usr/bin/env python3
"""A chat server for everyone, with what they already have:

    python gchat.py
    telnet localhost 1337

This is the program you run, and the best place to start reading. A `gevent.server.StreamServer` spawns a greenlet for
each client, which does its socket I/O in blocking style (gchatd/session.py). Who is here stands in a shared dict of
users, `hub.users`; what somebody says goes through `hub.broadcast` (gchatd/hub.py) into a journal, and from there to
everybody in the room (gchatd/delivery/fanout.py). `serve` below puts that together.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib.util
import logging
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gevent
import gevent.event
import gevent.socket

from gchatd import __version__, crowd, log, settings
from gchatd.delivery.fanout import Fanout
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.doors import listening
from gchatd.doors.accepting import PatientServer
from gchatd.doors.front import Front
from gchatd.doors.terminal.connection import Terminals
from gchatd.doors.terminal.door import TelnetDoor
from gchatd.doors.web.door import WebDoor
from gchatd.errors import ConfigError, StoreError
from gchatd.journal import SqliteJournal
from gchatd.limits.addresses import Addresses
from gchatd.limits.flood import Flood
from gchatd.meters import Meters
from gchatd.operate import archive, founding, supervisor, sweeper
from gchatd.operate.deadlines import Deadlines
from gchatd.operate.health import Health
from gchatd.operate.reloading import Reloading
from gchatd.operate.systemd import ServiceManager
from gchatd.operate.watchdog import Watchdog
from gchatd.operate.worker import Worker
from gchatd.settings import Address
from gchatd.text.phrases import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gchatd.hub import Hub
    from gchatd.settings import Settings

logger = logging.getLogger("gchatd")

_M_ARENA_MAX = -8  # mallopt(3)


def main(argv: Sequence[str] | None = None) -> int:
    """Run gchat with these arguments (default: those of the process) and give its exit status."""
    words = _with_command(sys.argv[1:] if argv is None else argv)
    worker = Worker.of(os.environ)
    try:
        options = _parser().parse_args(words)
        if options.command == "crowd":
            return crowd.run(options, Path(__file__))

        def read() -> Settings:
            config = settings.load(_config_file(options.config), _overrides(options))
            return worker.settings(config) if worker is not None else config

        config = read()
        if options.command == "history":
            archive.print_history(Path(config.server.data), options.room, options.since, options.format)
        elif options.command == "backup":
            archive.back_up(Path(config.server.data), options.file)
        elif worker is not None:
            serve(config, read, worker)
        elif config.cluster.workers > 1:
            supervisor.take_over(config, Path(__file__), words)
        else:
            serve(config, read)
    except (ConfigError, StoreError) as error:
        if worker is not None and isinstance(error, ConfigError):
            worker.says_why_it_cannot(str(error))  # and the supervisor tells it once, for all workers
            return 2
        print(f"gchat: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1
    return 0


def serve(config: Settings, read: Callable[[], Settings], worker: Worker | None = None) -> None:
    """Serve until SIGINT or SIGTERM; as a worker, also until its supervisor has ended. SIGHUP has `read` called again.

    Raises ConfigError if it cannot listen, or keep history, where it should.
    """
    log.start(config.log.level, f"worker {worker.number}" if worker is not None else "")
    _allow_many_files()
    _keep_memory_together()
    hub, journal = founding.hub_and_journal(config, worker)
    slow_readers = SlowReaders(config.limits.sendq, config.limits.stalled_seconds)
    sessions = Sessions(hub.node, Flood.of(config.limits))
    meters = Meters() if config.metrics.listen is not None else None
    fanout = Fanout(hub, sessions, journal, slow_readers, meters)
    terminals = Terminals(slow_readers, config.limits, probes=config.telnet.mode == "auto")
    addresses = Addresses(*_limits_of_addresses(config))
    terminals.turned_away = addresses.turned_away
    health = Health(hub, journal)
    web = WebDoor(hub, sessions, slow_readers, config, health.trouble)
    front = Front(TelnetDoor(hub, sessions, terminals), web, addresses, sessions.repeats, config)
    deadlines = Deadlines(sessions, config.limits)

    watchdog = Watchdog()
    if meters is not None:
        sources = hub, journal, sessions, slow_readers, addresses, deadlines, watchdog.keeping, meters, health.trouble
        _serve_metrics(config, sources, worker)

    stop = _stop_on_signals()

    def go_by(config: Settings) -> None:
        """Go by settings that were read again. Raises ConfigError, and then nothing has changed."""
        motd = founding.read_motd(config)
        front.configure(config)
        web.configure(config)
        hub.motd = motd
        sessions.limit(Flood.of(config.limits))
        addresses.configure(*_limits_of_addresses(config))
        slow_readers.sendq, slow_readers.stalled_seconds = config.limits.sendq, config.limits.stalled_seconds
        terminals.probes = config.telnet.mode == "auto"
        deadlines.configure(config.limits)
        log.set_level(config.log.level)

    reloading = Reloading(config, read, go_by)
    manager = ServiceManager.of(os.environ)
    manager.status = lambda: _status(hub, reloading)
    _reload_on_hangup(stop, reloading, manager, worker)
    if worker is not None:
        gevent.spawn(_stop_without_supervisor, worker, stop)  # ends with the process
    delivering = gevent.spawn(fanout.run)  # ends when the journal has been closed and is empty
    tasks = slow_readers.close_stalled, deadlines.close_late, sessions.repeats.sum_up
    keep_alive = terminals.keep_alive, web.keep_alive, manager.keep_alive
    gevent.spawn(sweeper.run, *tasks, *keep_alive)  # ends with the process
    # Each is a gevent.server.StreamServer, which spawns a greenlet for every client; a raw one costs 0.9 KB less than a
    # Greenlet.
    servers = [
        PatientServer(listener, front, addresses, sessions, spawn=gevent.spawn_raw)
        for listener in _listeners(config, worker)
    ]
    for server in servers:
        server.start()
    if worker is not None:
        worker.says_that_it_serves()
    else:
        first: Any = servers[0].address  # of the internet, so it is a pair
        listening.say_what_to_type(first, config.tls.required)
        manager.ready()

    watchdog.start()
    delivering.link(lambda _: stop.set())  # as it does if the other nodes of a cluster have given this one up
    stop.wait()
    watchdog.stop()  # what it would see now is the end
    manager.stopping()
    logger.info("shutting down; %d slow readers were closed since the start", slow_readers.closed)
    for server in servers:
        server.close()
    _take_leave(hub, sessions, fanout, delivering, config.server.drain_seconds)
    if journal.fenced:
        raise StoreError(f"this server is no longer part of the chat: {journal.fenced}")


def _take_leave(
    hub: Hub, sessions: Sessions, fanout: Fanout, delivering: gevent.Greenlet[..., None], drain_seconds: float
) -> None:
    """Deliver what has been said, then tell everybody that the server shuts down. Takes `drain_seconds` at most."""
    until = time.monotonic() + drain_seconds
    if hub.history is not None:
        hub.history.let_go(drain_seconds / 5)
    hub.close()
    sessions.wait_no_more()
    delivering.join(drain_seconds)
    fanout.take_leave()
    for session in list(sessions.by_id.values()):
        session.outbox.flush(max(0, until - time.monotonic()))


def _serve_metrics(config: Settings, sources: tuple[Any, ...], worker: Worker | None) -> None:
    """Serve metrics until the process ends. Raises ConfigError."""
    if importlib.util.find_spec("prometheus_client") is None:
        raise ConfigError("metrics.listen needs prometheus-client: run `pip install -r requirements.txt` first")
    from gchatd.operate import metrics, monitoring

    asked = metrics.Sources(*sources)
    if isinstance(asked.journal, SqliteJournal):
        asked.journal.commit_seconds = asked.meters.commit_seconds
    server = monitoring.bind(config, asked, worker.number if worker is not None else 1)
    server.start()
    gevent.spawn(monitoring.measure_delay, asked.meters)  # ends with the process
    logger.info("metrics are at http://%s/metrics", Address(*server.address[:2]))


def _status(hub: Hub, reloading: Reloading) -> str:
    """Say in a line how the chat is, for `systemctl status`."""
    if hub.closed:
        return "shutting down"
    people = len(hub.users)
    refused = "settings refused, see the log; " if reloading.refused else ""
    return f"{refused}{'1 person' if people == 1 else f'{people:,} people'} in {counted(len(hub.rooms), 'room')}"


def _limits_of_addresses(config: Settings) -> tuple[int, list[str], int]:
    """Return what `Addresses` goes by."""
    exempt = [str(network) for network in (*config.limits.exempt, *config.server.proxies)]
    return config.limits.per_address, exempt, config.server.clients


def _listeners(config: Settings, worker: Worker | None) -> Iterator[gevent.socket.socket]:
    """Yield a listening socket for each address: of our own, or those that the supervisor has made for this worker."""
    own = (listener.detach() for (listener,) in listening.listen(config)) if worker is None else worker.listeners
    yield from (gevent.socket.socket(fileno=descriptor) for descriptor in own)


def _allow_many_files() -> None:
    """Raise the soft limit of open files, one for each client, to the hard one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_memory_together() -> None:
    """Let all threads share one heap, where the C library is glibc: else each keeps what it once needed to itself.

    After 150,000 connections made and dropped, memory had grown by 1.5 MB with many heaps, and by nothing with one.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


def _stop_on_signals() -> gevent.event.Event:
    """Return an event that SIGINT and SIGTERM set. After the first of them, another one ends the process at once."""
    stop = gevent.event.Event()

    def on_signal() -> None:
        for watcher in watchers:
            watcher.cancel()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        stop.set()

    watchers = [gevent.signal_handler(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)]
    return stop


def _reload_on_hangup(
    stop: gevent.event.Event, reloading: Reloading, manager: ServiceManager, worker: Worker | None
) -> None:
    """Have SIGHUP read the settings again; or set `stop`, if it comes because somebody has closed the terminal."""
    has_terminal = os.isatty(0)

    def on_hangup() -> None:
        if has_terminal and not os.isatty(0):
            stop.set()
            return
        with manager.reloading():
            reloading.reload()
        if worker is not None:
            worker.says_that_it_has_reloaded()

    gevent.signal_handler(signal.SIGHUP, on_hangup)


def _stop_without_supervisor(worker: Worker, stop: gevent.event.Event) -> None:
    """Set `stop` when the supervisor has ended. Switches until then."""
    gevent.socket.wait_read(worker.supervisor)  # nobody ever writes: it is the end
    logger.warning("the supervisor has ended")
    stop.set()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gchat", description="A chat server for terminals, browsers and scripts.")
    parser.epilog = "gchat COMMAND --help says more about a command. Without one, gchat runs serve."
    parser.add_argument("--version", action="version", version=f"gchat {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--config", metavar="FILE", type=Path, help="settings (default: config.ini, if it exists)")
    common.add_argument("--data", metavar="DIR", help="folder for the history (default: data)")
    common.add_argument("--set", metavar="SECTION.OPTION=VALUE", action="append", default=[], help="override a setting")
    serve = commands.add_parser("serve", parents=[common], help="run the server; the default if you name no command")
    serve.add_argument("--version", action="version", version=f"gchat {__version__}")
    serve.add_argument("--listen", metavar="ADDRESS:PORT", action="append", help="where to listen; repeatable")
    serve.add_argument("--workers", metavar="N", help="how many processes serve (default: 1; more need Redis)")
    serve.add_argument("--log-level", metavar="LEVEL", help="debug, info (default), warning or error")
    history = commands.add_parser("history", parents=[common], help="print what people said, even while they talk")
    history.add_argument("--room", metavar="ROOM", help="only this room")
    since = "only from this time on: 30m, 1h or 2d ago, or 18:30, 2026-11-22 or '2026-11-22 18:30' (UTC)"
    history.add_argument("--since", metavar="TIME", help=since)
    formats = "text, or jsonl: one JSON object per line, see docs/history.md (default: text)"
    history.add_argument("--format", choices=archive.FORMATS, default="text", help=formats)
    backup = commands.add_parser("backup", parents=[common], help="copy the history, even while people talk")
    backup.add_argument("file", metavar="FILE", type=Path, help="where to put the copy; must not exist yet")
    crowd.add_parser(commands)
    return parser


def _with_command(argv: Sequence[str]) -> list[str]:
    """Add `serve` to a command line without a command."""
    help_or_command = argv and (argv[0] in ("-h", "--help") or not argv[0].startswith("-"))
    return list(argv) if help_or_command else ["serve", *argv]


def _config_file(given: Path | None) -> Path | None:
    default = Path("config.ini")
    return given or (default if default.exists() else None)


def _overrides(options: argparse.Namespace) -> Iterator[tuple[str, str, str]]:
    """Yield the settings that the command line overrides, as (section, option, value)."""
    for text in options.set:
        name, equals, value = text.partition("=")
        section, dot, option = name.strip().partition(".")
        if not (equals and dot):
            raise ConfigError(f"command line: --set {text}: expected SECTION.OPTION=VALUE")
        yield section, option.lower(), value.strip()
    if options.data is not None:
        yield "server", "data", options.data
    if options.command != "serve":
        return
    if options.listen:
        yield "server", "listen", " ".join(options.listen)
    if options.workers is not None:
        yield "cluster", "workers", options.workers
    if options.log_level is not None:
        yield "log", "level", options.log_level


if __name__ == "__main__":
    sys.exit(main())
