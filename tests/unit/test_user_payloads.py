"""Payloads that Kii keeps for a user's devices."""

import pytest

from kii_push.errors import KiiError, UnreadableAnswer
from kii_push.kii.user_payloads import UserPayloads
from tests.doubles.mock_kii import MockKii, ok, refusal


def test_payload_is_fetched_and_deleted() -> None:
    mock = MockKii()
    mock.gives(ok({"data": {"a": "b"}}), ok())
    payloads = UserPayloads(mock.client())
    assert payloads.get("EMAIL:bob@example.com", "p/1") == {"data": {"a": "b"}}
    payloads.delete("u-1", "p-1")
    assert mock.calls == [
        "GET /users/EMAIL:bob%40example.com/payloads/p%2F1",
        "DELETE /users/u-1/payloads/p-1",
    ]


def test_missing_payload_is_kiis_refusal() -> None:
    mock = MockKii()
    mock.gives(refusal(404, "PAYLOAD_ID_NOT_FOUND"), ok())
    payloads = UserPayloads(mock.client())
    with pytest.raises(KiiError, match="PAYLOAD_ID_NOT_FOUND"):
        payloads.get("u-1", "none")
    with pytest.raises(UnreadableAnswer):
        payloads.get("u-1", "empty")
