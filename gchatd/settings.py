"""Every setting, its type and default, and where its value came from. config.ini says what each is for.

The command line overrides the configuration file, which overrides the built-in defaults.
"""

from __future__ import annotations

import configparser
import re
from ipaddress import ip_network
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from .errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Count = Annotated[int, msgspec.Meta(ge=1)]
WholeNumber = Annotated[int, msgspec.Meta(ge=0)]
Replay = Annotated[int, msgspec.Meta(ge=0, le=1000)]
Days = Annotated[float, msgspec.Meta(gt=0, le=1e5)]
FileOrNone = Annotated[str, msgspec.Meta(max_length=4096)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Rate = Annotated[float, msgspec.Meta(ge=0.001, le=1e6)]
Lease = Annotated[float, msgspec.Meta(ge=1, le=3600)]
RedisOrNone = Annotated[str, msgspec.Meta(pattern=r"^(?:(?:rediss?|unix)://\S+)?$", max_length=4096)]
Prefix = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
NodeOrNone = Annotated[str, msgspec.Meta(pattern=r"^\S{0,64}$")]

COMMAND_LINE = "command line"
DEFAULTS = "built-in defaults"


class Address(msgspec.Struct, frozen=True):
    """Where to listen. Port 0 lets the system choose one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `ADDRESS:PORT`, an IPv6 address in brackets. Raises ValueError."""
        match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.%\w]+)\]|([^\[\]:\s]+)):([0-9]{1,9})", text)
        if match is None:
            raise ValueError("expected ADDRESS:PORT, such as 127.0.0.1:1337 or [::1]:1337")
        if int(match[3]) > 65535:
            raise ValueError("expected ADDRESS:PORT, with a port from 0 to 65535")
        return cls(match[1] or match[2], int(match[3]))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Network(msgspec.Struct, frozen=True):
    """An address, or all that begin alike: as `ipaddress.ip_network` writes it."""

    text: str

    def __str__(self) -> str:
        return self.text


Networks = tuple[Network, ...]


class Origin(msgspec.Struct, frozen=True):
    """Where a page comes from, as browsers write it: `https://example.org` (RFC 6454)."""

    text: str

    def __str__(self) -> str:
        return self.text


Origins = tuple[Origin, ...]


class Server(msgspec.Struct, frozen=True):
    listen: tuple[Address, ...] = (Address("127.0.0.1", 1337),)
    data: str = "data"
    motd: FileOrNone = ""
    drain_seconds: Seconds = 5.0
    greet_after: Seconds = 0.25
    proxies: Networks = ()
    clients: WholeNumber = 0


class Limits(msgspec.Struct, frozen=True):
    line: Count = 4096
    message: Count = 8192
    paste_lines: Count = 100
    sendq: Count = 262144
    stalled_seconds: Seconds = 10.0
    flood: bool = True
    burst: Count = 5
    lines_per_second: Rate = 2.0
    bytes_per_second: Count = 1024
    flood_seconds: Seconds = 60.0
    questions: Count = 5
    questions_per_minute: Rate = 30.0
    per_address: Count = 64
    exempt: Networks = (Network("127.0.0.0/8"), Network("::1/128"))
    login_seconds: Seconds = 60.0
    idle: Seconds = 0.0


class Rooms(msgspec.Struct, frozen=True):
    announce_up_to: WholeNumber = 50
    most: Count = 10_000


class Telnet(msgspec.Struct, frozen=True):
    mode: Literal["auto", "line"] = "auto"


class Tls(msgspec.Struct, frozen=True):
    certificate: FileOrNone = ""
    key: FileOrNone = ""
    required: bool = False


class Web(msgspec.Struct, frozen=True):
    origins: Origins = ()
    compression: bool = False


class History(msgspec.Struct, frozen=True):
    keep: bool = True
    sync: Literal["normal", "full"] = "normal"
    replay: Replay = 20
    days: Days = 30.0
    lines_per_room: Count = 100_000
    queue: Count = 10_000


class Cluster(msgspec.Struct, frozen=True):
    workers: Count = 1
    redis: RedisOrNone = ""
    name: Prefix = "gchat"
    node: NodeOrNone = ""
    retain: Days = 1.0
    lease_seconds: Lease = 15.0
    any_redis: bool = False


