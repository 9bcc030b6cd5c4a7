"""pushes: what is said of a push."""

import json

import pytest

from kii_push.push.ledger import PushRecord
from tests import apps
from tests.doubles.gateway import REQUEST_ID, request_context

RECORD = PushRecord(
    id="order-42",
    outcome="exhausted",
    attempts=51,
    updated_at="2026-11-24T10:00:00.000+00:00",
    created_at="2026-11-24T09:00:00.000+00:00",
    door="queue",
    sender="AROASHOP:job",
    reason="Kii answered 503; this was try 50",
)


@pytest.mark.parametrize("record", [RECORD, None])
def test_who_sent_a_push_and_by_which_door_is_said(
    record: PushRecord | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = apps.load("pushes", monkeypatch)
    monkeypatch.setattr(app.ledger, "find", {"order-42": record}.get)

    answer = app.handler(
        {
            "httpMethod": "GET",
            "resource": "/pushes/{pushID}",
            "pathParameters": {"pushID": "order-42"},
            "multiValueQueryStringParameters": None,
            "requestContext": request_context(),
        },
        None,
    )

    body = json.loads(answer["body"])
    assert answer["headers"]["X-Request-ID"] == REQUEST_ID
    if record is None:
        assert (answer["statusCode"], body["requestID"]) == (404, REQUEST_ID)
    else:
        assert (answer["statusCode"], body) == (
            200,
            {
                "id": "order-42",
                "outcome": "exhausted",
                "attempts": 51,
                "createdAt": "2026-11-24T09:00:00.000+00:00",
                "updatedAt": "2026-11-24T10:00:00.000+00:00",
                "door": "queue",
                "sender": "AROASHOP:job",
                "reason": "Kii answered 503; this was try 50",
            },
        )
