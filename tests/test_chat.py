"""The server as its clients see it, over real sockets."""

from __future__ import annotations

import resource
import signal
import socket

import pytest
from people import GREETING, PATIENCE

from gchatd.doors import listening
from gchatd.settings import Address

ALLOWED = ": use letters, digits and - [ ] ^ _ ` { | }."


def test_the_server_announces_its_socket_in_the_words_of_the_original(server):
    assert server.greeting[0] == "Socket successfully created"
    assert server.greeting[1] == f"Socket binded to port {server.port}."
    assert server.greeting[2] == "Socket is listening."


def test_the_classic_session_works_to_the_letter(server, enter):
    alice = enter(server)
    alice.sees("server: Input username.")
    alice.says("Alice")
    alice.sees("server: Your username is Alice.")
    bob = enter(server, "Bob")
    bob.says("Hello Alice!")
    alice.sees("Bob : Hello Alice!")
    alice.says("Hello Bob!")
    bob.sees("Alice : Hello Bob!")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("", "server: A username cannot be empty."),
        ("a" * 33, "server: A username can have at most 32 characters; that one has 33."),
        ("al ice", "server: A username cannot contain a space" + ALLOWED),
        ("\x1b[1mx", "server: A username cannot contain the character U+001B" + ALLOWED),
        ("SERVER", "server: That username is reserved: SERVER."),
        ("aNN", "server: That username is taken: aNN."),
        ("12345", "server: A username cannot be all digits."),
        ("/who", "server: Choose a username first. Then you can use /names."),
        ("/ann", "server: Unknown command: /ann. /help all lists all commands."),
        ("//hello", "server: A username cannot contain '/'" + ALLOWED),
    ],
)  # fmt: skip
def test_a_name_that_cannot_be_had_is_refused_with_a_sentence_and_asked_for_again(server, enter, typed, answer):
    ann = enter(server, "Ann")
    stranger = enter(server)
    stranger.sees(GREETING)
    stranger.says(typed)
    stranger.sees(answer, GREETING)
    stranger.says("Bob")
    stranger.sees("server: Your username is Bob.")
    stranger.says("hello")
    ann.sees("Bob : hello")


def test_what_an_unnamed_client_types_reaches_nobody(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    stranger = enter(server)
    stranger.says("hello everybody, it is me")
    stranger.sees(GREETING, "server: A username cannot contain a space" + ALLOWED)
    bob.says("anybody?")
    ann.sees("Bob : anybody?")


def test_the_name_of_somebody_who_hung_up_is_free(server, enter):
    ann = enter(server, "Ann")
    ann.says("/notices on")
    ann.sees("server: Notices are on.")
    for _ in range(5):
        enter(server, "Bob").hangs_up()
        ann.sees("server: Bob joined.", "server: Bob left.")


def test_a_name_is_free_the_moment_its_owner_has_gone(server, enter):
    for _ in range(5):
        bob = enter(server, "Bob")
        bob.says("/quit")
        bob.sees("server: Goodbye.")
        assert bob.reads_to_the_end() == b""


def test_names_of_any_script_are_shown_as_typed_and_compared_without_case(server, enter):
    enter(server, "Ágnes")
    enter(server, "さくら")
    other = enter(server)
    other.sees(GREETING)
    other.says("áGNES")
    other.sees("server: That username is taken: áGNES.", GREETING)


def test_a_room_full_of_people_hears_one_and_the_one_does_not(server, enter):
    people = [enter(server, f"p{number}") for number in range(10)]
    people[3].says("hi")
    for person in people[:3] + people[4:]:
        person.sees("p3 : hi")
    people[4].says("ho")
    for person in people[:4] + people[5:]:
        person.sees("p4 : ho")


def test_notices_tell_who_comes_goes_and_is_renamed_once_they_are_on(server, enter):
    ann, eve = enter(server, "Ann"), enter(server, "Eve")
    ann.says("/notices on")
    ann.sees("server: Notices are on.")
    bob = enter(server, "Bob")
    ann.sees("server: Bob joined.")
    bob.says("/nick Rob")
    bob.sees("server: Your username is Rob.")
    ann.sees("server: Bob is now Rob.")
    bob.says("/quit see you tomorrow")
    ann.sees("server: Rob left: see you tomorrow")
    enter(server, "Bob").hangs_up()
    ann.sees("server: Bob joined.", "server: Bob left.")
    ann.says("/notices off")
    ann.sees("server: Notices are off.")
    enter(server, "Dan").says("hello")
    ann.sees("Dan : hello")
    eve.sees("Dan : hello")


def test_joins_are_not_announced_in_a_room_that_is_too_big(start, enter):
    server = start(rooms__announce_up_to=2)
    ann = enter(server, "Ann")
    ann.says("/notices on")
    ann.sees("server: Notices are on.")
    enter(server, "Bob")
    ann.sees("server: Bob joined.")
    carl = enter(server, "Carl")
    carl.says("hi")
    carl.says("/quit")
    dan = enter(server, "Dan")
    dan.says("ho")
    ann.sees("Carl : hi", "Dan : ho")


def test_commands_do_what_help_says(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "bob")
    bob.says("/me waves")
    ann.sees("* bob waves")
    bob.says("//me is how one waves")
    ann.sees("bob : /me is how one waves")
    bob.says("/who")
    bob.sees("server: 2 in lobby: Ann, bob")
    bob.says("/WHO")
    bob.sees("server: 2 in lobby: Ann, bob")
    bob.says("/nick Ann")
    bob.sees("server: That username is taken: Ann.")
    bob.says("/nick Bob")
    bob.sees("server: Your username is Bob.")
    bob.says("hi")
    ann.sees("Bob : hi")


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/hepl", "server: Unknown command: /hepl. Did you mean /help? /help all lists all commands."),
        ("/xyzzy", "server: Unknown command: /xyzzy. /help all lists all commands."),
        ("/", "server: Unknown command: /. /help all lists all commands."),
        ("/me", "server: Say what you are doing: /me WORDS"),
        ("/nick", "server: Say which username you want: /nick NAME"),
        ("/nick R\x1b[1mob", "server: A username cannot contain the character U+001B" + ALLOWED),
        ("/notices loudly", "server: Choose on or off, not loudly: /notices [on|off]"),
        ("/notices", "server: Notices are off."),
    ],
)
def test_a_command_used_wrongly_says_what_would_be_right(server, enter, typed, answer):
    ann = enter(server, "Ann")
    ann.says(typed)
    ann.sees(answer)


