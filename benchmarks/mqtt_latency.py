"""How long a command over MQTT takes, beside a raw socket client's round trip in the same run.

    python benchmarks/mqtt_latency.py [--rounds 1000] [--out FILE.json]

Command: publish ``cmd/ping`` with QoS 1 on a raw socket, until the daemon's answer is on that
socket; the daemon is the real MQTT API in a process of its own, the broker a real mosquitto. As
floors, a raw socket client's round trip, QoS 1, publisher to subscriber through the broker (one
message), and the same to a raw answering process and back (two messages: what a command needs at
least). The three take turns, so that the machine's mood is the same.

The broker runs with ``set_tcp_nodelay`` and with its defaults. With its defaults it holds a second
small message to a client back until the client's kernel has acknowledged the first, which a kernel
puts off for 40 ms; so the raw clients acknowledge at once (TCP_QUICKACK), as the daemon does.
``lazy asker`` shows what a client gets that does not: its own delay, whoever answers.
"""

import argparse
import json
import os
import select
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FORTY_MS = (0.030, 0.060)  # where Nagle's algorithm and delayed acknowledgements show, s


def varint(n):
    out = bytearray()
    while True:
        n, digit = divmod(n, 128)
        out.append(digit | (0x80 if n else 0))
        if not n:
            return bytes(out)


def packet(kind, body):
    return bytes([kind]) + varint(len(body)) + body


def text(value):
    return struct.pack(">H", len(value)) + value


