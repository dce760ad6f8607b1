"""The servers that are measured: how each is started, and what can be read off it from outside."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Self

HERE = Path(__file__).parent
SERVER_CORE, LOAD_CORE = 0, 1
PATIENCE = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE_KB = os.sysconf("SC_PAGE_SIZE") // 1024


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def pinned(*cores: int) -> list[str]:
    """Give what makes a child process stay on some cores."""
    return ["taskset", "-c", ",".join(map(str, cores))]


class Server:
    """A server on a port of this machine's loopback, pinned to its cores. A context manager."""

    name = ""
    protocol = "gchat"
    tls = False  # whether its clients speak TLS
    cores: tuple[int, ...] = (SERVER_CORE,)
    peer = False  # somebody else's server, there for comparison
    stdout: int | None = None  # None: into the log

    def __init__(self) -> None:
        self.port = free_port()
        self.home = Path(tempfile.mkdtemp(prefix="gchat-bench-"))
        self.log = self.home / "log"

    def command(self) -> list[str]:
        raise NotImplementedError

    @classmethod
    def absent(cls) -> str:
        """Why this server cannot be measured here, or nothing."""
        return ""

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                pinned(*self.cores) + self.command(), stdout=self.stdout or log, stderr=log, stdin=subprocess.PIPE
            )
        until = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return self
            except OSError:
                if self.process.poll() is not None or time.monotonic() > until:
                    raise RuntimeError(f"{self.name} did not start:\n{self.log.read_text()}") from None
                time.sleep(0.05)

    def __exit__(self, *exc: object) -> None:
        self.process.kill()
        self.process.communicate()
        shutil.rmtree(self.home)

    def rss_kb(self) -> int:
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * _PAGE_KB

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS


class Reference(Server):
    name = "reference"

    def command(self) -> list[str]:
        return [str(compiled("reference/chat.c")), str(self.port)]


class Gchat(Server):
    name = "gchat"
    program = "gchat.py"
    settings: tuple[str, ...] = ()

    def command(self) -> list[str]:
        settings = ("limits.flood=no", *self.settings)  # a talker says thousands of lines a second
        sets = [word for setting in settings for word in ("--set", setting)]
        program = str(HERE.parent / self.program)
        return [sys.executable, program, "--listen", f"127.0.0.1:{self.port}", "--data", str(self.home / "data"), *sets]


class Watched(Gchat):
    """gchat with instruments inside (bench/watched.py): not for throughput."""

    program = "bench/watched.py"
    stdout = subprocess.PIPE

    def read(self) -> dict[str, float]:
        """What the instruments have seen since the last look."""
        import json
        import signal

        self.process.send_signal(signal.SIGUSR1)
        assert self.process.stdout is not None
        while not (line := self.process.stdout.readline()).startswith(b"{"):
            pass
        seen: dict[str, float] = json.loads(line)
        return seen


class Ngircd(Server):
    name = "ngircd"
    peer = True
    protocol = "irc"
    program = "ngircd"

    @classmethod
    def absent(cls) -> str:
        return "" if shutil.which(cls.program) or Path(f"/usr/sbin/{cls.program}").exists() else "not installed"

    def command(self) -> list[str]:
        config = self.home / "ngircd.conf"
        config.write_text(
            f"""[Global]
Name = bench.test
Info = bench
Listen = 127.0.0.1
Ports = {self.port}
ServerUID = {os.getuid()}
ServerGID = {os.getgid()}
[Limits]
MaxConnections = 0
MaxConnectionsIP = 0
MaxPenaltyTime = 0
MaxJoins = 0
[Options]
DNS = no
Ident = no
PAM = no
"""
        )
        return [shutil.which("ngircd") or "/usr/sbin/ngircd", "-n", "-f", str(config)]


class Inspircd(Ngircd):
    name = "inspircd"
    program = "inspircd"

    def command(self) -> list[str]:
        config = self.home / "inspircd.conf"
        config.write_text(
            f"""<config format="xml">
<server name="bench.test" description="bench" network="bench" id="97K">
<admin name="bench" nick="bench" email="bench@localhost">
<bind address="127.0.0.1" port="{self.port}" type="clients">
<connect name="main" allow="*" timeout="60" pingfreq="600" hardsendq="64M" softsendq="32M" recvq="64M"
 threshold="100000" commandrate="10000000" fakelag="no" localmax="100000" globalmax="100000" resolvehostnames="no"
 useident="no" limit="100000">
<performance softlimit="100000" clonesonconnect="no" somaxconn="4096" netbuffersize="65534">
<options defaultmodes="n">
<log method="file" target="{self.home}/inspircd.log" level="default" type="*">
<pid file="{self.home}/inspircd.pid">
"""
        )
        program = shutil.which("inspircd") or "/usr/sbin/inspircd"
        return [program, "--nofork", "--nolog", "--runasroot", "--config", str(config)]


class Ergo(Ngircd):
    name = "ergo"
    program = "ergo"

    def command(self) -> list[str]:
        raise NotImplementedError("no machine that this was written on had ergo")


class Ncat(Server):
    name = "ncat --chat"
    peer = True
    protocol = "ncat"

    @classmethod
    def absent(cls) -> str:
        return "" if shutil.which("ncat") else "not installed"

    def command(self) -> list[str]:
        return ["ncat", "--chat", "--max-conns", "2000", "-l", "127.0.0.1", str(self.port)]


class Broadcast(Server):
    """Programs for browsers whose users write the loop themselves: what one client says goes to all as it stands."""

    peer = True
    protocol = "relay"


class NodeWs(Broadcast):
    """Node's most used package for WebSockets, fetched from npm's registry into the ignored folder of results."""

    name = "Node ws"
    version = "8.23.0"
    folder = HERE / "results" / f"ws-{version}"

    @classmethod
    def absent(cls) -> str:
        if missing := [program for program in ("node", "npm") if shutil.which(program) is None]:
            return f"not measured, {' and '.join(missing)} not installed"
        quiet = ("--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error")
        command = ["npm", "install", *quiet, "--prefix", str(cls.folder), f"ws@{cls.version}"]
        if not (cls.folder / "node_modules/ws").exists():
            cls.folder.mkdir(parents=True, exist_ok=True)
            try:
                subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
            except subprocess.SubprocessError as error:
                return f"not measured, npm did not install ws {cls.version}: {getattr(error, 'stderr', '') or error}"
        return ""

    def command(self) -> list[str]:
        package = str(self.folder / "node_modules/ws")
        return ["node", str(HERE / "reference/broadcast.js"), str(self.port), package]


class PythonWebsockets(Broadcast):
    """Python's `websockets`, which gchat itself reads frames with, and its `broadcast` on asyncio."""

    name = "Python websockets"

    def command(self) -> list[str]:
        return [sys.executable, str(HERE / "reference/broadcast.py"), str(self.port)]


def compiled(source: str, tls: bool = False) -> Path:
    """Compile a C program of this folder, if it or a header has changed; give its path. With `tls`, it speaks TLS."""
    out = HERE / "results" / (Path(source).stem + ("-tls" if tls else ""))
    changed = max(file.stat().st_mtime for file in (HERE / source, *HERE.glob("*.h")))
    if not out.exists() or out.stat().st_mtime < changed:
        out.parent.mkdir(exist_ok=True)
        more = ["-DTLS", "-lssl", "-lcrypto"] if tls else []
        subprocess.run(["gcc", "-O2", "-Wall", "-o", str(out), str(HERE / source), *more], check=True)
    return out
