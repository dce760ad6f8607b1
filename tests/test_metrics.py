"""How the server is doing, for Prometheus."""

from __future__ import annotations

import http.client
import json
import re
import resource
import socket
import subprocess
import sys
from pathlib import Path

import gevent
import gevent.socket
import pytest
from people import GREETING, PATIENCE, ROOT, Person, Server, eventually, needs
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from supervised import Supervised

from gchatd.chat import events
from gchatd.chat.answers import Figures
from gchatd.chat.events import Said
from gchatd.chat.state import State
from gchatd.delivery.outbox import SlowReaders
from gchatd.delivery.sessions import Sessions
from gchatd.errors import ConfigError
from gchatd.hub import Hub
from gchatd.journal import MemoryJournal
from gchatd.limits.addresses import Addresses
from gchatd.meters import Histogram, Meters
from gchatd.operate import monitoring
from gchatd.operate.deadlines import Deadlines
from gchatd.operate.keeping import Keeping
from gchatd.operate.metrics import LATE, REASONS, Metrics, Sources
from gchatd.settings import Limits, load

DASHBOARD = json.loads((ROOT / "deploy/grafana.json").read_text())


def sources(trouble: str = "", figures: Figures | None = None) -> Sources:
    journal = MemoryJournal()
    hub, sessions = Hub(journal, State()), Sessions(1)
    hub.figures = lambda: figures
    readers, deadlines = SlowReaders(1000, 1), Deadlines(sessions, Limits())
    others = Addresses(1), deadlines, Keeping(), Meters(), lambda: trouble
    return Sources(hub, journal, sessions, readers, *others)


def port_of(server: Server) -> int:
    return int(re.search(r":(\d+)/metrics", server.logs("metrics are at"))[1])


def asks(port: int, path: str = "/metrics", method: str = "GET", body: str | None = None) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, body)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def scraped(port: int) -> dict[str, float]:
    """The samples, each by its name with its labels."""
    status, text = asks(port)
    assert status == 200
    return {
        one.name + "".join(f"{{{label}={value}}}" for label, value in one.labels.items()): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


# What is told.


def test_what_happens_in_the_chat_is_counted(start, enter):
    server = start(metrics__listen="127.0.0.1:0")
    port = port_of(server)
    ann, *others = (enter(server, name) for name in ("Ann", "Bob", "Carl"))
    eventually(lambda: scraped(port)["gchat_events_total{kind=Arrived}"] == 3)
    before = scraped(port)
    ann.says("hello")
    for other in others:
        other.sees("Ann : hello")
    eventually(lambda: scraped(port)["gchat_events_total{kind=Said}"] == 1)
    enter(server).sees(GREETING)
    after = scraped(port)
    enter(server).sends(b"CAP LS 302\r\n")
    eventually(lambda: scraped(port)["gchat_turned_away_total{reason=irc}"] == 1)
    rise = {name: after[name] - before.get(name, 0) for name in after}
    assert rise["gchat_events_total{kind=Said}"] == rise["gchat_requests_total"] == 1
    assert rise["gchat_deliveries_total"] == len(others)
    assert rise["gchat_delivered_bytes_total"] == len(others) * len("Ann : hello\r\n")
    assert rise["gchat_turn_events_count"] == rise["gchat_turn_seconds_count"] == 1
    assert rise["gchat_commit_seconds_count"] == 1
    assert after["gchat_logins_total"] == after["gchat_users"] == 3
    assert after["gchat_sessions{door=terminal}"] == 4
    assert after["gchat_nameless_sessions"] == 1
    assert after["gchat_rooms"] == after["gchat_healthy"] == 1
    eventually(lambda: scraped(port)["gchat_hub_delay_seconds_count"] > 0)
    assert 1e7 < after["gchat_resident_memory_bytes"] < after["gchat_virtual_memory_bytes"]


def test_clients_that_do_not_read_are_counted_with_what_waits_for_them(start, enter):
    server = start(metrics__listen="127.0.0.1:0", limits__stalled_seconds=1)
    port = port_of(server)
    ann, _ = enter(server, "Ann"), enter(server, "Lazy", buffer=4096)

    def lets_her_talk_until(name: str) -> bool:
        for _ in range(40):
            ann.says("x" * 4000)
        return scraped(port)[name] > 0

    assert scraped(port)["gchat_waiting_clients"] == 0
    eventually(lambda: lets_her_talk_until("gchat_waiting_clients"))
    eventually(lambda: lets_her_talk_until("gchat_slow_readers_closed_total"))


def test_without_the_setting_nothing_of_it_is_loaded():
    program = "import sys, gchat; print('prometheus_client' in sys.modules)"
    assert subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True) == "False\n"


