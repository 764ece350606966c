"""Log lines in systemd's journal: with their priority, and without a second time."""

import io
import os
from pathlib import Path

import pytest
import structlog

from daemon import logs
from daemon.journal import is_journal
from tests.daemon.test_logs import console as console  # noqa: PLC0414 -- restores logging


@pytest.fixture
def journal(tmp_path, monkeypatch, console):
    """A stream that systemd says is its journal."""
    with (tmp_path / "journal").open("w+") as stream:
        found = os.fstat(stream.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        yield stream


def rows(stream):
    stream.seek(0)
    return stream.read().splitlines()


def test_the_journal_is_told_how_bad_a_line_is(journal):
    logs.configure(console=journal)
    log = structlog.get_logger("rig")
    log.info("daemon.ready")
    log.warning("connection.lost", instrument="bath")
    log.error("rig.tripped")
    ready, lost, tripped = rows(journal)
    assert ready.startswith("<6>[info")
    assert lost.startswith("<4>[warning")
    assert "instrument=bath" in lost
    assert tripped.startswith("<3>[error")


def test_every_row_of_a_long_line_has_the_priority(journal):
    logs.configure(console=journal)
    try:
        raise RuntimeError("a\nb")
    except RuntimeError:
        structlog.get_logger("rig").exception("daemon.failed")
    told = rows(journal)
    assert len(told) > 3
    assert {row[:3] for row in told} == {"<3>"}


def test_a_terminal_and_a_file_beside_the_journal_get_plain_lines(journal, console):
    logs.configure(console=console)
    structlog.get_logger("rig").error("rig.tripped")
    assert console.getvalue()[:2] == "20"  # the year
    assert not is_journal(io.StringIO(), os.environ)
    with Path(os.devnull).open("w") as other:
        assert not is_journal(other, os.environ)
    assert not is_journal(other, os.environ)  # closed
