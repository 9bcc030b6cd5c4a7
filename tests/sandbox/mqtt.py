"""MQTT packets byte by byte, for tests that say what no MQTT library would."""

import struct

PING = b"\xc0\0"
ACCEPTED = b"\x20\x02\0\0"
SUBSCRIBED = b"\x90\x03\0\1\0"


def text(value: str) -> bytes:
    """Return the text as MQTT writes it."""
    return struct.pack("!H", len(value)) + value.encode()


def packet(first: int, body: bytes) -> bytes:
    """Return a packet with this first byte; the body must fit a length of one byte."""
    assert len(body) < 128
    return bytes([first, len(body)]) + body


def connect(name: str, password: str) -> bytes:
    """Return the CONNECT of a device whose client ID equals its name."""
    flags = bytes([4, 0xC2]) + b"\0\x3c"
    return packet(0x10, text("MQTT") + flags + text(name) * 2 + text(password))


def subscribe(topic: str) -> bytes:
    """Return a SUBSCRIBE with QoS 0, answered by SUBSCRIBED."""
    return packet(0x82, b"\0\1" + text(topic) + b"\0")
