"""One program per port, whether or not the others ask for locks."""

import asyncio
import os
import subprocess
import sys

import pytest

from drivers.codec import LineCodec
from drivers.transport import lock, serial
from drivers.transport.base import LineSpec
from drivers.transport.serial import SerialTransport

LINE = LineSpec(codec=lambda _port: LineCodec(b"\r\n"))


@pytest.fixture
def port():
    """A terminal whose near end nobody keeps open, as with an adapter."""
    far, near = os.openpty()
    name = os.ttyname(near)
    os.close(near)
    yield name
    os.close(far)


@pytest.fixture
def like_an_adapter(monkeypatch):
    monkeypatch.setattr(serial, "is_pty", lambda _fd: False)
    monkeypatch.setattr(lock, "is_pty", lambda _fd: False)


def opened_by_nobody_special(name):
    """Try to open a port as a user without rights over others, and without asking for a lock."""
    script = (
        "import os, sys, serial\n"
        "os.geteuid() == 0 and (os.setgid(65534), os.setuid(65534))\n"
        "serial.Serial(sys.argv[1])"
    )
    os.chmod(name, 0o666)  # noqa: PTH101
    return subprocess.run([sys.executable, "-c", script, name], capture_output=True, check=False)


async def test_a_program_that_asks_for_no_lock_is_kept_out_of_an_adapters_port(
    port, like_an_adapter
):
    transport = SerialTransport(port, LINE)
    await transport.open()
    done = await asyncio.to_thread(opened_by_nobody_special, port)
    assert b"resource busy" in done.stderr
    await transport.close()
    done = await asyncio.to_thread(opened_by_nobody_special, port)
    assert done.returncode == 0, done.stderr


async def test_a_program_that_has_an_adapters_port_open_without_a_lock_is_named(
    port, like_an_adapter
):
    script = "import os, sys; os.open(sys.argv[1], os.O_RDWR | os.O_NOCTTY); print(1, flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", script, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        await asyncio.to_thread(holder.stdout.readline)
        transport = SerialTransport(port, LINE)
        with pytest.raises(
            OSError, match=rf"in use by another process: .* \(process {holder.pid}\)"
        ):
            await transport.open()
        with pytest.raises(ConnectionError, match="not open"):
            await transport.read()
    await transport.open()
    await transport.close()


async def test_a_terminal_that_is_served_keeps_no_mode_behind_us(port):
    keeper = os.open(port, os.O_RDWR | os.O_NOCTTY)
    transport = SerialTransport(port, LINE)
    await transport.open()
    await transport.close()
    done = await asyncio.to_thread(opened_by_nobody_special, port)
    assert done.returncode == 0, done.stderr
    os.close(keeper)


def test_processes_that_end_or_hide_are_passed_over(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "PROC", tmp_path)
    (tmp_path / "self").mkdir()
    (tmp_path / "77" / "fd").mkdir(parents=True)
    (tmp_path / "77" / "fd" / "3").symlink_to("/dev/ttyUSB0")
    (tmp_path / "78").mkdir()
    assert lock.holders("/dev/ttyUSB0") == ["a program (process 77)"]
    (tmp_path / "77" / "comm").write_text("minicom\n")
    assert lock.in_use("/dev/ttyUSB0").startswith("in use by another process: minicom (process 77)")
    assert lock.holders("/dev/ttyUSB1") == []