def test_every_metric_has_a_name_that_prometheus_likes_and_a_sentence():
    for family in Metrics(sources(figures=Figures())).collect():
        assert re.fullmatch(r"gchat_[a-z_]+", family.name)
        assert re.fullmatch(r"[A-Z].*\.", family.documentation), family.name
        assert family.type != "counter" or family.samples[0].name.endswith("_total")
        assert not re.search(r"_(ms|kb|mb|minutes)\b", family.name)


def test_labels_have_few_values_each_known_before():
    everything = sources()
    for reason in (ROOT / "gchatd/doors/front.py", ROOT / "gchatd/limits/addresses.py"):
        found = re.findall(
            r'turned_away\["(\w+)"\]|, "(\w+)"\)(?: from None)?$|^    "\w+": \(.*"(\w+)"\),$', reason.read_text(), re.M
        )
        assert {word for words in found for word in words if word} <= set(REASONS)
    assert {"login_seconds", "idle"} == set(LATE)
    everything.meters.turn([Said(room="lobby", user=1, name="Ann", text="hi")], lambda _: None)
    (kinds,) = (one for one in Metrics(everything).collect() if one.name == "gchat_events")
    assert all(hasattr(events, sample.labels["kind"]) for sample in kinds.samples)


def test_a_histogram_counts_each_value_under_the_first_bound_that_it_does_not_exceed():
    histogram = Histogram(1, 5, 10)
    for value in (0.5, 1, 1.1, 10, 11, 100):
        histogram.observe(value)
    assert histogram.counts == [2, 1, 1, 2]
    assert histogram.total == 123.6


def test_buckets_are_told_as_prometheus_wants_them():
    registry = CollectorRegistry()
    one = sources()
    registry.register(Metrics(one))
    for count in (1, 3, 3, 5000):
        one.meters.turn_events.observe(count)
    value = registry.get_sample_value
    assert [value("gchat_turn_events_bucket", {"le": le}) for le in ("1.0", "2.0", "5.0", "+Inf")] == [1, 1, 3, 4]
    assert (value("gchat_turn_events_count"), value("gchat_turn_events_sum")) == (4, 5007)


