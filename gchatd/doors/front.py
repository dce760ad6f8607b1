"""The front door: looks at the first thing a client says, and chooses the door for it. All of them share one port.

A proxy says first where its client is; then TLS may begin; then, inside it or without it, a person at a terminal, a
browser or an IRC client. Everything happens in the client's own greenlet. What was read to choose is not lost: its door
reads it once more (`Transport.unread`).
"""

from __future__ import annotations

import contextlib
import functools
import logging
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Final, Protocol

from ..delivery.tls import Certificate, TlsTransport
from ..delivery.transport import PlainTransport
from ..files import read_file
from ..settings import Address as Written
from ..wire import irc, proxy
from ..wire.opening import LONGEST, opening_of
from .patience import FOR_EVER, Patience
from .turning_away import hang_up

if TYPE_CHECKING:
    from ..delivery.transport import Socket, Transport
    from ..limits.addresses import Addresses
    from ..limits.repeats import Repeats
    from ..settings import Settings
    from ..wire.opening import Opening

logger = logging.getLogger(__name__)

_NO_TLS: Final = b"\x15\x03\x01\x00\x02\x02\x28"  # a fatal alert: handshake_failure (RFC 8446 section 6)
_TLS_ONLY: Final = {
    "terminal": (
        b"server: This chat is encrypted. Connect with TLS: telnet-ssl -z ssl, ncat --ssl, or openssl s_client.\r\n"
    ),
    "http": (
        b"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
        b"This chat is encrypted: begin its address with https.\n"
    ),
}
HELLO_SECONDS: Final = 2.0
"""How long at least a client may take to begin with TLS where it must. A person's terminal waits for so long, too."""

_HEADER_MISSING: Final = b"server: This address has to send a PROXY header first (server.proxies).\r\n"
_HEADER_REFUSED: Final = b"server: PROXY headers are taken only from server.proxies.\r\n"

_NO_DOOR: Final = {
    "irc": (irc.ANSWER, "speaks IRC", "irc"),
    "proxy": (_HEADER_REFUSED, "sent a PROXY header, and is not in server.proxies", "proxy_header"),
    "tls": (b"", "speaks TLS inside TLS", "tls"),
}
"""What a client is answered for which there is no door, what the log says, and the reason in a word."""

Address = tuple[str, int]


class Door(Protocol):
    """Serves one kind of client."""

    def serve(self, transport: Transport, address: Address) -> None:
        """Serve one client in this greenlet until it is gone. Raises nothing; closing the socket is the caller's."""


class TerminalDoor(Protocol):
    """Serves terminals, and whoever says so late what it is that it is taken for one."""

    def serve(self, transport: Transport, address: Address) -> bool:
        """Do what a `Door` does. Returns whether the client speaks HTTP: then nothing of that has been read."""


class _TurnedAwayError(Exception):
    """A client finds no door: what it is answered, why, for the log, and the reason in a word; none: it is counted."""

    def __init__(self, answer: bytes, why: str, reason: str = "") -> None:
        super().__init__(why)
        self.answer = answer
        self.reason = reason


