"""Kii's responses, which are not to be trusted: bounded in size and decoded leniently."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import msgspec

from kii_push.common.decode import ready
from kii_push.errors import UnreadableAnswer

# A function can answer 6 MB. Kii's longest answer lists all devices of an app at about 250 bytes each.
MAX_BYTES = 4 * 1024 * 1024
# Upper bound for Kii's Retry-After; nothing in Kii takes longer.
MAX_RETRY_AFTER_SECONDS = 3600
# Limit for a whole body: httpx's own timeout starts again with every byte.
MAX_BODY_SECONDS = 10

# An ID or version goes into the ledger, an answer and a header.
_ID = re.compile(r"[\x21-\x7e]{1,256}")
# A time in milliseconds, or what else Kii counts.
_MAX_INTEGER = 2**53
# What Kii's codes look like (docs/kii-push-api.md §9), so that nothing else reaches a log through one.
_ERROR_CODE = re.compile(r"[A-Za-z0-9_]{1,64}")


@dataclass(frozen=True)
class Response:
    """What Kii answered. `content` is None if it broke off, came compressed or is longer than MAX_BYTES."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    content: bytes | None = field(repr=False)

    @property
    def error_code(self) -> str | None:
        """Kii's `errorCode`, None if there is none."""
        code = self.json().get("errorCode")
        return code if isinstance(code, str) and _ERROR_CODE.fullmatch(code) else None

    @property
    def retry_after(self) -> int | None:
        """The wait in seconds that Kii asks for in header or body; at most MAX_RETRY_AFTER_SECONDS."""
        asked = self.json().get("retryAfter")
        if not isinstance(asked, int):
            asked = _seconds(self.headers.get("Retry-After", ""))
        return None if asked is None else max(0, min(asked, MAX_RETRY_AFTER_SECONDS))

    def json(self) -> dict[str, Any]:
        """Return the JSON object, an empty one without one: Kii's 429 has none, a proxy's 502 is HTML."""
        try:
            return self.decode(dict[str, Any])
        except UnreadableAnswer:
            return {}

    def decode[T](self, shape: type[T]) -> T:
        """Return the content as `shape`: fields it does not know are ignored, "1883" passes for a number.

        Raises UnreadableAnswer, without the content.
        """
        if self.content is None:
            raise UnreadableAnswer(f"Kii's answer ({self.status}) cannot be read to its end")
        try:
            return msgspec.json.decode(self.content, type=ready(shape), strict=False)
        except (ValueError, RecursionError):
            raise UnreadableAnswer(f"Kii's answer ({self.status}) is not what it should be") from None


def decode[T](value: Any, shape: type[T]) -> T:
    """Return a decoded part of an answer as `shape`, like `Response.decode`. Raises UnreadableAnswer."""
    try:
        return msgspec.convert(value, ready(shape), strict=False)
    except msgspec.ValidationError:
        raise UnreadableAnswer("a part of Kii's answer is not what it should be") from None


def id_or_none(value: Any) -> str | None:
    """Return an ID or version from an answer, None if it is none: too long, or not printable ASCII."""
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def number_or_none(value: Any) -> int | None:
    """Return a number from an answer, None if it is none that others can read."""
    return value if type(value) is int and 0 <= value <= _MAX_INTEGER else None


def content(response: httpx.Response) -> bytes | None:
    """Return the body of a response whose stream is open, None if it cannot be had or is too long.

    One that breaks off, or takes longer than MAX_BODY_SECONDS, is None, too, unless it was asked for: raises
    httpx.RequestError to a GET.
    """
    # The client asks for no compression: a small answer that unpacks to a huge one is never unpacked.
    if response.headers.get("Content-Encoding", "identity") != "identity":
        return None
    found = bytearray()
    latest = time.monotonic() + MAX_BODY_SECONDS
    try:
        for part in response.iter_bytes():
            found += part
            if len(found) > MAX_BYTES:
                return None
            if time.monotonic() > latest:
                raise httpx.ReadTimeout("the body is too slow", request=response.request)
    except httpx.RequestError:
        if response.request.method == "GET":
            raise
        # The status has come and says what Kii did; only what it says besides is lost.
        return None
    return bytes(found)


def _seconds(retry_after: str) -> int | None:
    """Return the seconds of a Retry-After header, which has a number or a date (RFC 9110 10.2.3)."""
    if re.fullmatch(r"[0-9]{1,9}", retry_after):
        return int(retry_after)
    try:
        return int(parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, OverflowError):
        return None
