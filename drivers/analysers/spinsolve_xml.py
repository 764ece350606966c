"""Spinsolve remote-control messages: XML documents without delimiters, built and taken apart.

Each message is a whole XML document: a declaration and one ``Message`` with exactly one child. The
stream is cut at ``</Message>`` by :class:`drivers.codec.LineCodec`; what precedes the last
``<Message`` of a piece (a document cut short, noise) is dropped. The far end is an office computer:
documents are bounded, and a document type declaration, the way to entity bombs, is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers.expat import ExpatError, ParserCreate
from xml.sax.saxutils import escape, quoteattr

from drivers.codec import LineCodec

END = b"</Message>"
MAX_DOCUMENT = 1 << 20  # bytes; the list of protocol options is tens of kB
DECLARATION = "<?xml version='1.0' encoding='utf-8'?>\n"


class NotAMessage(ValueError):
    """A document that is no message of this protocol."""


def codec() -> LineCodec:
    """Return a new codec; its frames are whole documents."""
    return LineCodec(END, MAX_DOCUMENT, keep=True)


def message(child: str) -> bytes:
    """Return the document with this child, already marked up."""
    return f"{DECLARATION}<Message>{child}</Message>".encode()


def set_sample(label: str) -> bytes:
    """Return the request that names the sample; it has no answer."""
    return message(f"<Set><Sample>{escape(label)}</Sample></Set>")


def run_request(tag: str, protocol: str, options: Mapping[str, str]) -> bytes:
    """Return ``Start`` or ``EstimateDurationRequest`` of a protocol with options."""
    rows = "".join(
        f"<Option name={quoteattr(name)} value={quoteattr(value)}/>"
        for name, value in options.items()
    )
    return message(f"<{tag} protocol={quoteattr(protocol)}>{rows}</{tag}>")


def child_of(document: bytes) -> Element:
    """Return the one child of a ``Message``; raise NotAMessage."""
    begin = max(document.rfind(b"<Message>"), document.rfind(b"<Message "))
    if begin < 0:
        raise NotAMessage("no <Message>")
    root = _parsed(document[begin:])
    if len(root) != 1:
        raise NotAMessage(f"a message has one child, not {len(root)}")
    return root[0]


def _parsed(document: bytes) -> Element:
    """Parse without entities or document types (expat knows the five of XML without them)."""
    builder = TreeBuilder()
    parser = ParserCreate("utf-8")
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(document, True)
    except ExpatError as error:
        raise NotAMessage(str(error)) from None
    return builder.close()


def _refuse(*_doctype: object) -> None:
    raise NotAMessage("a document type declaration")


@dataclass(frozen=True, slots=True)
class State:
    """A protocol changed state: ``Running``, ``Stopping``, ``Ready`` (data in ``folder``)."""

    protocol: str
    status: str
    folder: str


@dataclass(frozen=True, slots=True)
class Progress:
    """A protocol is so far."""

    protocol: str
    percentage: float
    remaining_s: float


@dataclass(frozen=True, slots=True)
class Completed:
    """Processing has finished."""

    protocol: str
    successful: bool


@dataclass(frozen=True, slots=True)
class Failure:
    """The instrument reports an error; it does not end a run by itself."""

    error: str


Notification = State | Progress | Completed | Failure


def notification(child: Element) -> Notification:
    """Return what a ``StatusNotification`` says; raise NotAMessage for anything else."""
    if child.tag != "StatusNotification" or len(child) != 1:
        raise NotAMessage(f"no notification: <{child.tag}>")
    news = child[0]
    protocol = news.get("protocol", "")
    if news.tag == "State":
        return State(protocol, news.get("status", ""), news.get("dataFolder", ""))
    if news.tag == "Progress":
        return Progress(protocol, _number(news, "percentage"), _number(news, "secondsRemaining"))
    if news.tag == "Completed":
        done = (news.get("completed", ""), news.get("successful", ""))
        return Completed(protocol, all(word.lower() == "true" for word in done))
    if news.tag == "Error":
        return Failure(news.get("error") or news.text or "unnamed error")
    raise NotAMessage(f"unknown notification <{news.tag}>")


def _number(element: Element, attribute: str) -> float:
    try:
        value = float(element.get(attribute, ""))
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise NotAMessage(f"{attribute} is no number")
    return value
