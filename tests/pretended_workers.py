"""A program with a supervisor and workers that make up one chat, as simple as can be: no names are checked, there is
one room. What somebody says goes to the supervisor and from there to all workers, so that there is one order.

python pretended_workers.py serve --workers 3 ...    what `gchat.py serve` would do
python pretended_workers.py crowd --workers 3 ...    sends a crowd to that

With PRETEND=forget, worker 2 forgets the fifth line.
"""

from __future__ import annotations

import argparse
import os
import resource
import selectors
import socket
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))


def supervise(count: int) -> None:
    """End when killed; the workers then see the end of their socket."""
    listeners = [socket.socket() for _ in range(count)]
    for listener in listeners:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", listeners[0].getsockname()[1]))
        listener.listen(1000)
    print(f"Socket created\nSocket binded to port {listeners[0].getsockname()[1]}.\nSocket is listening.", flush=True)
    waiting = selectors.DefaultSelector()
    for number, listener in enumerate(listeners, 1):
        ours, theirs = socket.socketpair()
        fds = (listener.fileno(), theirs.fileno())
        command = [sys.executable, __file__, "worker", *map(str, fds)]
        subprocess.Popen(command, pass_fds=fds, env={**os.environ, "GCHAT_WORKER": str(number)})
        theirs.close()
        waiting.register(ours, selectors.EVENT_READ, bytearray())
    while True:
        for key, _ in waiting.select():
            key.data.extend(key.fileobj.recv(65536))
            whole, _, rest = key.data.rpartition(b"\n")
            key.data[:] = rest
            for other in list(waiting.get_map().values()) if whole else ():
                other.fileobj.sendall(whole + b"\n")


class Worker:
    def __init__(self, listener: socket.socket, supervisor: socket.socket) -> None:
        self.listener, self.supervisor = listener, supervisor
        self.forgets = os.environ.get("PRETEND") == "forget" and os.environ["GCHAT_WORKER"] == "2"
        self.members: dict[socket.socket, bytes] = {}
        self.rest = b""
        self.lines = 0
        self.waiting = selectors.DefaultSelector()
        for sock in (listener, supervisor):
            self.waiting.register(sock, selectors.EVENT_READ)

    def run(self) -> None:
        while True:
            for key, _ in self.waiting.select():
                sock = key.fileobj
                if sock is self.listener:
                    client = sock.accept()[0]
                    client.sendall(b"server: Input username.\r\n")
                    self.waiting.register(client, selectors.EVENT_READ)
                elif not (data := sock.recv(65536)):
                    if sock is self.supervisor:
                        return
                    self.waiting.unregister(sock)
                    self.members.pop(sock, None)
                    sock.close()
                elif sock is self.supervisor:
                    self.brings(data)
                else:
                    self.takes(sock, data)

    def takes(self, sock: socket.socket, data: bytes) -> None:
        for line in data.splitlines():
            if sock in self.members:
                self.supervisor.sendall(self.members[sock] + b" : " + line + b"\n")
            else:
                self.members[sock] = line
                sock.sendall(b"server: Your username is " + line + b".\r\n")

    def brings(self, data: bytes) -> None:
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.lines += 1
            if self.forgets and self.lines == 5:
                continue
            for sock, name in self.members.items():
                if not line.startswith(name + b" : "):
                    sock.sendall(line + b"\r\n")


def main(command: str, *words: str) -> int:
    if command == "crowd":
        from gchatd import crowd

        parser = argparse.ArgumentParser()
        crowd.add_parser(parser.add_subparsers())
        return crowd.run(parser.parse_args(["crowd", *words]), Path(__file__))
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if command == "worker":
        listener, supervisor = (socket.socket(fileno=int(fd)) for fd in words)
        Worker(listener, supervisor).run()
    else:
        supervise(int(words[words.index("--workers") + 1]))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
