"""The planner's own process, its parts called in this one."""

import json
import socket
import sys

import pytest

from planners import serve
from planners.base import Measured, Observation
from planners.protocol import request_line

HISTORY = [Observation({"a": 0.5, "b": 1.0}, {"y": Measured(2.0)})]


@pytest.fixture
def sockets():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.fixture
def server(sockets):
    server = serve.Server(sockets[1])
    yield server
    for program in server._programs.values():
        program.close()


def test_a_named_planner_answers(server, plane):
    request = request_line(plane, HISTORY, 2, 0, planner="lhs", options={"n_runs": 4}, timeout_s=60)
    answer = json.loads(server.answer(request))
    assert len(answer["points"]) == 2
    assert answer["note"] == "design 1 of 4; design 2 of 4"


def test_a_program_is_kept_between_requests(server, plane):
    script = 'for n in 0.1 0.2; do read x; echo \'{"points": [{"a": \'$n\', "b": 1}]}\'; done'
    request = request_line(plane, HISTORY, 1, 0, command=["sh", "-c", script], timeout_s=60)
    found = [json.loads(server.answer(request))["points"][0]["a"] for _ in range(2)]
    assert found == [0.1, 0.2]


def test_a_planners_own_sentence_is_an_error(server, plane):
    request = request_line(plane, [], 1, 0, planner="lsh", options={}, timeout_s=60)
    assert "no planner named 'lsh'" in json.loads(server.answer(request))["error"]


def test_requests_are_put_together_from_pieces_and_the_end_ends_the_process(
    server, sockets, monkeypatch
):
    ended = []
    monkeypatch.setattr(serve.os, "_exit", ended.append)
    for piece in (b'{"n"', b": 1}\n{}", b"\n{"):
        sockets[0].sendall(piece)
    sockets[0].close()
    server._watch()
    assert [server._requests.get() for _ in range(2)] == [b'{"n": 1}', b"{}"]
    assert ended == [0]


def test_an_unexpected_exception_is_the_last_answer(sockets, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    serve._confess(sockets[1])
    try:
        raise KeyError("gone")
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    answer = json.loads(sockets[0].recv(1 << 16))
    assert answer["error"].startswith("KeyError: 'gone' (test_serve.py, line ")
    assert "Traceback" in answer["traceback"]