class Raw:
    """MQTT 3.1.1 on a blocking socket: connect, subscribe, publish with QoS 1, and read."""

    def __init__(self, port, name, quick=True):
        self._quick = quick
        self.sock = socket.create_connection(("127.0.0.1", port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer, self._id = b"", 0
        self._send(0x10, text(b"MQTT") + b"\x04\x02\x00\x3c" + text(name))
        assert self._read()[0] == 0x20

    def subscribe(self, topic):
        self._send(0x82, b"\x00\x01" + text(topic) + b"\x01")
        assert self._read()[0] == 0x90

    def publish(self, topic, payload):
        self._id = self._id % 65535 + 1
        self._send(0x32, text(topic) + struct.pack(">H", self._id) + payload)

    def next_publish(self):
        """Return the next message's payload; acknowledges it, passes over acknowledgements."""
        while True:
            kind, body = self._read()
            if kind & 0xF0 == 0x30:
                (length,) = struct.unpack(">H", body[:2])
                if kind & 0x06:
                    self._send(0x40, body[2 + length : 4 + length])
                    return body[4 + length :]
                return body[2 + length :]

    def settle(self, seconds):
        """Read what still comes for a while."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            if select.select([self.sock], [], [], left)[0]:
                self._read()

    def _send(self, kind, body):
        self.sock.sendall(packet(kind, body))

    def _read(self):
        while True:
            whole = self._whole()
            if whole is not None:
                return whole
            data = self.sock.recv(65536)
            assert data, "the broker closed the connection"
            if self._quick:
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            self._buffer += data

    def _whole(self):
        length = shift = 0
        for at in range(1, min(5, len(self._buffer))):
            length |= (self._buffer[at] & 0x7F) << shift
            shift += 7
            if not self._buffer[at] & 0x80:
                end = at + 1 + length
                if len(self._buffer) < end:
                    return None
                kind, body = self._buffer[0], self._buffer[at + 1 : end]
                self._buffer = self._buffer[end:]
                return kind, body
        return None


def answer(port):
    """The raw answering process: what a daemon could be at the very best."""
    raw = Raw(port, b"answerer")
    raw.subscribe(b"bench/ask")
    print("ready", flush=True)
    while True:
        raw.publish(b"bench/answer", raw.next_publish())


def daemon(port):
    """The real API with commands that do nothing."""
    import asyncio

    sys.path.insert(0, str(ROOT))
    from tests.services.mqtt_rig import Daemon

    class Broker:
        host = "127.0.0.1"

    Broker.port = port

    async def main():
        made = Daemon(Broker)
        task = asyncio.create_task(made.api.run())
        await made.until_connected()
        print("ready", flush=True)
        await task

    asyncio.run(main())


def start(role, port):
    command = [sys.executable, __file__, "--role", role, "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    while line := process.stdout.readline():
        if line.strip() == "ready":
            return process
    raise RuntimeError(f"{role} did not start")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(port, rounds, pause, quick=True):
    """Return seconds of each kind of round trip."""
    asker, listener = Raw(port, b"asker", quick), Raw(port, b"listener", quick)
    asker.subscribe(b"bench/answer")
    asker.subscribe(b"taylord/flow-1/reply/#")
    listener.subscribe(b"bench/one")
    taken = {"one_message": [], "two_messages": [], "command": []}
    payload = b"x" * 40
    for i in range(rounds):
        begin = time.perf_counter()
        asker.publish(b"bench/one", payload)
        listener.next_publish()
        taken["one_message"].append(time.perf_counter() - begin)
        asker.settle(pause)
        begin = time.perf_counter()
        asker.publish(b"bench/ask", payload)
        asker.next_publish()
        taken["two_messages"].append(time.perf_counter() - begin)
        asker.settle(pause)
        begin = time.perf_counter()
        asker.publish(b"taylord/flow-1/cmd/ping", b'{"id": "ping-%d"}' % i)
        reply = asker.next_publish()
        taken["command"].append(time.perf_counter() - begin)
        assert json.loads(reply)["ok"], reply
        asker.settle(pause)
    return taken


def summary(seconds):
    ordered = sorted(seconds)
    slow = sum(FORTY_MS[0] <= s <= FORTY_MS[1] for s in seconds)
    return {
        "p50_us": round(statistics.median(ordered) * 1e6, 1),
        "p99_us": round(ordered[int(0.99 * len(ordered))] * 1e6, 1),
        "max_us": round(ordered[-1] * 1e6, 1),
        "fraction_30_to_60_ms": slow / len(seconds),
    }


def ratios(taken):
    figures = {kind: summary(seconds) for kind, seconds in taken.items()}
    command = figures["command"]["p50_us"]
    for floor in ("one_message", "two_messages"):
        figures[f"p50_ratio_to_{floor}"] = round(command / figures[floor]["p50_us"], 2)
    return figures


def run(rounds, nodelay):
    """Return what was measured on one broker, by how it was asked."""
    mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if mosquitto is None:
        sys.exit("mosquitto is not installed (apt install mosquitto)")
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "mosquitto.conf"
        lines = [f"listener {port} 127.0.0.1", "allow_anonymous true"]
        lines += ["set_tcp_nodelay true"] if nodelay else []
        config.write_text("\n".join(lines) + "\n")
        processes = [subprocess.Popen([mosquitto, "-c", config], stderr=subprocess.DEVNULL)]
        try:
            time.sleep(0.5)
            processes += [start("answer", port), start("daemon", port)]
            measure(port, 50, 0.0)  # warm up
            taken = {
                "back to back": measure(port, rounds, 0.0),
                "10 ms apart": measure(port, rounds // 5, 0.01),
            }
            if not nodelay:
                taken["lazy asker"] = measure(port, rounds // 20, 0.0, quick=False)
            return taken
        finally:
            for process in reversed(processes):
                process.terminate()
                process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--role", choices=["answer", "daemon"])
    parser.add_argument("--port", type=int)
    options = parser.parse_args()
    if options.role:
        {"answer": answer, "daemon": daemon}[options.role](options.port)
        return
    result = {"benchmark": "mqtt_latency", "cpus": os.cpu_count(), "rounds": options.rounds}
    for broker, nodelay in (("set_tcp_nodelay", True), ("default broker", False)):
        result[broker] = {k: ratios(t) for k, t in run(options.rounds, nodelay).items()}
    result["target"] = "p50 ratio at most 5; no 40 ms mode"
    document = json.dumps(result, indent=1)
    print(document)
    if options.out:
        options.out.write_text(document)


if __name__ == "__main__":
    main()
