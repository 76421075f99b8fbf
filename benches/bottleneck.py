#!/usr/bin/env python3
"""A wire in front of a server whose connections share one rate.

bottleneck.py PORT SERVER_PORT BYTES_PER_SECOND: forwards 127.0.0.1:PORT; what the server sends is passed on
in pieces of 32 KiB, all connections taking turns on one clock. Bytes that the wire saved up while
nobody asked are not paid out: the clock never runs behind the present.
"""

import asyncio
import sys

PIECE = 32 * 1024


class Rate:
    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.free_at = 0.0

    async def take(self, count: int) -> None:
        now = asyncio.get_running_loop().time()
        self.free_at = max(self.free_at, now) + count / self.rate
        # A timer is coarse: two milliseconds early are made up by the next piece.
        if self.free_at - now > 0.002:
            await asyncio.sleep(self.free_at - now)


async def forward(reader, writer, rate) -> None:
    try:
        while piece := await reader.read(PIECE):
            if rate is not None:
                await rate.take(len(piece))
            writer.write(piece)
            await writer.drain()
    except (ConnectionError, asyncio.CancelledError):
        pass
    finally:
        writer.close()


async def main(port: int, server_port: int, rate: Rate) -> None:
    async def accept(reader, writer) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", server_port)
        await asyncio.gather(
            forward(reader, to_server, None), forward(from_server, writer, rate)
        )

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    listen, behind, per_second = (int(argument) for argument in sys.argv[1:])
    asyncio.run(main(listen, behind, Rate(per_second)))
