"""A room of browsers, as the documentation of Python's `websockets` has it: whatever one client says goes to all.

python broadcast.py PORT
"""

from __future__ import annotations

import asyncio
import sys

from websockets.asyncio.server import ServerConnection, broadcast, serve

CONNECTIONS: set[ServerConnection] = set()


async def relay(connection: ServerConnection) -> None:
    CONNECTIONS.add(connection)
    try:
        async for message in connection:
            broadcast(CONNECTIONS, message)
    finally:
        CONNECTIONS.remove(connection)


async def main() -> None:
    async with serve(relay, "127.0.0.1", int(sys.argv[1]), backlog=4096, compression=None) as server:
        await server.serve_forever()


asyncio.run(main())
