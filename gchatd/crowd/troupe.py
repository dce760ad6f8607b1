"""The processes of the crowd, seen from the main one: starts them, orders, reads what they report, ends them."""

from __future__ import annotations

import os
import subprocess
import tempfile
from typing import TYPE_CHECKING

import msgspec

from .greeting import CrowdError
from .messages import Come, Report, Sample, Verdict
from .stage import PYTHON, environment

if TYPE_CHECKING:
    from .messages import Order
    from .plan import Plan
    from .stage import Stage


class Company:
    """One process of the crowd. It reads orders from a pipe, so it ends when we end, however that happens."""

    def __init__(self, come: Come) -> None:
        self._errors = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 (until `close`)
        self._process = subprocess.Popen(
            [*PYTHON, "gchatd.crowd.people"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=environment(),
            start_new_session=True,  # Ctrl-C is for the main process
            bufsize=0,
        )
        assert self._process.stdout is not None
        self._out = self._process.stdout
        self._rest = b""
        self.sample: Sample | None = None
        self.verdict: Verdict | None = None
        self.order(come)

    def fileno(self) -> int:
        return self._out.fileno()

    def order(self, order: Order) -> None:
        """Send an order. Raises CrowdError if the process has ended."""
        assert self._process.stdin is not None
        data = msgspec.json.encode(order) + b"\n"
        try:
            while data:
                data = data[self._process.stdin.write(data) :]
        except BrokenPipeError:
            raise self._ended() from None

    def read(self) -> list[Sample]:
        """Give the samples that have come. Call it when there are any. Raises CrowdError if the process has ended."""
        data = os.read(self._out.fileno(), 1 << 20)
        if not data:
            raise self._ended()
        samples = []
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            match msgspec.json.decode(line, type=Report):
                case Sample() as sample:
                    self.sample = sample
                    samples.append(sample)
                case Verdict() as verdict:
                    self.verdict = verdict
        return samples

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._out.close()
        self._errors.close()

    def _ended(self) -> CrowdError:
        self._errors.seek(0)
        words = self._errors.read().strip().splitlines()
        return CrowdError(f"a process of the crowd ended unexpectedly: {words[-1] if words else 'it said nothing'}")


def gather(plan: Plan, stage: Stage, tag: str) -> list[Company]:
    """Start the processes. Their people begin to connect."""
    companies: list[Company] = []
    try:
        for process in range(plan.processes):
            come = Come(
                host=stage.host,
                port=stage.port,
                tag=tag,
                process=process,
                processes=plan.processes,
                clients=plan.clients,
                talkers=plan.talkers,
                ramp=plan.ramp,
                door=plan.door,
            )
            companies.append(Company(come))
    except BaseException:  # Ctrl-C too: nobody else would end these processes
        for company in companies:
            company.close()
        raise
    return companies