def test_descriptors_and_memory_are_told_without_what_a_sandbox_hides(monkeypatch):
    """With ProcSubset=pid, as in deploy/gchat.service, /proc has processes only."""
    asked, really = [], open
    monkeypatch.setattr("builtins.open", lambda name, *rest, **more: asked.append(name) or really(name, *rest, **more))
    before = of_this_process()
    with socket.socket(), socket.socket():
        assert of_this_process()["gchat_open_fds"] == before["gchat_open_fds"] + 2
    assert set(asked) == {"/proc/self/statm"}
    real = Path("/proc/self/status").read_text()
    assert before["gchat_resident_memory_bytes"] == pytest.approx(kilobytes("VmRSS", real) * 1024, rel=0.1)
    assert before["gchat_virtual_memory_bytes"] == pytest.approx(kilobytes("VmSize", real) * 1024, rel=0.1)
    assert before["gchat_max_fds"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    assert before["gchat_cpu_seconds_total"] > 0


def of_this_process() -> dict[str, float]:
    return {one.name: one.value for family in Metrics(sources()).collect() for one in family.samples}


def kilobytes(what: str, status: str) -> int:
    return int(re.search(rf"^{what}:\s+(\d+) kB", status, re.MULTILINE)[1])


def test_the_alarms_in_the_documentation_are_about_what_there_is():
    named = set(re.findall(r"\bgchat_[a-z_]+", (ROOT / "docs/running.md").read_text()))
    assert named
    assert named <= set().union(*exported().values())


# The dashboard.


def named_in_the_dashboard() -> set[str]:
    expressions = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", ())]
    return {name for one in expressions for name in re.findall(r"\bgchat_\w+(?=\{)", one)}


def exported() -> dict[str, set[str]]:
    """The samples of each metric, by the metric."""
    registry = CollectorRegistry()
    everything = sources(figures=Figures())
    registry.register(Metrics(everything))
    return {family.name: {sample.name for sample in family.samples} for family in registry.collect()}


def test_the_dashboard_shows_what_there_is_and_all_of_it():
    there = exported()
    shown = named_in_the_dashboard()
    assert not shown - set().union(*there.values())
    assert not [name for name, samples in there.items() if not samples & shown]


def test_the_dashboard_lets_its_reader_choose_where_the_data_are():
    variables = {one["name"]: one["type"] for one in DASHBOARD["templating"]["list"]}
    assert variables == {"datasource": "datasource", "instance": "query"}
    panels = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
    assert all(panel["datasource"]["uid"] == "${datasource}" for panel in panels)
    assert all(panel["title"] and panel["description"] for panel in panels)
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
    places = [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in DASHBOARD["panels"]]
    assert len(set(places)) == len(places)


# Where it is told.


def test_a_port_that_is_taken_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config = load(None, [("metrics", "listen", f"127.0.0.1:{port}")])
        with pytest.raises(ConfigError, match=rf"\[metrics\] listen = 127.0.0.1:{port}: address already in use$"):
            monitoring.bind(config, sources())
        config = load(None, [("metrics", "listen", f"127.0.0.1:{port - 1}")])
        with pytest.raises(ConfigError, match=rf"address already in use \(port {port}, for worker 2\)$"):
            monitoring.bind(config, sources(), 2)
    with pytest.raises(ConfigError, match="no port 65536 "):
        monitoring.bind(load(None, [("metrics", "listen", "127.0.0.1:65535")]), sources(), 2)


def test_the_chats_own_port_is_no_place_for_it():
    config = load(None, [("server", "listen", "127.0.0.1:1339"), ("metrics", "listen", "127.0.0.1:1339")])
    with pytest.raises(ConfigError, match=r"\[metrics\] listen = 127.0.0.1:1339: the chat is there \(server.listen\)$"):
        monitoring.bind(config, sources())
    config = load(None, [("server", "listen", "127.0.0.1:1339"), ("metrics", "listen", "127.0.0.1:1338")])
    with pytest.raises(ConfigError, match=r"the chat is there \(server.listen\): worker 2 has port 1339$"):
        monitoring.bind(config, sources(), 2)


def two_ports() -> int:
    """The first of two ports, one after the other, that are free."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as first:
            port = first.getsockname()[1]
            try:
                socket.create_server(("127.0.0.1", port + 1)).close()
            except OSError:
                continue
            return port


def test_every_worker_has_a_port_of_its_own(tmp_path):
    needs("redis-server")
    port = two_ports()
    server = Supervised(workers=2, data=tmp_path / "data", metrics__listen=f"127.0.0.1:{port}")
    try:
        people = [Person(server, f"p{number}") for number in range(20)]
        here = [lambda at=at: scraped(port + at) for at in (0, 1)]
        eventually(lambda: all(one()["gchat_users"] == 20 for one in here))
        assert sum(one()["gchat_sessions{door=terminal}"] for one in here) == 20
        assert here[0]()["gchat_unread_events"] == 0
        assert asks(port + 1, "/healthz") == (200, "ok\n")
        for person in people:
            person.hangs_up()
    finally:
        server.close()


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 404), ("POST", "/metrics", 405), ("PUT", "/healthz", 405)]
)
def test_whatever_else_is_asked_for_is_refused(start, method, path, status):
    port = port_of(start(metrics__listen="127.0.0.1:0"))
    assert asks(port, path, method, "a body" if method != "GET" else None)[0] == status
    assert asks(port, "/metrics", "HEAD") == (200, "")


GARBAGE = {
    "bytes": bytes(range(256)) * 20,
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "a long line": b"GET /" + b"x" * 100_000,
    "many headers": b"GET /metrics HTTP/1.1\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
    "a long header": b"GET /metrics HTTP/1.1\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    "a bad length": b"POST /metrics HTTP/1.1\r\nContent-Length: many\r\n\r\n",
    "a long body": b"POST /metrics HTTP/1.1\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 1_000_000,
    "bad chunks": b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzzz\r\n",
    "half a request": b"GET /metrics HT",
    "half a header": b"GET /metrics HTTP/1.1\r\nHost",
    "nothing": b"",
}


def test_garbage_is_answered_or_hung_up_on_without_a_traceback(start):
    server = start(metrics__listen="127.0.0.1:0")
    port = port_of(server)
    for what, garbage in GARBAGE.items():
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            answer = b""
            try:
                sock.sendall(garbage)
                sock.shutdown(socket.SHUT_WR)
                while data := sock.recv(65536):
                    answer += data
            except (ConnectionResetError, BrokenPipeError):
                pass
            assert re.match(rb"HTTP/1\.\d [24]\d\d |$", answer), what
    assert asks(port)[0] == 200
    server.stop()
    assert not re.search("Traceback|Error|Exception", server.log())


def test_who_says_nothing_is_hung_up_on_and_nobody_keeps_others_out(monkeypatch):
    monkeypatch.setattr(monitoring, "REQUEST_SECONDS", 0.5)
    server = monitoring.bind(load(None, [("metrics", "listen", "127.0.0.1:0")]), sources())
    server.start()
    silent = [gevent.socket.create_connection(server.address) for _ in range(2 * monitoring.MOST_CONNECTIONS)]
    with gevent.Timeout(PATIENCE):
        with gevent.socket.create_connection(server.address) as sock:
            sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert sock.recv(4096).startswith(b"HTTP/1.1 200 OK")
        for sock in silent:
            assert sock.recv(4096) == b""
            sock.close()
    server.stop()