class Log(msgspec.Struct, frozen=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class Metrics(msgspec.Struct, frozen=True):
    listen: Address | None = None


class Settings(msgspec.Struct, frozen=True):
    """All settings, a field for each section. `sources` says where each value that is not a default came from."""

    server: Server = Server()
    limits: Limits = Limits()
    rooms: Rooms = Rooms()
    telnet: Telnet = Telnet()
    tls: Tls = Tls()
    web: Web = Web()
    history: History = History()
    cluster: Cluster = Cluster()
    log: Log = Log()
    metrics: Metrics = Metrics()
    sources: dict[str, str] = {}

    def complain(self, section: str, option: str, value: object, trouble: str) -> ConfigError:
        """Make the error for a value that does not work."""
        source = self.sources.get(f"{section}.{option}", DEFAULTS)
        return ConfigError(f"{source}: [{section}] {option} = {value}: {trouble}")


_SECTIONS = {field.name: field.type for field in msgspec.structs.fields(Settings) if field.name != "sources"}


def load(file: Path | None, overrides: Iterable[tuple[str, str, str]] = ()) -> Settings:
    """Read the settings from a file (None: only the defaults) and from (section, option, value) overrides.

    Raises ConfigError, one line, if the file cannot be read, and for the first thing in it that is not a setting.
    """
    texts: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    sources: dict[str, str] = {}
    given = [(str(file), *entry) for entry in _read(file)] if file is not None else []
    given += [(COMMAND_LINE, *entry) for entry in overrides]
    for source, section, option, value in given:
        _check_exists(source, section, option, value)
        texts[section][option] = value
        sources[f"{section}.{option}"] = source
    structs: dict[str, Any] = {}
    for section, struct in _SECTIONS.items():
        types = {field.name: field.type for field in msgspec.structs.fields(struct)}
        values = {}
        for option, text in texts[section].items():
            try:
                values[option] = _convert(text, types[option])
            except ValueError as error:
                source = sources[f"{section}.{option}"]
                raise ConfigError(f"{source}: [{section}] {option} = {text}: {error}") from None
        structs[section] = struct(**values)
    return Settings(**structs, sources=sources)


def _read(file: Path) -> list[tuple[str, str, str]]:
    parser = configparser.ConfigParser(interpolation=None, default_section="", empty_lines_in_values=False)
    try:
        parser.read_string(file.read_text(encoding="utf-8-sig"), str(file))
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file}: is not UTF-8 at byte {error.start}") from None
    except configparser.DuplicateOptionError as error:
        raise ConfigError(
            f"{file}: [{error.section}] {error.option}: set a second time on line {error.lineno}"
        ) from None
    except configparser.DuplicateSectionError as error:
        raise ConfigError(f"{file}: [{error.section}]: starts a second time on line {error.lineno}") from None
    except configparser.MissingSectionHeaderError as error:
        raise ConfigError(f"{file}: line {error.lineno}: expected a [section] before {error.line.strip()!r}") from None
    except configparser.ParsingError as error:
        raise ConfigError(f"{file}: line {error.errors[0][0]}: expected `option = value`") from None
    for section in parser.sections():
        if not parser[section]:  # otherwise it is checked with its options, which tells more
            _check_section(str(file), section)
    return [(section, option, value) for section in parser.sections() for option, value in parser.items(section)]


def _check_exists(source: str, section: str, option: str, value: str) -> None:
    _check_section(source, section, f" {option} = {value}")
    options = [field.name for field in msgspec.structs.fields(_SECTIONS[section])]
    if option not in options:
        raise ConfigError(
            f"{source}: [{section}] {option} = {value}: no such option; [{section}] has {', '.join(options)}"
        )


def _check_section(source: str, section: str, setting: str = "") -> None:
    if section not in _SECTIONS:
        raise ConfigError(f"{source}: [{section}]{setting}: no such section; the sections are {', '.join(_SECTIONS)}")


def _convert(text: str, type: Any) -> Any:
    """Convert a value to its type. Raises ValueError, which says what would be right."""
    if type == tuple[Address, ...]:
        addresses = tuple(Address.parse(word) for word in text.replace(",", " ").split())
        if not addresses:
            raise ValueError("expected at least one ADDRESS:PORT")
        return addresses
    if type == (Address | None):
        return Address.parse(text) if text else None
    if type == Networks:
        return tuple(_network(word) for word in text.replace(",", " ").split())
    if type == Origins:
        return tuple(_origin(word) for word in text.replace(",", " ").split())
    if type is bool:
        if text.lower() not in configparser.ConfigParser.BOOLEAN_STATES:
            raise ValueError("expected yes or no")
        return configparser.ConfigParser.BOOLEAN_STATES[text.lower()]
    if (type is str and not text) or (type in _TEXTS and not text.isprintable()):
        raise ValueError("expected one line of text")
    try:
        return msgspec.convert(text, type, strict=False)
    except msgspec.ValidationError:
        raise ValueError(_EXPECTED.get(type) or f"expected one of {', '.join(type.__args__)}") from None


def _network(text: str) -> Network:
    try:
        return Network(str(ip_network(text)))
    except ValueError:
        raise ValueError("expected addresses or networks, such as 192.0.2.7 or 2001:db8::/32, or nothing") from None


def _origin(text: str) -> Origin:
    if re.fullmatch(r"https?://(?:[a-z0-9.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?", text) is None:
        raise ValueError("expected origins, such as https://chat.example.org or http://localhost:8080, or nothing")
    return Origin(text)


_TEXTS = (str, FileOrNone, RedisOrNone, Prefix, NodeOrNone)

_EXPECTED: dict[Any, str] = {
    Count: "expected a whole number, 1 or more",
    FileOrNone: "expected the name of a file, or nothing",
    WholeNumber: "expected a whole number, 0 or more",
    Replay: "expected a whole number from 0 to 1000",
    Days: "expected a number of days, more than 0 and at most 100000",
    Seconds: "expected a number of seconds from 0 to 1000000000",
    Rate: "expected a number from 0.001 to 1000000",
    Lease: "expected a number of seconds from 1 to 3600",
    RedisOrNone: "expected redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH, or nothing",
    Prefix: "expected 1 to 64 letters of English, digits, dots, hyphens and underscores",
    NodeOrNone: "expected a name of at most 64 characters without spaces, or nothing",
}
