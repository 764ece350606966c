"""A broker that takes everything, and lets nobody subscribe until ``grants`` says so."""

import asyncio
from contextlib import asynccontextmanager

CONNECT, PUBLISH, SUBSCRIBE, PING, DISCONNECT = 1, 3, 8, 12, 14
FAILURE, NOT_AUTHORIZED = 0x80, 0x87  # of MQTT 3.1.1, and of MQTT 5


class Refusing:
    """Answers every client; ``asked`` is how often one wanted to subscribe."""

    host = "127.0.0.1"

    def __init__(self):
        self.port, self.grants, self.asked = 0, False, 0

    async def serve(self, reader, writer):
        five = False
        try:
            while True:
                first = (await reader.readexactly(1))[0]
                body = await reader.readexactly(await length(reader))
                kind = first >> 4
                if kind == CONNECT:
                    five = body[6] == 5
                    writer.write(b"\x20\x03\x00\x00\x00" if five else b"\x20\x02\x00\x00")
                elif kind == SUBSCRIBE:
                    writer.write(self.suback(body[:2], five=five))
                elif kind == PUBLISH and first & 0b110:
                    at = 2 + int.from_bytes(body[:2], "big")
                    writer.write(b"\x40\x02" + body[at : at + 2])
                elif kind == PING:
                    writer.write(b"\xd0\x00")
                elif kind == DISCONNECT:
                    return
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    def suback(self, number, *, five):
        self.asked += 1
        code = 1 if self.grants else NOT_AUTHORIZED if five else FAILURE
        return b"\x90" + bytes([4 if five else 3]) + number + b"\x00" * five + bytes([code])


async def length(reader):
    """Read a length of MQTT: seven bits a byte, the lowest first."""
    value, place = 0, 0
    while True:
        byte = (await reader.readexactly(1))[0]
        value |= (byte & 0x7F) << place
        place += 7
        if not byte & 0x80:
            return value


@asynccontextmanager
async def refusing():
    broker = Refusing()
    server = await asyncio.start_server(broker.serve, broker.host)
    broker.port = server.sockets[0].getsockname()[1]
    async with server:
        yield broker
