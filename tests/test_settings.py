"""Where settings come from, and what an operator is told of one that is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from people import ROOT

from gchatd.errors import ConfigError
from gchatd.settings import Address, Limits, Network, Server, Settings, load

if TYPE_CHECKING:
    from pathlib import Path

SECTIONS = {
    name: getattr(Settings(), name)
    for name in ("server", "limits", "rooms", "telnet", "tls", "web", "history", "cluster", "log", "metrics")
}
OPTIONS = [(section, option) for section, struct in SECTIONS.items() for option in struct.__struct_fields__]

MAY_BE_EMPTY = ("exempt", "motd", "proxies", "origins", "certificate", "key", "redis", "node", "listen")
THERE_ARE = "no such section; the sections are server, limits, rooms, telnet, tls, web, history, cluster, log, metrics"
OF_LIMITS = "line, message, paste_lines, sendq, stalled_seconds, login_seconds"

brief = hypothesis_settings(max_examples=200, deadline=None)


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> Path:
        file = tmp_path / "my.ini"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def trouble(file: Path | None, *overrides: tuple[str, str, str]) -> str:
    """The one line that an operator is told."""
    with pytest.raises(ConfigError) as told:
        load(file, overrides)
    assert len(str(told.value).splitlines()) == 1
    return str(told.value)


def without_sources(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, sources={})


# Where values come from.


def test_the_configuration_file_that_comes_with_gchat_has_every_setting_with_its_default():
    settings = load(ROOT / "config.ini")
    assert without_sources(settings) == Settings() == load(None)
    assert [*settings.sources] == [f"{section}.{option}" for section, option in OPTIONS]


def test_what_a_file_does_not_say_stays_as_it_was(write):
    settings = load(write("# mine\n[limits]\nline = 99\n\n; and\n[log]\n[server]\nlisten: [::1]:7\n"))
    assert settings.limits == Limits(line=99)
    assert settings.server == Server(listen=(Address("::1", 7),))
    assert settings.log == Settings().log
    assert load(write("")) == Settings()


def test_the_command_line_overrides_the_file_and_its_last_word_counts(write):
    file = write("[limits]\nline = 1\nsendq = 2\n[log]\nlevel = debug\n")
    settings = load(file, [("limits", "line", "3"), ("rooms", "announce_up_to", "0"), ("limits", "line", "4")])
    assert settings.limits == Limits(line=4, sendq=2)
    assert settings.log.level == "debug"
    assert settings.sources == {
        "limits.line": "command line",
        "limits.sendq": str(file),
        "log.level": str(file),
        "rooms.announce_up_to": "command line",
    }


def test_a_wrong_value_is_no_trouble_where_it_is_overridden(write):
    assert load(write("[limits]\nline = many\n"), [("limits", "line", "5")]).limits.line == 5


def test_a_value_that_turns_out_not_to_work_is_told_with_its_source(write):
    file = write("[server]\nlisten = a:1 b:2\n")
    for settings, source in [
        (load(file), file),
        (load(file, [("server", "listen", "b:2")]), "command line"),
        (load(None), "built-in defaults"),
    ]:
        told = settings.complain("server", "listen", Address("b", 2), "taken")
        assert isinstance(told, ConfigError)
        assert str(told) == f"{source}: [server] listen = b:2: taken"


@pytest.mark.parametrize(
    ("section", "option", "text", "value"),
    [
        ("limits", "line", "1", 1),
        ("rooms", "announce_up_to", "0", 0),
        ("server", "drain_seconds", "0", 0.0),
        ("server", "drain_seconds", "2.5", 2.5),
        ("limits", "stalled_seconds", "1e3", 1000.0),
        ("log", "level", "warning", "warning"),
        ("history", "keep", "no", False),
        ("history", "keep", "True", True),
        ("history", "sync", "full", "full"),
        ("history", "replay", "0", 0),
        ("history", "days", "0.5", 0.5),
        ("cluster", "workers", "4", 4),
        ("cluster", "redis", "", ""),
        ("cluster", "redis", "redis://:secret@10.0.0.1:6379/0", "redis://:secret@10.0.0.1:6379/0"),
        ("cluster", "redis", "unix:///run/my%20redis.sock", "unix:///run/my%20redis.sock"),
        ("cluster", "name", "gchat-2.test_it", "gchat-2.test_it"),
        ("cluster", "node", "ber1/2", "ber1/2"),
        ("server", "data", "/var/lib/my chat/100%", "/var/lib/my chat/100%"),
        ("server", "greet_after", "0", 0.0),
        ("server", "proxies", "", ()),
        (
            "server",
            "proxies",
            "192.0.2.7, 10.0.0.0/8 2001:db8::/32",
            tuple(map(Network, ("192.0.2.7/32", "10.0.0.0/8", "2001:db8::/32"))),
        ),
        ("tls", "certificate", "/etc/my chat/cert.pem", "/etc/my chat/cert.pem"),
        ("tls", "required", "yes", True),
        ("metrics", "listen", "[::1]:9464", Address("::1", 9464)),
        ("metrics", "listen", "", None),
        ("server", "listen", "127.0.0.1:0", (Address("127.0.0.1", 0),)),
        ("server", "listen", "localhost:65535", (Address("localhost", 65535),)),
        ("server", "listen", "[::1]:1337", (Address("::1", 1337),)),
        ("server", "listen", "[fe80::1%eth0]:1", (Address("fe80::1%eth0", 1),)),
        ("server", "listen", "0.0.0.0:1 [::]:1", (Address("0.0.0.0", 1), Address("::", 1))),
        ("server", "listen", "a:1,b:2,  c:3", (Address("a", 1), Address("b", 2), Address("c", 3))),
    ],
)
def test_a_value_is_read_the_same_from_the_file_and_the_command_line(write, section, option, text, value):
    from_file = load(write(f"[{section}]\n{option} = {text}\n"))
    from_command_line = load(None, [(section, option, text)])
    assert getattr(getattr(from_file, section), option) == value
    assert without_sources(from_file) == without_sources(from_command_line)


def test_addresses_may_stand_one_a_line(write):
    assert load(write("[server]\nlisten =\n  a:1\n  [::]:2\n")).server.listen == (Address("a", 1), Address("::", 2))


@pytest.mark.parametrize("text", ["127.0.0.1:0", "localhost:65535", "[::1]:1337", "[fe80::1%eth0]:1"])
def test_an_address_is_shown_as_it_is_written(text):
    assert str(Address.parse(text)) == text


# What is wrong.

WRONG = [
    ("limits", "line", ["many", "0", "-1", "1.5", "0x10", "1_000", "nan", ""], "a whole number, 1 or more"),
    ("limits", "sendq", ["1k", "0"], "a whole number, 1 or more"),
    ("rooms", "announce_up_to", ["-1", "all", ""], "a whole number, 0 or more"),
    (
        "limits",
        "stalled_seconds",
        ["-1", "-0.1", "nan", "inf", "-inf", "1e400", "1e10"],
        "a number of seconds from 0 to 1000000000",
    ),
    ("server", "drain_seconds", ["-1", "nan", "5s", "soon", ""], "a number of seconds from 0 to 1000000000"),
    ("telnet", "mode", ["rich", ""], "one of auto, line"),
    (
        "server",
        "proxies",
        ["localhost", "10.0.0.1/8", "10.0.0", "::1/129", "192.0.2.7:1337"],
        "addresses or networks, such as 192.0.2.7 or 2001:db8::/32, or nothing",
    ),
    ("server", "greet_after", ["-1", "soon", ""], "a number of seconds from 0 to 1000000000"),
    ("tls", "required", ["sometimes"], "yes or no"),
    ("history", "keep", ["maybe", "2", ""], "yes or no"),
    ("history", "sync", ["fast", ""], "one of normal, full"),
    ("history", "replay", ["-1", "1001", "9" * 30], "a whole number from 0 to 1000"),
    (
        "history",
        "days",
        ["0", "-1", "nan", "inf", "a week", "100001"],
        "a number of days, more than 0 and at most 100000",
    ),
    ("metrics", "listen", ["9464", "localhost", "a:1 b:2"], "ADDRESS:PORT, such as 127.0.0.1:1337 or [::1]:1337"),
    ("cluster", "workers", ["0", "-1", "1.5", "all", ""], "a whole number, 1 or more"),
    (
        "cluster",
        "redis",
        ["localhost", "localhost:6379", "http://localhost", "redis://", "redis://a b", "my redis://a"],
        "redis://HOST:PORT, rediss://HOST:PORT or unix:///PATH, or nothing",
    ),
    (
        "cluster",
        "name",
        ["", "{gchat}", "my chat", "a:b", "é", "a" * 65],
        "1 to 64 letters of English, digits, dots, hyphens and underscores",
    ),
    ("cluster", "node", ["my node", "a" * 65], "a name of at most 64 characters without spaces, or nothing"),
    ("cluster", "lease_seconds", ["0", "0.9", "3601", "nan", "soon"], "a number of seconds from 1 to 3600"),
    ("log", "level", ["loud", "INFO", "info debug", ""], "one of debug, info, warning, error"),
    ("server", "data", [""], "one line of text"),
    (
        "server",
        "listen",
        ["127.0.0.1", "localhost", "1337", ":1337", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:-1"],
        "ADDRESS:PORT",
    ),
    (
        "server",
        "listen",
        ["127.0.0.1:70000", "127.0.0.1:65536", "a:123456"],
        "ADDRESS:PORT, with a port from 0 to 65535",
    ),
    ("server", "listen", ["::1", "::1:1337", "[::1]", "[::1]1337", "[]:1337"], "ADDRESS:PORT"),
    ("server", "listen", ["a:1:2", "a: 1", "a:1 b", "a:1;b:2"], "ADDRESS:PORT"),
    ("server", "listen", ["", ","], "at least one ADDRESS:PORT"),
]


@pytest.mark.parametrize(
    ("section", "option", "value", "expected"),
    [(section, option, value, expected) for section, option, values, expected in WRONG for value in values],
)
def test_a_wrong_value_is_told_with_source_name_and_what_would_be_right(write, section, option, value, expected):
    file = write(f"[{section}]\n{option} = {value}\n")
    told = f"[{section}] {option} = {value}: expected {expected}"
    assert trouble(file).startswith(f"{file}: {told}")
    assert trouble(None, (section, option, value)).startswith(f"command line: {told}")


@pytest.mark.parametrize("section", ["limit", "Limits", "DEFAULT", "sources", "my section"])
def test_an_unknown_section_is_told_with_those_there_are(write, section):
    file = write(f"[{section}]\nline = 5\n")
    told = f"[{section}] line = 5: {THERE_ARE}"
    assert trouble(file) == f"{file}: {told}"
    assert trouble(None, (section, "line", "5")) == f"command line: {told}"


def test_an_unknown_section_without_options_is_told_too(write):
    assert trouble(write("[limitss]\n# line = 5\n")).endswith(f": [limitss]: {THERE_ARE}")


def test_whatever_is_in_a_value_the_trouble_is_one_printable_line(write):
    file = write("[log]\nlevel = info\n  ju\x1b[2Jnk\n")
    assert trouble(file) == f"{file}: [log] level = info\\nju\\x1b[2Jnk: expected one of debug, info, warning, error"
    assert "one line of text" in trouble(write("[server]\ndata = a\n\tb\n"))


def test_a_file_may_begin_with_a_byte_order_mark(write):
    assert load(write("\ufeff[limits]\nline = 5\n")).limits.line == 5


@pytest.mark.parametrize("option", ["lines", "listen", "li ne", "__class__"])
def test_an_unknown_option_is_told_with_those_there_are(write, option):
    file = write(f"[limits]\nline = 5\n{option} = 6\n")
    told = f"[limits] {option} = 6: no such option; [limits] has {', '.join(Limits.__struct_fields__)}"
    assert trouble(file) == f"{file}: {told}"
    assert trouble(None, ("limits", option, "6")) == f"command line: {told}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[limits]\nline = 1\nsendq = 2\nline = 3\n", "[limits] line: set a second time on line 4"),
        ("[limits]\nline = 1\nLINE = 3\n", "[limits] line: set a second time on line 3"),
        ("[log]\n[limits]\nline = 1\n\n[log]\n", "[log]: starts a second time on line 5"),
        ("# mine\nline = 1\n", "line 2: expected a [section] before 'line = 1'"),
        ("garbage\x1b[2J\n", "line 1: expected a [section] before 'garbage\\x1b[2J'"),
        ("[log\nlevel = info\n", "line 1: expected a [section] before '[log'"),
        ("[]\n", "line 1: expected a [section] before '[]'"),
        ("[limits]\nline = 1\ngarbage\n\nmore garbage\n", "line 3: expected `option = value`"),
        ("[limits]\n= 1\n", "line 2: expected `option = value`"),
        ("[limits]\nline = 1 # bytes\n", "[limits] line = 1 # bytes: expected a whole number, 1 or more"),
        (b"[server]\ndata = caf\xe9\n", "is not UTF-8 at byte 19"),
        (b"\xff\xfe[\0l\0o\0g\0]\0", "is not UTF-8 at byte 0"),
    ],
)
def test_a_file_that_is_not_a_configuration_is_told_with_the_place(write, text, told):
    file = write(text)
    assert trouble(file) == f"{file}: {told}"


def test_a_file_that_cannot_be_read_is_told(tmp_path):
    assert trouble(tmp_path) == f"{tmp_path}: cannot be read: is a directory"
    assert trouble(tmp_path / "no.ini") == f"{tmp_path}/no.ini: cannot be read: no such file or directory"
    assert trouble(tmp_path / "no" / "no.ini") == f"{tmp_path}/no/no.ini: cannot be read: no such file or directory"


def test_the_first_trouble_of_several_is_told(write):
    file = write("[limits]\nline = 1\nlines = 2\nsendqs = 3\n")
    assert "lines = 2" in trouble(file, ("limits", "line", "many"))


values = (
    st.text(st.characters(exclude_categories=["Cc", "Zl", "Zp"]))
    | st.integers().map(str)
    | st.floats(allow_infinity=False).map(str)
    | st.sampled_from(["info", "a:1 [::1]:0", "[::1]:99999", "a:1,,b:2", "1e-400", "-0", "9" * 5000, "\ud800"])
)


@given(st.sampled_from(OPTIONS), values)
@brief
def test_any_value_is_in_order_or_told_in_one_line(name, value):
    section, option = name
    try:
        taken = getattr(getattr(load(None, [(section, option, value)]), section), option)
    except ConfigError:
        told = str(ConfigError(f"command line: [{section}] {option} = {value}: "))
        assert trouble(None, (section, option, value)).startswith(told)
    else:
        assert taken >= 0 if isinstance(taken, int | float) else taken or option in MAY_BE_EMPTY


parts = st.sampled_from(
    ["\n", "\n", "[log]", "[limits]", "[x]", "level", "line", "x", "=", ":", "info", "5", *"#;%[]\0é"]
)


@given(st.sampled_from(["", "[limits]\n"]), st.lists(parts).map("".join))
@brief
def test_any_file_is_in_order_or_told_in_one_line(tmp_path_factory, start, rest):
    file = tmp_path_factory.getbasetemp() / "any.ini"
    file.write_text(start + rest, encoding="utf-8")
    try:
        load(file)
    except ConfigError:
        assert trouble(file).startswith(f"{file}: ")
