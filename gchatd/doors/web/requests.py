"""What a browser or a bot can ask for over a WebSocket: one record for each kind, and what is done about it.

A request is a JSON object, told apart by its `do` field; docs/protocol.md is made from the records here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Union

import msgspec

from ...chat import actions
from ...chat.actions import find_line, find_own_room, find_room, find_user
from ...text.names import parse_name, parse_room
from .asking import (
    Ask,
    Asking,
    Count,
    Goodbye,
    Id,
    PeopleListed,
    Pong,
    RoomsListed,
    Text,
    one_line,
    pieces_of,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ...chat.answers import Answer


# Coming and going.


class Come(Ask, frozen=True, kw_only=True):
    """Come into the chat under a name, and into the lobby. The echo, `arrived`, tells you your `user` id.

    If your last connection was lost and may still be there, `instead` names it (the `session` of its `hello`): it is
    closed then, and its name is free.
    """

    name: Text
    instead: str = ""

    def perform(self, link: Asking) -> None:
        link.come(parse_name(self.name), self.instead)


class Quit(Ask, frozen=True, kw_only=True):
    """Leave the chat, with parting words in `text`. The answer is `goodbye`; then the server hangs up."""

    text: Text = ""

    def perform(self, link: Asking) -> Answer:
        link.session.quit(one_line(self.text))
        return Goodbye()


# Talking.


class Say(Ask, frozen=True, kw_only=True):
    """Say something in a room you are in; with `action`, as something that you do. The text may have several lines.

    There is no answer: your words come back as everybody gets them, without the label. A refusal has it.
    """

    room: Text
    text: Text
    action: bool = False

    def perform(self, link: Asking) -> None:
        link.session.label = ""  # so that its author gets the same bytes as everybody else
        actions.say(link.session, find_own_room(link.session, self.room), text_of(link, self.text), self.action)


class Tell(Ask, frozen=True, kw_only=True):
    """Say something to one person alone. It comes to both of you, as `told`; before that, if they are away, comes the
    answer `isaway`.
    """

    name: Text
    text: Text

    def perform(self, link: Asking) -> Answer | None:
        return actions.tell(link.session, find_user(link.session, self.name), text_of(link, self.text))


class Edit(Ask, frozen=True, kw_only=True):
    """Change a line of yours, by its id."""

    line: Id
    text: Text

    def perform(self, link: Asking) -> None:
        actions.edit(link.session, find_line(link.session, self.line), text_of(link, self.text))


class Delete(Ask, frozen=True, kw_only=True):
    """Remove a line of yours, by its id."""

    line: Id

    def perform(self, link: Asking) -> None:
        actions.delete(link.session, find_line(link.session, self.line))


# Rooms.


class Join(Ask, frozen=True, kw_only=True):
    """Join a room, or create it; a private one needs its `key`, unless you were invited. After the echo come `welcome`,
    and `replay`, if anything was said there lately.
    """

    room: Text
    key: Text = ""

    def perform(self, link: Asking) -> None:
        actions.join(link.session, parse_room(self.room), self.key)


class Leave(Ask, frozen=True, kw_only=True):
    """Leave a room."""

    room: Text

    def perform(self, link: Asking) -> None:
        actions.leave(link.session, find_own_room(link.session, self.room))


class Rooms(Ask, frozen=True, kw_only=True):
    """List the rooms."""

    def perform(self, link: Asking) -> Answer:
        *pieces, last = pieces_of(actions.rooms(link.session).rooms)
        for piece in pieces:
            link.answer_a_part(RoomsListed(piece, True), self.label)
        return RoomsListed(last, False)


class Members(Ask, frozen=True, kw_only=True):
    """List who is in a room."""

    room: Text

    def perform(self, link: Asking) -> Answer:
        members = actions.members(link.session, find_room(link.session, self.room))
        *pieces, last = pieces_of(members.people)
        for piece in pieces:
            link.answer_a_part(PeopleListed(members.room, piece, True), self.label)
        return PeopleListed(members.room, last, False)


class Topic(Ask, frozen=True, kw_only=True):
    """Ask what a room is about."""

    room: Text

    def perform(self, link: Asking) -> Answer:
        return actions.topic(link.session, find_room(link.session, self.room))


class SetTopic(Ask, frozen=True, kw_only=True):
    """Say what a room is about; an empty text clears it."""

    room: Text
    text: Text

    def perform(self, link: Asking) -> None:
        actions.set_topic(link.session, find_own_room(link.session, self.room), one_line(self.text))


class Private(Ask, frozen=True, kw_only=True):
    """Close a room that you created to all who are not invited and do not have its key."""

    room: Text

    def perform(self, link: Asking) -> None:
        actions.make_private(link.session, find_own_room(link.session, self.room))


class Invite(Ask, frozen=True, kw_only=True):
    """Invite somebody to a room that you are in."""

    name: Text
    room: Text

    def perform(self, link: Asking) -> None:
        user = find_user(link.session, self.name)
        actions.invite(link.session, user, find_own_room(link.session, self.room))


# People.


class Rename(Ask, frozen=True, kw_only=True):
    """Change your name."""

    name: Text

    def perform(self, link: Asking) -> None:
        actions.rename(link.session, parse_name(self.name))


class Whois(Ask, frozen=True, kw_only=True):
    """Ask who somebody is."""

    name: Text

    def perform(self, link: Asking) -> Answer:
        return actions.whois(link.session, find_user(link.session, self.name))


class Away(Ask, frozen=True, kw_only=True):
    """Say that you are away, and perhaps why."""

    text: Text = ""

    def perform(self, link: Asking) -> None:
        actions.go_away(link.session, one_line(self.text))


class Back(Ask, frozen=True, kw_only=True):
    """Say that you are back."""

    def perform(self, link: Asking) -> None:
        actions.come_back(link.session)


class Ignore(Ask, frozen=True, kw_only=True):
    """Hear no more of somebody."""

    name: Text

    def perform(self, link: Asking) -> None:
        actions.ignore(link.session, parse_name(self.name))


class Unignore(Ask, frozen=True, kw_only=True):
    """Hear somebody again."""

    name: Text

    def perform(self, link: Asking) -> None:
        actions.stop_ignoring(link.session, parse_name(self.name))


class Ignoring(Ask, frozen=True, kw_only=True):
    """List whom you ignore."""

    def perform(self, link: Asking) -> Answer:
        return actions.ignoring(link.session)


# The past.


class History(Ask, frozen=True, kw_only=True):
    """Ask for lines of a room you are in, oldest first: the last ones; those before the line `before_line`, or before a
    moment (`before`, in milliseconds since 1970); or those after the line `after_line`, with the `changes` since then
    to lines up to that one. What you have heard already may be among them: go by the ids.
    """

    room: Text
    count: Count = 50
    before_line: Id = 0
    before: Id | None = None
    after_line: Id | None = None

    def perform(self, link: Asking) -> Answer:
        room = find_own_room(link.session, self.room)
        return actions.history(link.session, room, self.count, self.before_line, self.before, self.after_line)


class Search(Ask, frozen=True, kw_only=True):
    """Find lines of a room you are in that have all of these words, newest first: a "phrase" is found as it stands, and
    wor* finds every word that begins with it. The characters U+0002 and U+0003 stand around what was found.
    """

    room: Text
    text: Text
    count: Count = 20

    def perform(self, link: Asking) -> Answer:
        room = find_own_room(link.session, self.room)
        return actions.search(link.session, room, one_line(self.text), self.count)


# The server.


class Motd(Ask, frozen=True, kw_only=True):
    """Ask for the message of the day."""

    def perform(self, link: Asking) -> Answer:
        return actions.motd(link.session)


class Uptime(Ask, frozen=True, kw_only=True):
    """Ask how long the server has been up."""

    def perform(self, link: Asking) -> Answer:
        return actions.uptime(link.session)


class Version(Ask, frozen=True, kw_only=True):
    """Ask which gchat this is."""

    def perform(self, link: Asking) -> Answer:
        return actions.version(link.session)


class Nodes(Ask, frozen=True, kw_only=True):
    """Ask which servers this chat runs on."""

    def perform(self, link: Asking) -> Answer:
        return actions.nodes(link.session)


class Ping(Ask, frozen=True, kw_only=True):
    """Ask whether the connection still works. The answer is `pong`."""

    def perform(self, link: Asking) -> Answer:
        return Pong()


REQUESTS: Final = tuple(Ask.__subclasses__())
"""All kinds of requests."""

decode: Callable[[str], Ask] = msgspec.json.Decoder(Union[REQUESTS]).decode  # noqa: UP007  they are not known to types
"""Read a request. Raises msgspec.DecodeError."""
