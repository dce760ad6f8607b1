"""The web's door in a whole server: one port for all, farewell, TLS, and nothing left behind."""

from __future__ import annotations

import pytest
from certificates import client_context, with_tls
from people import GREETING, PATIENCE, eventually
from web import HANDSHAKE, Browser, Script, frame, request


@pytest.fixture
def browse(start):
    browsers = []

    def browse(server, name="", **how):
        browsers.append(Browser(server, name, **how))
        return browsers[-1]

    yield browse
    for one in browsers:
        one.hangs_up()


def test_a_browser_and_a_terminal_talk_through_one_port(start, enter, browse):
    server = start(server__greet_after=10 * PATIENCE)
    ann, bob = browse(server, "Ann"), enter(server)
    bob.says("Bob")
    bob.sees(GREETING, "server: Your username is Bob.")
    ann.hears(event="arrived", name="Bob")
    bob.says("Hello Ann!")
    ann.hears(event="said", name="Bob", text="Hello Ann!")
    ann.asks("say", room="lobby", text="Hello Bob!")
    bob.sees("Ann : Hello Bob!")
    server.logs(r"\[web 127.0.0.1:\d+ Ann\] came")
    ann.asks("quit", text="bye")
    server.logs(r"\[web 127.0.0.1:\d+ Ann\] left: quit")


def test_a_server_that_shuts_down_says_farewell_and_closes(start, browse):
    server = start(server__greet_after=10 * PATIENCE)
    ann = browse(server, "Ann")
    assert server.stop() == 0
    ann.hears(answer="farewell", lost=False)
    ann.is_closed(1001, "the server is shutting down")


def test_all_of_it_works_through_tls(start, browse, monkeypatch):
    server = start(**with_tls(server__greet_after=10 * PATIENCE))
    monkeypatch.setattr(Browser, "connected", secures)
    ann, bob = browse(server, "Ann"), browse(server, "Bob")
    ann.hears(event="arrived")
    bob.asks("say", room="lobby", text="x" * 8000)
    ann.hears(event="said", text="x" * 8000)


def secures(self: Browser) -> None:
    self._sock = client_context().wrap_socket(self._sock, server_hostname="localhost")


def test_whoever_was_there_leaves_nothing_behind(start, browse):
    server = start(program="tests/probe_server.py", server__greet_after=10 * PATIENCE)
    zoe = browse(server, "Zoe")
    zoe.asks("history", room="lobby")
    zoe.hears(answer="past")  # who reads it has come, and stays
    zoe.hangs_up()
    eventually(lambda: server.alive()["web"] == 0)
    before, descriptors = server.alive(), server.descriptors()
    ann = browse(server, "Ann")
    for number in range(30):
        one = browse(server, f"p{number}")
        one.sends([frame(8, b""), frame(2, b"x"), frame(1, b"\xff"), frame(1, b"{", fin=False), b"\x81"][number % 5])
        if number % 2:
            one.resets()
        else:
            one.hangs_up()
    scripts = [Script(server) for _ in range(40)]
    for number, one in enumerate(scripts):
        one.sends(
            [
                request("GET", "/rooms/lobby?since=0"),
                request("GET", "/rooms/lobby", Accept="text/event-stream"),
                request("POST", "/rooms/lobby?name=CI", b"hi") + b"GET / HT",
                request("POST", "/rooms/lobby?name=", b"hi"),
                request("GET", "/rooms/nowhere"),
                b"GET / HTTP/1.1\r\n\r\n",
                request("GET", "/ws", **HANDSHAKE | {"Origin": "null"}),
                request("POST", "/rooms/lobby", Content_Length="99999"),
            ][number % 8]
        )
    eventually(lambda: server.alive()["registered"] >= 1 + 10)  # Ann, and those who follow the lobby
    for number, one in enumerate(scripts):
        if number % 3:
            one.resets()
        else:
            one.hangs_up()
    ann.hangs_up()
    eventually(lambda: server.alive() == before | {"nops": server.alive()["nops"]})
    eventually(lambda: server.descriptors() == descriptors)
