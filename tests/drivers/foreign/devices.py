"""Small devices on sockets, typed from the protocol sheets alone."""

import asyncio
import re
from contextlib import asynccontextmanager

from drivers.registry import Lines


class Device:
    """Serves one client; ``answer`` gets what came and returns pieces and pauses (floats, s)."""

    def __init__(self):
        self.heard, self.writer, self._pending = [], None, b""

    async def serve(self, reader, writer):
        """Take requests until the client hangs up."""
        self.writer = writer
        try:
            while data := await reader.read(4096):
                self._pending += data
                for request in self.requests():
                    self.heard.append(request)
                    for piece in self.answer(request):
                        if isinstance(piece, float):
                            await asyncio.sleep(piece)
                        else:
                            writer.write(piece)
                            await writer.drain()
        except ConnectionError:
            return
        finally:
            writer.close()

    def cut(self, pattern):
        """Return the whole requests at the front of what came; keep the rest."""
        found = []
        while match := re.match(pattern, self._pending, re.DOTALL):
            found.append(match[1])
            self._pending = self._pending[match.end() :]
        return found


@asynccontextmanager
async def wired(device, driver, options=None, *, prepare=True):
    """Yield the driver, connected to the device."""
    server = await asyncio.start_server(device.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    lines = Lines()
    instrument = lines.instrument("i", driver, f"socket://127.0.0.1:{port}", options or {}, {})
    try:
        await lines.open("i")
        if prepare:
            await instrument.identify()
            await instrument.prepare()
        yield instrument
    finally:
        await lines.close()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)  # the device sees its client go


def xmodem(data):
    """Return the CRC of the sheet, bit by bit: 1021h, from 0."""
    crc = 0
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def packed(text):
    """Return a safe-mode packet."""
    payload = text.encode()
    crc = xmodem(payload)
    return bytes([2, len(payload) + 4]) + payload + bytes([crc >> 8, crc & 255, 3])


class SyringePump(Device):
    """An NE-1000 at address 0; infuses into nothing, and dispenses what the test says."""

    def __init__(self, *, safe_s=0, diameter="26.59"):
        super().__init__()
        self.safe_s, self.status, self.alarm = safe_s, "S", "R"
        self.settings = {"DIA": diameter, "DIR": "INF", "PF": "0", "RAT": "0.000MM", "VOL": "0.000"}
        self.unit, self.dispensed = "ML", "I0.000W0.000ML"
        self.first = []  # pieces and pauses before the next answer
        self.bytewise = False

    def requests(self):
        if self.safe_s == 0:
            return [t.decode() for t in self.cut(rb"(?:\x02\x08)?([^\r\x02]*?)(?:UC\x03|\r)")]
        whole = []
        self._pending = self._pending[self._pending.find(2) :] if 2 in self._pending else b""
        while len(self._pending) > 1 and len(self._pending) > self._pending[1]:
            size = self._pending[1] + 1
            frame, self._pending = self._pending[:size], self._pending[size:]
            payload = frame[2:-3]
            assert frame[0] == 2
            assert frame[-1] == 3
            assert xmodem(payload) == int.from_bytes(frame[-3:-1], "big")
            whole.append(payload.decode())
        return whole

    def framed(self, text):
        return packed(text) if self.safe_s else b"\x02" + text.encode() + b"\x03"

    def answer(self, request):
        text = request.replace(" ", "").upper().removeprefix("0")
        if self.alarm:
            data, self.alarm = "A?" + self.alarm, None
        else:
            data = self.done(text)
            data = self.status + data
        reply = self.framed("00" + data)
        first, self.first = self.first, []
        yield from first
        if self.bytewise:
            for k in range(len(reply)):
                yield reply[k : k + 1]
                yield 0.002
        else:
            yield reply

    def done(self, text):
        """Return the data of the answer."""
        simple = {"": "", "VER": "NE1000V3.928", "SAF": str(self.safe_s), "DIS": self.dispensed}
        if text in simple:
            return simple[text]
        if text in self.settings:
            return self.settings[text] + (self.unit if text == "VOL" else "")
        if text in ("RUN", "STP"):
            self.turn(text)
            return ""
        return self.set(text)

    def turn(self, text):
        """Start, pause or stop the motor."""
        if text == "RUN":
            self.status = "I" if self.settings["DIR"] == "INF" else "W"
        else:
            self.status = "P" if self.status in "IW" else "S"

    def set(self, text):
        """Set what the command sets."""
        if text.startswith("SAF"):
            self.safe_s = int(text[3:])
        elif text in ("VOLUL", "VOLML"):
            self.unit = text[3:]
        elif match := re.fullmatch(r"RAT([\d.]+)(UM|MM|UH|MH)?", text):
            if match[2] and self.status == "I":
                return "?NA"
            self.settings["RAT"] = match[1] + (match[2] or self.settings["RAT"][-2:])
        elif match := re.fullmatch(r"(DIA|DIR|PF|VOL)([\w.]+)", text):
            if match[1] == "DIA" and self.status != "S":
                return "?NA"
            self.settings[match[1]] = match[2]
        elif not text.startswith("CLD"):
            return "?"
        return ""
