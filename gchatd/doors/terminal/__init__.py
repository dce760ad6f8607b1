"""The door for terminals: telnet, nc, and anything else that sends lines. To follow a typed `/join den` on its way in:

    TelnetDoor             (door.py) makes a connection, a link and a session for an accepted socket
    Session.run            (session.py) waits for the client, in its own greenlet, and has requests read
    TelnetConnection.read  (connection.py) takes bytes, which the wire (wire/telnet.py) makes into typed lines
    TerminalLink.read      (link.py) makes each line a request
    Session.handle         has a request done, and gives the answer or the refusal back to the link
    TerminalLink.perform   (link.py) cleans the line; runs a command, or says the line in the current room
    commands.run           (commands/table.py) finds the command; its handler is `join` in commands/rooms.py
    Terminal.join          (terminal.py) has the action done, then sees whether the room was entered
    actions.join           (chat/actions.py) brings the room back from history if need be, and makes a `Joined`
    Session.does           signs it, asks the rules (chat/rules.py), waits while too much is undelivered
    Hub.broadcast          (hub.py) puts it into the journal

On its way out (delivery/fanout.py) the event is folded. `TerminalLink.happened` then makes den the current room, and
fan-out sends a welcome (delivery/welcome.py). If the rules refuse it only now, fan-out sends the refusal.
"""
