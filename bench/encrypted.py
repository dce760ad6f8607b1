"""What TLS costs: deliveries, beside a C program that sends through OpenSSL, and memory, beside clients without TLS."""

from __future__ import annotations

import subprocess
import time
from typing import TYPE_CHECKING

from .load import Load
from .servers import Gchat, Reference, compiled
from .table import attempt

if TYPE_CHECKING:
    from pathlib import Path

    from .servers import Server
    from .table import Table

TALKERS = (1, 16, 200)
_MAKE_CERTIFICATE = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost "
    "-keyout {0}/key.pem -out {0}/cert.pem"
)


def _certificate(home: Path) -> list[str]:
    """Make a certificate in a folder; give the names of its file and that of its key."""
    subprocess.run(_MAKE_CERTIFICATE.format(home).split(), check=True, capture_output=True)
    return [str(home / "cert.pem"), str(home / "key.pem")]


class ReferenceTls(Reference):
    tls = True

    def command(self) -> list[str]:
        return [str(compiled("reference/chat.c", tls=True)), str(self.port), *_certificate(self.home)]


class GchatTls(Gchat):
    tls = True
    settings = ("server.greet_after=20",)  # on a busy machine, 256 may take long to begin with TLS

    def command(self) -> list[str]:
        certificate, key = _certificate(self.home)
        return [*super().command(), "--set", f"tls.certificate={certificate}", "--set", f"tls.key={key}"]


def _why_not() -> str:
    """Why none of this can be measured here, or nothing."""
    try:
        compiled("load.c", tls=True)
    except subprocess.CalledProcessError:
        return "cannot be compiled: is libssl-dev installed?"
    return ""


def tls(table: Table, rounds: int, seconds: float) -> None:
    """Deliveries a second to 1,000 TLS clients, W lines outstanding; and the memory of an idle one."""
    if why := _why_not():
        table.notes.append(f"TLS: {why}")
        return
    rates: dict[int, dict[str, list[float]]] = {w: {"reference": [], "gchat": []} for w in TALKERS}
    both: tuple[type[Server], ...] = ReferenceTls, GchatTls
    for _ in range(rounds):
        for kind in both:
            with attempt(table, kind), kind() as server, Load(server) as load:
                load.connect(1000)
                for w in TALKERS:
                    rates[w][kind.name].append(load.talk(w, seconds)["per_second"])
    for w in TALKERS:
        table.compare(f"deliveries/s in TLS, W={w}", "/s", rates[w])
    slopes: dict[str, list[float]] = {"reference": [], "gchat": []}
    for _ in range(rounds):
        for kind, name in ((Gchat, "reference"), (GchatTls, "gchat")):
            with attempt(table, kind), kind() as server, Load(server) as load:
                readings = []
                for clients in (500, 4_000):
                    load.connect(clients)
                    time.sleep(2)
                    readings.append(server.rss_kb())
                slopes[name].append((readings[1] - readings[0]) / 3_500)
    table.compare("resident memory per idle TLS client", "KB", slopes)