class Front:
    """Serves whoever comes: `StreamServer(listener, Front(...))`."""

    def __init__(
        self, terminals: TerminalDoor, web: Door, addresses: Addresses, repeats: Repeats, config: Settings
    ) -> None:
        """Raises ConfigError as `configure` does."""
        self._terminals = terminals
        self._web = web
        self._repeats = repeats
        self._addresses = addresses
        self.configure(config)

    def configure(self, config: Settings) -> None:
        """Go by these settings from now on, and read the certificate anew; those who are here notice nothing.

        Raises ConfigError, and then goes on as before.
        """
        certificate = _certificate(config)
        self._certificate = certificate
        self._must_encrypt = config.tls.required
        self._greeting = Patience(config.server.greet_after)
        self._beginning = Patience(max(config.server.greet_after, HELLO_SECONDS if config.tls.required else 0.0))
        self._arriving = Patience(config.limits.login_seconds or FOR_EVER)
        networks = [ip_network(network.text) for network in config.server.proxies]

        @functools.lru_cache(1024)
        def is_proxy(host: str) -> bool:
            address = ip_address(host.partition("%")[0])
            return any(address in network for network in networks)

        self._is_proxy = is_proxy if networks else None

    def __call__(self, sock: Socket, address: Address) -> None:
        """Serve one client in this greenlet until it is gone. Raises nothing. The caller closes the socket."""
        given = address
        try:
            way = self._way_in(PlainTransport(sock), address)
        except OSError as error:
            self._log(address, f"connection lost: {error.strerror or error}")
            return
        except BaseException:  # SystemExit and KeyboardInterrupt too: gevent would take them to the main greenlet
            logger.exception("[client %s:%s] failed", *address[:2])
            return
        if way is not None:
            opening, transport, address = way
            del way  # what is here stays as long as the client: 0.1 KB; a call with *way would keep 0.5 KB
            try:
                if opening == "http" or self._terminals.serve(transport, address):
                    self._web.serve(transport, address)
                if isinstance(transport, TlsTransport):
                    transport.say_goodbye()
            finally:
                if address is not given:
                    self._addresses.exit(address[0])

    def _log(self, address: Address, why: str) -> None:
        self._repeats.log(address[0], why, f"[client {Written(*address[:2])}] left: {why}")

    def _way_in(self, transport: Transport, address: Address) -> tuple[Opening, Transport, Address] | None:
        """Return what comes in (a terminal, or HTTP), how and from where. None: it found no door. Switches.

        Raises OSError if the connection is lost.
        """
        given, way = address, None
        try:
            if self._is_proxy is not None and self._is_proxy(address[0]):
                address = self._enter(self._take_header(transport)) or address
            opening = self._look(transport, self._beginning)
            if opening == "tls":
                transport = self._secure(transport)
                opening = self._look(transport, self._greeting)
            elif self._must_encrypt and opening in _TLS_ONLY:
                raise _TurnedAwayError(_TLS_ONLY[opening], "does not speak TLS (tls.required)", "no_tls")
            if opening in _NO_DOOR:
                raise _TurnedAwayError(*_NO_DOOR[opening])
            way = opening, transport, address
        except _TurnedAwayError as turned:
            self._log(address, str(turned))
            if turned.reason:
                self._addresses.turned_away[turned.reason] += 1
            with contextlib.suppress(OSError):
                transport.send(turned.answer)
                hang_up(transport)
        finally:
            if way is None and address is not given:
                self._addresses.exit(address[0])
        return way

    def _enter(self, source: Address | None) -> Address | None:
        """Count a client behind a proxy, if it may come in, under its own address. Returns that."""
        refusal = self._addresses.enter(source[0]) if source is not None else ""
        if refusal:
            raise _TurnedAwayError(f"server: {refusal}\r\n".encode(), f"turned away, with its proxy: {refusal}")
        return source

    def _look(self, transport: Transport, patience: Patience) -> Opening:
        """Return what a client is; a terminal, if it does not tell in time. Switches while it does not."""
        data, time_left = b"", None
        opening: Opening | None = None
        try:
            while opening is None:
                try:
                    more = transport.recv(LONGEST - len(data))
                except BlockingIOError:
                    time_left = time_left or patience.begin()
                    if not time_left.wait(transport.wait_readable):
                        break
                    continue
                if not more:
                    break
                data += more
                opening = opening_of(data)
        finally:
            if time_left is not None:
                time_left.end()
        transport.unread(data)
        return opening or "terminal"

    def _take_header(self, transport: Transport) -> Address | None:
        """Read a proxy's header; return where its client is, None if it speaks for itself. Switches."""
        data, header, time_left = b"", None, self._arriving.begin()
        try:
            while header is None:
                try:
                    more = transport.recv(proxy.LONGEST)
                except BlockingIOError:
                    if not time_left.wait(transport.wait_readable):
                        raise _TurnedAwayError(
                            _HEADER_MISSING, "sent no PROXY header in time", "no_proxy_header"
                        ) from None
                    continue
                if not more:
                    raise ConnectionError("hung up before its PROXY header")
                data += more
                header = proxy.read(data)
        except proxy.BadHeaderError as error:
            why = f"is in server.proxies, and sent {error}"
            raise _TurnedAwayError(_HEADER_MISSING, why, "no_proxy_header") from None
        finally:
            time_left.end()
        transport.unread(data[header.size :])
        return header.source

    def _secure(self, transport: Transport) -> Transport:
        """Shake hands with a client that speaks TLS; return the transport inside. Switches."""
        if self._certificate is None:
            raise _TurnedAwayError(_NO_TLS, "speaks TLS, and there is no tls.certificate", "tls")
        inside = self._certificate.secure(transport)
        time_left = self._arriving.begin()
        try:
            inside.shake_hands(time_left.wait)
        finally:
            time_left.end()
        return inside


def _certificate(config: Settings) -> Certificate | None:
    """Read the certificate, if there is to be one. Raises ConfigError."""
    files = config.tls
    if not files.certificate:
        needs = "needs tls.certificate and tls.key (make cert makes both to try)"
        if files.key:
            raise config.complain("tls", "key", files.key, needs)
        if files.required:
            raise config.complain("tls", "required", "yes", needs)
        return None
    for option in ("certificate", "key"):
        name = getattr(files, option)
        try:
            if name:
                read_file(name)
        except OSError as error:
            trouble = (error.strerror or str(error)).lower()
            raise config.complain("tls", option, name, f"cannot be read: {trouble}") from None
    try:
        return Certificate(files.certificate, files.key)
    except OSError as error:
        if getattr(error, "reason", "") == "KEY_VALUES_MISMATCH":
            raise config.complain("tls", "key", files.key, "is not the key of tls.certificate") from None
        trouble = "expected a certificate and its private key, in PEM, without a passphrase"
        if not files.key:
            trouble += "; if the key is in a file of its own, name that in tls.key"
        raise config.complain("tls", "certificate", files.certificate, trouble) from None