def test_one_can_quit_at_the_name_prompt(server, enter):
    stranger = enter(server)
    stranger.sees(GREETING)
    stranger.says("/quit")
    stranger.sees("server: Goodbye.")
    assert stranger.reads_to_the_end() == b""


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r\0"])
def test_a_line_ends_in_each_of_three_ways(server, enter, end):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.sends(b"one" + end + b"two" + end)
    bob.sees("Ann : one", "Ann : two")


def test_a_line_that_is_too_long_is_dropped_to_its_end_and_its_author_told(start, enter):
    server = start(limits__line=100)
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.says("x" * 100)
    ann.says("y" * 101)
    for _ in range(50):
        ann.sends(b"z" * 10_000)
    ann.says("")
    ann.says("short again")
    told = "server: That line was too long, so it was dropped. The limit is 100 bytes."
    ann.sees(told, told)
    bob.sees("Ann : " + "x" * 100, "Ann : short again")


def test_what_is_not_utf8_is_read_as_latin1(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.sends(b"na\xefve caf\xe9\n" + "naïve café\n".encode())
    bob.sees("Ann : naïve café", "Ann : naïve café")


def test_what_other_terminals_would_obey_is_gone_and_emoji_stay_whole(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.sends("\x1b[2Jred\x07\x1b]0;title\x07 \u202eevil\u202c\tok 👩‍👩‍👧‍👦\n".encode())
    bob.sees("Ann : red evil ok 👩‍👩‍👧‍👦")
    ann.sends(b"\x1b[31m\n \n\nafter blank lines\n")
    bob.sees("Ann : after blank lines")


@pytest.mark.parametrize("before", [b"\x1b[A", b"\0", b"\x07"])
def test_a_command_behind_a_stray_key_is_a_command_and_heard_by_nobody(server, enter, before):
    ann, bob, carl = enter(server, "Ann"), enter(server, "Bob"), enter(server, "Carl")
    ann.sends(before + b"/msg Bob my secret\n")
    bob.sees("Ann -> you : my secret")
    ann.says("hello")
    carl.sees("Ann : hello")


@pytest.mark.parametrize("before", [" ", "\t", "\ufeff", "\u200b "])
def test_a_command_behind_something_that_nobody_sees_is_heard_by_nobody_and_its_author_told(server, enter, before):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.says(f"{before}/msg Bob my secret")
    ann.sees("server: Not sent: /msg is not at the start of the line, so everyone would have seen it.")
    ann.says(f"{before}/usr/bin is where it is")
    bob.sees(f"Ann : {before}/usr/bin is where it is".replace("\t", " "))


def test_what_one_is_told_and_what_comes_of_it_is_shown_in_its_order(server, enter):
    ann = enter(server, "Ann")
    ann.sends(b"/join q\n/leave\n/join r\nhello\n/names\n/topic x\n/go lobby\n/join r\n/names lobby\n/me waves\n")
    ann.sees("server: You are in q, alone.", "server: You left q.", "server: You are now talking in lobby.")
    ann.sees("server: You are in r, alone.", "server: 1 in r: Ann", "server: Ann set the topic of r: x")
    ann.sees("server: You are now talking in lobby.", "server: You are now talking in r.", "server: 1 in lobby: Ann")
    ann.says("/history")
    ann.sees("server: 2 lines in r, times in UTC:")


def test_a_tab_parts_words_like_a_blank(server, enter):
    ann = enter(server, "Ann")
    ann.says("/join\tdev")
    ann.sees("server: You are in dev, alone.")
    ann.says("/nick\tAnna")
    ann.sees("server: Your username is Anna.")


def test_help_is_there_for_those_who_have_no_name_yet(server, enter):
    stranger = enter(server)
    stranger.says("/help")
    stranger.sees(GREETING, "server: What you type goes to everyone in your current room. Start with these:")


def test_telnet_commands_are_answered_and_never_shown(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    ann.sends(b"he\xff\xf1llo\xff\xfb\x1f\xff\xfd\x01\xff\xfa\x1f\0\x50\0\x18\xff\xf0 there\xff\xff\r\n")
    bob.sees("Ann : hello there" + "ÿ")
    ann.sends(b"\xff\xfb\x1f\xff\xf6/quit\r\n")
    wont_echo, dont_naws, here = b"\xff\xfc\x01", b"\xff\xfe\x1f", b"server: I am here.\r\n"
    assert ann.reads_to_the_end() == dont_naws + wont_echo + here + b"server: Goodbye.\r\n"


def test_a_client_that_sends_no_telnet_bytes_is_sent_none(server, enter):
    ann = enter(server)
    ann.sends(b"Ann\nhello\r\n/who\r\n/help\r\n/nope\r\n\xe9\r\n/quit\r\n")
    assert b"\xff" not in ann.reads_to_the_end()


def test_a_client_that_closes_its_half_still_gets_its_answers(server, enter):
    ann = enter(server)
    ann.sends(b"Ann\n/who\n")
    ann.says_no_more()
    ann.sees(GREETING, "server: Your username is Ann.")
    assert ann.reads_line().startswith("server: ")
    assert ann.reads_to_the_end() == b""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_closes_down_with_a_word_to_everyone_and_exit_status_0(server, enter, number):
    ann, stranger = enter(server, "Ann"), enter(server)
    ann.says("last words")
    ann.says("/notices")
    ann.sees("server: Notices are off.")
    assert server.stop(number) == 0
    assert ann.reads_to_the_end() == b"server: The server is shutting down.\r\n"
    assert stranger.reads_to_the_end() == b"server: Input username.\r\nserver: The server is shutting down.\r\n"


def test_what_was_said_before_the_signal_is_still_delivered(server, enter):
    ann, bob = enter(server, "Ann"), enter(server, "Bob")
    for number in range(200):
        ann.says(f"line {number}")
    bob.sees("Ann : line 0")
    server.process.send_signal(signal.SIGTERM)
    rest = bob.reads_to_the_end().decode().splitlines()
    assert rest[-1] == "server: The server is shutting down."
    assert rest[:-1] == [f"Ann : line {number}" for number in range(1, len(rest))]


def test_a_flood_of_lines_from_many_at_once_is_heard_whole_and_in_each_ones_order(server, enter):
    listener, *talkers = [enter(server, f"p{number}") for number in range(6)]
    for talker in talkers:
        talker.sends(b"".join(b"%d\n" % number for number in range(3000)))
    heard = {talker.name: [] for talker in talkers}
    for _ in range(5 * 3000):
        name, _, number = listener.reads_line().partition(" : ")
        heard[name].append(int(number))
    assert all(numbers == list(range(3000)) for numbers in heard.values())


def test_the_message_of_the_day_greets_who_comes_in(start, enter, tmp_path):
    motd = tmp_path / "motd.txt"
    motd.write_text("Welcome.\n\x1b[31mBe kind.\n")
    ann = enter(start(server__motd=motd), "Ann")
    ann.sees("server: Welcome.", "server: Be kind.")
    ann.says("/motd")
    ann.sees("server: Welcome.", "server: Be kind.")


def test_the_server_listens_on_several_addresses_ipv6_too(start, enter):
    server = start("--listen", "[::1]:0")
    created, bound, listening = (server.prints() for _ in range(3))
    assert (created, listening) == (server.greeting[0], server.greeting[2])
    with socket.create_connection(("::1", int(bound.split()[-1].rstrip("."))), PATIENCE) as ann:
        ann.sendall(b"Ann\nhello\n")
        enter(server, "Bob").says("/who")
        assert ann.recv(100).startswith(b"server: Input username.")


def test_accepted_sockets_have_what_the_listener_was_given():
    (listener,) = next(listening._listen(Address("127.0.0.1", 0), 1))
    with listener, socket.create_connection(listener.getsockname(), PATIENCE), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE)
        assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_the_server_takes_as_many_files_as_it_may(start):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        server = start()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE) == (hard, hard)


def test_the_log_tells_who_came_and_left_and_not_what_was_said(server, enter):
    ann = enter(server, "Ann")
    ann.says("a secret")
    ann.says("/quit a bigger secret")
    assert ann.reads_line() == "server: Goodbye."
    server.logs(r"INFO \[telnet 127.0.0.1:\d+ Ann\] came")
    server.logs(r"INFO \[telnet 127.0.0.1:\d+ Ann\] left: quit")
    assert "secret" not in server.log()


def test_what_is_echoed_has_nothing_that_a_terminal_obeys(server, enter):
    ann = enter(server, "Ann")
    ann.says("/join #\x1b[2Jroom")
    ann.sees("server: Room names have no # here. Try /join room")
    ann.says("/join my \x1b]0;title\x07room")
    ann.sees("server: A room name cannot contain spaces. Try /join my-room (only a room's key goes after its name).")
