"""Framing without I/O: bytes of a stream in, whole frames out, however the stream was cut.

A codec never raises and never grows: what cannot become a frame is dropped, and the next good
frame is found again. ``next_frame`` is to be called until it answers None after every ``feed``.
One file here per kind of framing.
"""

from drivers.codec.base import MAX_FRAME, Codec
from drivers.codec.dle import DleCodec, dle_framed
from drivers.codec.fixed import FixedCodec
from drivers.codec.length import LengthCodec
from drivers.codec.line import LineCodec
from drivers.codec.mark import MarkCodec
from drivers.codec.oem import OemCodec
from drivers.codec.prompt import PromptCodec
from drivers.codec.shdlc import ShdlcCodec, shdlc
from drivers.codec.silence import SilenceCodec
from drivers.codec.stx_etx import PacketCodec, StxEtxCodec, packet
from drivers.codec.tail import TailCodec

__all__ = [
    "MAX_FRAME",
    "Codec",
    "DleCodec",
    "FixedCodec",
    "LengthCodec",
    "LineCodec",
    "MarkCodec",
    "OemCodec",
    "PacketCodec",
    "PromptCodec",
    "ShdlcCodec",
    "SilenceCodec",
    "StxEtxCodec",
    "TailCodec",
    "dle_framed",
    "packet",
    "shdlc",
]
