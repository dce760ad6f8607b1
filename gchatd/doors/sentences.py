"""What people are told in English, whatever their door: a sentence for every refusal. Knows no people."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Any

from ..chat import answers as a
from ..errors import Refusal, Refused
from ..journal import refusals as p
from ..text import times
from ..text.names import SYMBOLS, NameNotAllowed

if TYPE_CHECKING:
    from collections.abc import Callable


class Sorry(Refusal, frozen=True):
    """The door itself cannot do something; it has the sentence ready."""

    text: str


def sorry(text: str) -> Refused:
    """Return what a command raises, with this sentence, if it cannot be done."""
    return Refused(Sorry(text))


def sentence(refusal: Refusal) -> str:
    """Return the sentence for a refusal. It may quote what was typed, so clean it before you send it."""
    if isinstance(refusal, Sorry):
        return refusal.text
    template = SENTENCES[type(refusal)]
    return template.format(one=refusal) if isinstance(template, str) else template(refusal)


def _name_not_allowed(refusal: NameNotAllowed) -> str:
    what = "username" if refusal.of == "user" else "room name"
    match refusal.why:
        case "empty":
            return f"A {what} cannot be empty."
        case "long":
            return f"A {what} can have at most {refusal.most} characters; that one has {refusal.length}."
        case "character":
            allowed = f"use letters, digits and {' '.join(sorted(SYMBOLS))}"
            return f"A {what} cannot contain {_describe(refusal.detail)}: {allowed}."
        case "digits":
            return f"A {what} cannot be all digits."
        case "accent":
            return f"A {what} cannot begin with an accent: it needs a letter to sit on."
        case "accents":
            return f"That {what} has too many accents on one letter."
        case "mixture":
            return f"That {what} mixes characters in a way that is not allowed ({refusal.detail})."
        case "reserved":
            return f"That {what} is reserved: {refusal.detail}."


def _describe(char: str) -> str:
    """Describe a character in words that are safe on any terminal."""
    if char == " ":
        return "a space"
    if char.isprintable() and not unicodedata.combining(char):
        return f"'{char}'"
    return f"the character U+{ord(char):04X}"


def _same_topic(refusal: a.SameTopic) -> str:
    return f"That is already the topic of {refusal.room}." if refusal.topic else f"{refusal.room} has no topic."


def _private(refusal: a.RoomIsPrivate) -> str:
    wrong = "That is not its key: ask" if refusal.wrong_key else "Ask"
    return f"{refusal.room} is private. {wrong} someone in it to /invite you."


SENTENCES: dict[type[Refusal], str | Callable[[Any], str]] = {
    NameNotAllowed: _name_not_allowed,
    a.NobodyCalled: "Nobody here is called {one.name}.",
    a.NoSuchRoom: "There is no room called {one.room}. For a list: /rooms",
    a.TooLongForName: "That is too long to be a name.",
    a.NotHere: "You are not in the chat.",
    a.AlreadyHere: "You are in the chat already.",
    a.UserLeft: "{one.name} has left.",
    a.NotDelivered: "Not sent: {one.name} has left.",
    a.ThatIsYou: "That is you.",
    a.NameTaken: "That username is taken: {one.name}.",
    a.SameName: "Your username is {one.name}.",
    a.NothingSaid: "There is nothing to send.",
    a.CannotChange: "You have no message that you can change.",
    a.TooLateToChange: "Your last message is more than {one.minutes} minutes old: too late to change it.",
    a.SameText: "It already reads like that.",
    a.DiskBehind: "Not sent: the server's disk cannot keep up. Try again later.",
    a.Flooding: "You send too much. Nothing of it is handled for {one.seconds} seconds; then it goes on.",
    a.NoNameYet: lambda refusal: f"There was no username for {times.duration(refusal.seconds)}. Goodbye.",
    a.IdleTooLong: lambda refusal: f"You typed nothing for {times.duration(refusal.seconds)}. Goodbye.",
    a.OthersOutOfReach: "The server has lost touch with the others and cannot give out names. Try again in a moment.",
    a.ShuttingDown: "Not sent: the server is shutting down.",
    a.NotInRoom: "You are not in {one.room}.",
    a.AlreadyInRoom: "You are now talking in {one.room}.",  # it is the current room from now on
    a.RoomIsPrivate: _private,
    a.RoomHasNoKey: "{one.room} is not private and has no key. To join it: /join {one.room}",
    a.NoSuchPrivateRoom: "There is no private room called {one.room}. To create a room of that name: /join {one.room}",
    a.TooManyRooms: "This server can have {one.most:,} rooms, and there are people in all of them.",
    a.TooManyJoined: "You are in {one.most} rooms, and that is the limit. Leave one first: /leave ROOM",
    a.SameTopic: _same_topic,
    a.TooLong: "A {one.what} can have at most {one.most} characters; that one has {one.length}.",
    a.AlreadyPrivate: "{one.room} is already private.",
    a.AlwaysPublic: "{one.room} is open to everyone. Create a room of your own first: /join ROOM",
    a.NotFounder: "Only the person who created {one.room}, and has not left it since, can make it private.",
    a.AlreadyMember: "{one.name} is already in {one.room}.",
    a.NotAway: "You are not away.",
    a.AlreadyIgnoring: "You are already ignoring {one.name}.",
    a.NotIgnoring: "You are not ignoring {one.name}.",
    a.TooManyIgnored: "You are ignoring {one.most} people, and that is the limit. "
    "Stop ignoring one first: /unignore NAME",
    a.NoHistory: "This server keeps no history.",
    p.HistoryUnreadable: "History cannot be read: {one.why}.",
    p.SearchTooSlow: "That search takes too long. Try a rarer word.",
    p.NothingToSearchFor: "There is no word to search for in: {one.words}",
    p.TooManyWords: "Search for at most {one.most} words.",
    p.TooManySearches: "Many people are searching just now. Try again in a moment.",
}
"""By the kind of refusal: a sentence, with the refusal's fields in braces; or a function that makes it."""
