"""A push through the HTTPS door: which request the call is, and what each end is answered with."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from kii_push.api import push as push_api
from kii_push.common.observability import metrics
from kii_push.errors import NoAnswer, PushError
from kii_push.kii.identifiers import Scope
from kii_push.kii.objects import ObjectWrite
from kii_push.push.ledger import Receipt
from kii_push.push.request import (
    BucketTarget,
    ObjectOperation,
    Origin,
    PushRequest,
    TopicTarget,
    UserTarget,
)
from tests import apps
from tests.doubles.delivery import ScriptedDelivery
from tests.doubles.gateway import CALLER, REQUEST_ID, request_context
from tests.doubles.mock_kii import MockKii, ok

if TYPE_CHECKING:
    from tests.unit.conftest import LogLines

MESSAGE = {"data": {"n": "1"}, "mqtt": {"enabled": True}}
TEXT = "for bob's eyes"


def event(
    body: Any = None,
    *,
    method: str = "POST",
    key: str | None = None,
    query: str | None = None,
    request_id: str = REQUEST_ID,
    **path: str,
) -> dict[str, Any]:
    headers = {"Content-Type": "application/json"}
    name, _, value = (query or "").partition("=")
    return {
        "httpMethod": method,
        "resource": "/users/{userID}/push/messages",
        "headers": headers if key is None else {**headers, "Idempotency-Key": key},
        "multiValueQueryStringParameters": {name: [value]} if query else None,
        "pathParameters": path,
        "body": None if body is None else json.dumps(body),
        "requestContext": request_context(request_id),
    }


def send(call: dict[str, Any], end: Receipt | PushError | None = None) -> tuple[Any, PushRequest]:
    """Return the answer to a send, and the push that it became."""
    delivery = ScriptedDelivery(end)
    answer = push_api.send(call, delivery)
    [request] = delivery.requests
    return answer, request


OPERATIONS: dict[str, ObjectOperation] = {
    "POST": "create",
    "PUT": "replace",
    "PATCH": "update",
    "DELETE": "delete",
}


def change(call: dict[str, Any], end: Receipt | PushError | None = None) -> tuple[Any, PushRequest]:
    """Return the answer to a change of an object, and the push that it became."""
    delivery = ScriptedDelivery(end)
    answer = push_api.change_object(call, delivery, OPERATIONS[call["httpMethod"]])
    [request] = delivery.requests
    return answer, request


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ({"userID": "LOGIN_NAME:bob"}, UserTarget("LOGIN_NAME:bob")),
        ({"topicID": "news"}, TopicTarget("news")),
        ({"topicID": "news", "groupID": "team"}, TopicTarget("news", Scope("group", "team"))),
    ],
)
def test_a_message_goes_to_what_the_path_names(path: dict[str, str], target: object) -> None:
    answer, request = send(event(MESSAGE, key="order-42", **path))

    assert (request.target, request.message, request.id) == (target, MESSAGE, "order-42")
    assert answer["statusCode"] == 201
    assert json.loads(answer["body"]) == {
        "pushMessageID": "m-1",
        "id": "order-42",
        "requestID": REQUEST_ID,
    }
    assert "Idempotent-Replayed" not in answer["headers"]


def test_a_caller_cannot_pass_for_a_broadcast() -> None:
    call = event({"message": MESSAGE, "id": "sale:1", "broadcast": "sale"}, userID="u-1")
    answer = push_api.send(call, ScriptedDelivery())
    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["errors"][0]["field"] == "broadcast"


@pytest.mark.parametrize("query", ["confirm=true", "confirm=false", None])
def test_a_confirm_stands_in_the_query_or_in_the_push_request(query: str | None) -> None:
    _, kiis_own = send(event(MESSAGE, query=query, topicID="news"))
    _, request = send(event({"message": MESSAGE, "confirm": True}, query=query, topicID="news"))

    assert kiis_own.lacks_confirm == (query != "confirm=true")
    assert not request.lacks_confirm


@pytest.mark.parametrize(
    ("method", "object_id", "target"),
    [
        ("POST", None, BucketTarget("readings", Scope("thing", "t-1"), "create")),
        ("PUT", "o-1", BucketTarget("readings", Scope("thing", "t-1"), "replace", "o-1")),
        ("PATCH", "o-1", BucketTarget("readings", Scope("thing", "t-1"), "update", "o-1")),
        ("DELETE", "o-1", BucketTarget("readings", Scope("thing", "t-1"), "delete", "o-1")),
    ],
)
def test_a_change_of_an_object_is_what_the_method_says(
    monkeypatch: pytest.MonkeyPatch, method: str, object_id: str | None, target: BucketTarget
) -> None:
    app, delivery = apps.load("bucket_push", monkeypatch), ScriptedDelivery()
    monkeypatch.setattr(app, "delivery", delivery)
    value = None if method == "DELETE" else {"target": "a field like any other", "id": 5}
    path = {"thingID": "t-1", "bucketID": "readings"} | ({"objectID": object_id} if object_id else {})

    call = event(value, method=method, key="k-1", **path)
    one = "/{objectID}" if object_id else ""

    app.handler({**call, "resource": f"/things/{{thingID}}/buckets/{{bucketID}}/objects{one}"}, None)

    [request] = delivery.requests
    assert (request.target, request.message, request.id) == (target, value or {}, "k-1")


WRITTEN = ObjectWrite(created=False, object_id="o-1", version='"2"', created_at=1, modified_at=2)


@pytest.mark.parametrize(
    ("method", "written", "status", "body"),
    [
        (
            "POST",
            ObjectWrite(created=True, object_id="o-1", created_at=1),
            201,
            {"objectID": "o-1", "createdAt": 1},
        ),
        ("POST", ObjectWrite(created=True), 201, {"objectID": None}),
        ("PUT", ObjectWrite(created=True, object_id="o-1"), 201, {"objectID": "o-1"}),
        ("PUT", WRITTEN, 200, {"objectID": "o-1", "createdAt": 1, "modifiedAt": 2}),
        ("PATCH", WRITTEN, 200, {"objectID": "o-1", "createdAt": 1, "modifiedAt": 2}),
    ],
)
def test_a_changed_object_is_answered_as_kii_answers_it(
    method: str, written: ObjectWrite, status: int, body: dict[str, Any]
) -> None:
    path = {"bucketID": "readings"} | ({} if method == "POST" else {"objectID": "o-1"})

    answer, request = change(event({"a": 1}, method=method, **path), Receipt(written=written))

    assert answer["statusCode"] == status
    assert json.loads(answer["body"]) == {"id": request.id, "requestID": REQUEST_ID, **body}
    assert answer["headers"].get("ETag") == written.version


def test_a_deleted_object_is_answered_with_nothing() -> None:
    gone = Receipt(written=ObjectWrite(created=False, object_id="o-1"), replayed=True)

    answer, _ = change(event(method="DELETE", bucketID="readings", objectID="o-1"), gone)

    assert (answer["statusCode"], answer["body"]) == (204, "")
    assert answer["headers"]["Idempotent-Replayed"] == "true"


def test_an_earlier_calls_answer_comes_again_and_says_so() -> None:
    sent, _ = send(event(MESSAGE, key="k", userID="u"), Receipt("m-1", replayed=True))
    receipt = Receipt(written=ObjectWrite(created=False, object_id="o-1"), replayed=True)
    written, _ = change(event({"a": 1}, key="k", bucketID="readings"), receipt)

    same = {"id": "k", "requestID": REQUEST_ID, "replayed": True}
    assert json.loads(sent["body"]) == {"pushMessageID": "m-1", **same}
    assert json.loads(written["body"]) == {"objectID": "o-1", **same}
    for answer in (sent, written):
        assert answer["statusCode"] == 201
        assert answer["headers"]["Idempotent-Replayed"] == "true"


def test_without_a_key_or_an_id_each_call_is_another_push() -> None:
    calls = ("call-1", "call-2", "call-3")
    ids = [send(event(MESSAGE, userID="u", request_id=call))[1].id for call in calls]

    assert ids == list(calls)


def test_the_bodys_id_counts_unless_the_header_says_another() -> None:
    body = {"message": MESSAGE, "id": "order-42"}

    assert send(event(body, userID="u"))[1].id == "order-42"
    assert send(event(body, key="order-42", userID="u"))[1].id == "order-42"
    delivery = ScriptedDelivery()
    answer = push_api.send(event(body, key="order-43", userID="u"), delivery)
    assert json.loads(answer["body"])["errors"][0]["field"] == "id"
    assert not delivery.requests


def test_the_door_and_the_caller_are_on_record() -> None:
    assert send(event(MESSAGE, userID="u"))[1].origin == Origin("https", CALLER)


@pytest.mark.parametrize("push_id", ["broadcast:sale:1", "schedule:digest:1", "list:0"])
def test_an_id_that_only_the_bundle_gives_is_refused(push_id: str) -> None:
    delivery = ScriptedDelivery()
    calls = (
        event(MESSAGE, key=push_id, userID="u"),
        event({"message": MESSAGE, "id": push_id}, userID="u"),
        event({"message": MESSAGE, "id": push_id, "broadcast": "sale"}, userID="u"),
    )

    answers = [push_api.send(call, delivery) for call in calls]

    assert [answer["statusCode"] for answer in answers] == [400] * 3
    assert not delivery.requests


@pytest.mark.parametrize("key", ["", "two words", "x" * 129, "ü"])
def test_a_key_that_cannot_be_recorded_is_refused(key: str) -> None:
    delivery = ScriptedDelivery()

    answer = push_api.send(event(MESSAGE, key=key, userID="u"), delivery)

    assert answer["statusCode"] == 400
    assert json.loads(answer["body"])["errors"][0]["field"] == "Idempotency-Key"
    assert not delivery.requests


def test_a_push_that_fails_is_logged_counted_and_named_in_the_problem(log_lines: "LogLines") -> None:
    answer, request = send(event({"title": TEXT, "body": TEXT}, userID="u"), NoAnswer("nothing came"))

    problem = json.loads(answer["body"])
    assert (answer["statusCode"], problem["outcome"], problem["id"]) == (504, "unknown", request.id)
    [line] = log_lines()
    assert (line["message"], line["push_id"], line["outcome"]) == ("push", request.id, "unknown")
    assert set(metrics.provider.metric_set) == {"unknown"}
    assert TEXT not in f"{answer} {line}"


def test_a_push_that_is_sent_is_logged_and_counted(log_lines: "LogLines") -> None:
    send(event(MESSAGE, key="k", userID="u"))

    [line] = log_lines()
    assert (line["message"], line["push_id"], line["outcome"]) == ("push", "k", "sent")
    assert set(metrics.provider.metric_set) == {"sent"}


def test_a_dry_run_sends_counts_and_logs_no_push(log_lines: "LogLines") -> None:
    mock = MockKii()
    mock.gives(ok({"userID": "u-1"}), ok({"installations": []}))
    delivery = ScriptedDelivery(mock=mock)

    answer = push_api.send(event(MESSAGE, key="k", query="dryRun=true", userID="LOGIN_NAME:bob"), delivery)

    assert answer["statusCode"] == 200
    report = json.loads(answer["body"])
    assert (report["id"], report["dryRun"], report["requestID"]) == ("k", True, REQUEST_ID)
    assert report["networks"]["mqtt"]["installations"] == 0
    assert not delivery.requests
    assert not log_lines()
    assert not metrics.provider.metric_set
