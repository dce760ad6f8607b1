"""What `/help COMMAND` says beyond the table of commands: a few sentences for each, in plain words."""

from __future__ import annotations

from typing import Final

DETAILS: Final[dict[str, str]] = {
    # Talking
    "me": "Everyone in the current room sees it with your name, as in * Alice waves.",
    "msg": "Only NAME sees it, whichever rooms you are in. A private message is not kept in the history, and you "
    "cannot change it later.",
    "reply": "Only the person who sent you that message sees WORDS.",
    "edit": "WORDS replace the whole message, also in the history, and everyone in the room sees that you changed it.",
    "delete": "The message disappears from the history, and everyone in the room sees that you removed it. People who "
    "have read it may remember it.",
    # Rooms
    "join": "ROOM becomes your current room: what you type goes there. You stay in your other rooms and see what is "
    "said there, marked with the room's name. A room name has no spaces. Only a private room has a KEY, which "
    "everyone in it is shown. A room vanishes when the last person leaves, unless something was said in it or it "
    "is private.",
    "leave": "You no longer see what is said in ROOM. Without ROOM, you leave the current room. To leave the chat "
    "altogether, type /quit.",
    "go": "ROOM is a room you are already in. What you type goes there from now on. /rooms marks your current room "
    "with >.",
    "rooms": "> marks your current room, and * the others you are in. You see a private room only if you may enter it.",
    "names": "Without ROOM, you see who is in the current room. People who are away are marked (away); /whois "
    "tells you why.",
    "topic": "WORDS become the topic, which is shown to everyone who joins. /topic alone shows the topic, and "
    "/topic - clears it.",
    "private": "From now on, people need an invitation or the room's key to join, and nobody else sees the room in "
    "/rooms. You can only do this in a room that you created and have not left. Everyone in the room is shown "
    "the key, to come back with. If nothing was said in the room, the key works only until the server "
    "restarts.",
    "invite": "NAME is told how to join the room, and may enter it until they leave the chat. Anyone in a room can "
    "invite others.",
    # People
    "nick": "NAME has at most 32 letters, digits and symbols, and no spaces. Upper and lower case make no difference: "
    "nobody else can be ALICE while you are Alice.",
    "whois": "You also see whether NAME is away, and which rooms you are both in.",
    "away": "/names marks you as away, and people who send you a private message are told, with WORDS if you give a "
    "reason. You stay away until you type /back.",
    "back": "/names no longer marks you as away, and people who send you a private message are not told any more.",
    "ignore": "You no longer see what NAME says. It lasts until you leave, even if they change their name, and they "
    "are not told. /ignore alone lists the people you ignore.",
    "unignore": "You see what NAME says again, from now on. /ignore lists the people you ignore.",
    # The past
    "history": "N is how many lines you want, at most 500. TIME is a time such as 18:30, a date such as 2026-01-31, or "
    "both. #LINE is the number of a line, such as #45: the end of /history tells you which one to type for "
    "earlier lines.",
    "search": "You are shown lines of the current room, newest first, that have all of WORDS. Put words in quotes to "
    "find them next to each other. A * after the beginning of a word finds every word that begins like that.",
    # Your terminal
    "notices": "You see notices about people in your rooms, except in big rooms. /notices alone says whether they are "
    "on.",
    "theme": "colour gives every name a colour of its own, mono uses no colours, and contrast shows names in bold.",
    "time": "hh:mm shows hours and minutes, full shows the date and seconds, too, and off shows no times. "
    "+HH:MM is how far your clock is ahead of UTC, such as +02:00; -HH:MM is how far it is behind.",
    "bell": "mentions rings when someone says your name or sends you a private message, all rings for every line, and"
    " off never rings. A message that names more than 20 people rings for none of them.",
    "rich": "You get a > prompt, where you can edit what you type with the arrow keys and others (/help keys). What "
    "other people say appears above it. Your terminal has to be able to send every key as you press it.",
    "plain": "There is no prompt, and what others say may appear in the middle of what you type. /rich turns line "
    "editing on again.",
    "clear": "Only your own screen is cleared. Ctrl-L does the same. /history shows the last lines again.",
    "reader": "Each event is one line, without colours, times or bells. /reader off undoes that; then "
    "/rich turns line editing on again.",
    # The server
    "help": "/help shows the commands to start with, /help all shows all of them, /help keys lists the keys that edit"
    " a line, and /help COMMAND explains one command.",
    "more": "A long list stops when your window is full; each /more shows you another window of it.",
    "motd": "It is a note from the people who run this server. You also see it when you come in.",
    "nodes": "It also says how this server, the one you are connected to, keeps up with the others.",
    "uptime": "It also says how many people are here.",
    "version": "Mention it when you report a problem.",
    "quit": "WORDS are shown to people in your rooms who have notices on (/help notices). If you have a > prompt, "
    "Ctrl-D on an empty line does the same.",
}
"""By the name of the command."""
