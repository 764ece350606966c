"""Spinsolve documents: cutting the stream, building, and refusing what is no message."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.analysers.spinsolve_xml import (
    Completed,
    Failure,
    NotAMessage,
    Progress,
    State,
    child_of,
    codec,
    message,
    notification,
    run_request,
    set_sample,
)

DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
STATUS = '<StatusNotification timestamp="09:37:52">{}</StatusNotification>'
BODIES = [
    "<HardwareResponse><ConnectedToHardware>true</ConnectedToHardware></HardwareResponse>",
    STATUS.format('<State protocol="1D PROTON" status="Running" dataFolder="" />'),
    STATUS.format('<Progress protocol="1D PROTON" percentage="50" secondsRemaining="5" />'),
    "<GetResponse><Solvent>Chloroform-d1</Solvent></GetResponse>",
]


def document(body):
    return DECLARATION + f"<Message>{body}</Message>".encode()


def frames_of(pieces):
    cutter, found = codec(), []
    for piece in pieces:
        cutter.feed(piece)
        while (one := cutter.next_frame()) is not None:
            found.append(one)
    return found


@given(st.lists(st.sampled_from(BODIES)), st.data())
def test_documents_come_out_however_the_stream_is_cut(bodies, data):
    stream = b"".join(document(body) for body in bodies)
    edges = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *edges], [*edges, len(stream)], strict=True)]
    tags = [child_of(frame).tag for frame in frames_of(pieces)]
    assert tags == [ET.fromstring(body).tag for body in bodies]


@given(st.binary(max_size=80), st.sampled_from(BODIES))
def test_a_document_is_found_behind_noise(noise, body):
    frames = frames_of([noise.replace(b"<", b"") + document(body)])
    assert child_of(frames[-1]).tag == ET.fromstring(body).tag


def test_a_document_cut_short_does_not_take_the_next_with_it():
    half = document(BODIES[0])[:60]
    (frame,) = frames_of([half + document(BODIES[3])])
    assert child_of(frame).findtext("Solvent") == "Chloroform-d1"


def test_a_document_without_end_is_dropped_and_the_stream_goes_on():
    endless = b"<Message>" + b"x" * (3 << 20)
    frames = frames_of([endless, b"</Message>", document(BODIES[3])])
    assert [child_of(frame).tag for frame in frames] == ["GetResponse"]


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_refused(noise):
    for candidate in (noise, b"<Message>" + noise + b"</Message>", document("<a/>") + noise):
        try:
            child_of(candidate)
        except NotAMessage:
            continue


BOMB = (
    '<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>'
    "<Message><Set><Sample>&b;</Sample></Set></Message>"
)


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"no message",
        b"<Message></Message>",
        b"<Message><A/><B/></Message>",
        b"<Message><A></Message>",
        b"<Message>&b;<A/></Message>",
        b"<Message><!DOCTYPE a><A/></Message>",
        b"<Messages><A/></Messages>",
        b"<Message><A/></Message>trailing",
        b"<Message><A>\xff\xfe</A></Message>",
    ],
)
def test_what_is_no_message_is_refused(bad):
    with pytest.raises(NotAMessage):
        child_of(bad)


def test_entities_are_never_expanded():
    with pytest.raises(NotAMessage):
        child_of(BOMB.encode())


def test_a_document_type_is_refused_by_the_parser_itself():
    from drivers.analysers.spinsolve_xml import _parsed

    with pytest.raises(NotAMessage, match="document type"):
        _parsed(BOMB.encode())


def test_requests_are_the_documents_of_the_sheet():
    first = b"<?xml version='1.0' encoding='utf-8'?>\n<Message><HardwareRequest/></Message>"
    assert message("<HardwareRequest/>") == first
    assert set_sample("run 12").endswith(b"<Message><Set><Sample>run 12</Sample></Set></Message>")
    assert run_request("Start", "1D PROTON", {"Scan": "QuickScan"}).endswith(
        b'<Message><Start protocol="1D PROTON"><Option name="Scan" value="QuickScan"/></Start>'
        b"</Message>"
    )


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff")))
def test_any_printable_label_arrives_as_it_is(label):
    assert (child_of(set_sample(label)).findtext("Sample") or "") == label
    child = child_of(run_request("Start", label, {label: label}))
    assert child.get("protocol") == label


@pytest.mark.parametrize(
    ("body", "news"),
    [
        (
            r'<State protocol="1D PROTON" status="Ready" dataFolder="C:\a\1" />',
            State("1D PROTON", "Ready", r"C:\a\1"),
        ),
        (
            '<Progress protocol="1D PROTON" percentage="50" secondsRemaining="5" />',
            Progress("1D PROTON", 50.0, 5.0),
        ),
        (
            '<Completed protocol="1D PROTON" completed="true" successful="true" />',
            Completed("1D PROTON", successful=True),
        ),
        (
            '<Completed protocol="1D PROTON" completed="true" successful="false" />',
            Completed("1D PROTON", successful=False),
        ),
        ('<Completed protocol="1D PROTON" />', Completed("1D PROTON", successful=False)),
        ('<Error error="device is busy" />', Failure("device is busy")),
        ("<Error />", Failure("unnamed error")),
    ],
)
def test_notifications_are_understood(body, news):
    assert notification(child_of(document(STATUS.format(body)))) == news


@pytest.mark.parametrize(
    "body",
    [
        BODIES[0],
        STATUS.format(""),
        STATUS.format("<Coffee/>"),
        STATUS.format('<Progress protocol="1D PROTON" percentage="half" secondsRemaining="5" />'),
        STATUS.format('<Progress protocol="1D PROTON" percentage="nan" secondsRemaining="5" />'),
        STATUS.format('<Progress protocol="1D PROTON" percentage="1" />'),
    ],
)
def test_what_is_no_notification_is_refused(body):
    with pytest.raises(NotAMessage):
        notification(child_of(document(body)))
