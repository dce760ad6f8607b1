"""Certificates for the tests, as `make cert` makes them, and people who speak TLS."""

from __future__ import annotations

import functools
import ssl
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from people import ROOT, Person, needs

if TYPE_CHECKING:
    from people import Server


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def certificate(name: str = "one") -> tuple[Path, Path]:
    """The files of a certificate and its key; always the same ones for a name."""
    return _made(name)


@functools.cache
def _made(name: str) -> tuple[Path, Path]:
    folder = Path(_folder().name) / name
    folder.mkdir()
    needs("openssl")
    make = ["make", "-s", "-f", str(ROOT / "Makefile"), "cert"]
    subprocess.run(make, cwd=folder, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


def with_tls(**more: object) -> dict[str, object]:
    """The settings of a server that speaks TLS, and leaves clients the time to begin with it."""
    cert, key = certificate()
    return {"tls__certificate": cert, "tls__key": key, "server__greet_after": 0.25, **more}


def client_context(name: str = "one") -> ssl.SSLContext:
    """How a client speaks TLS that trusts a certificate."""
    return ssl.create_default_context(cafile=certificate(name)[0])


class TlsPerson(Person):
    """Somebody who comes by TLS."""

    def __init__(self, server: Server, name: str = "", context: ssl.SSLContext | None = None, **more: int) -> None:
        self._context = context or client_context()
        super().__init__(server, name, **more)

    def connected(self) -> None:
        self._sock = self._context.wrap_socket(self._sock, server_hostname="localhost")
