"""Push App pushes are delivered as safely as messages: the change of an object is made once."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kii_push.errors import IDConflict, NoAnswer
from kii_push.kii.objects import ObjectWrite
from kii_push.push import request as push_request
from kii_push.push.ledger import Receipt
from tests.doubles.scripted_kii import fail

if TYPE_CHECKING:
    from kii_push.push.delivery import Delivery
    from kii_push.push.ledger import Ledger
    from tests.doubles.scripted_kii import ScriptedKii

PATH = "/api/apps/app/things/t-1/buckets/readings/objects"
READING = {"celsius": 21.5}


def change(**more: Any) -> push_request.PushRequest:
    """Return the push request for the change of an object."""
    value = {"id": "k", "target": {"bucket": "readings", "thing": "t-1"}, **more}
    return push_request.from_json(value, default_id="unused")


def noting(
    calls: list[tuple[str, str, Any]], status: int, body: dict[str, Any] | None
) -> Callable[[httpx.Request], httpx.Response]:
    """Return an answer that notes its request."""

    def note(request: httpx.Request) -> httpx.Response:
        calls.append(
            (request.method, request.url.path, json.loads(request.content) if request.content else None)
        )
        return httpx.Response(status, json=body) if body is not None else httpx.Response(status)

    return note


@pytest.mark.parametrize(
    ("fields", "call", "status", "body", "written"),
    [
        (
            {"object": READING},
            ("POST", PATH, READING),
            201,
            {"objectID": "o-1", "createdAt": 1},
            ObjectWrite(created=True, object_id="o-1", created_at=1),
        ),
        (
            {"object": READING, "objectID": "o-1"},
            ("PUT", f"{PATH}/o-1", READING),
            200,
            {"modifiedAt": 2},
            ObjectWrite(created=False, object_id="o-1", modified_at=2),
        ),
        (
            {"object": READING, "objectID": "o-1", "operation": "update"},
            ("PATCH", f"{PATH}/o-1", READING),
            200,
            {},
            ObjectWrite(created=False, object_id="o-1"),
        ),
        (
            {"objectID": "o-1", "operation": "delete"},
            ("DELETE", f"{PATH}/o-1", None),
            204,
            None,
            ObjectWrite(created=False, object_id="o-1"),
        ),
    ],
    ids=["create", "replace", "update", "delete"],
)
def test_a_change_is_made_once_and_its_receipt_kept(
    delivery: "Delivery",
    kii: "ScriptedKii",
    ledger: "Ledger",
    fields: dict[str, Any],
    call: tuple[str, str, Any],
    status: int,
    body: dict[str, Any] | None,
    written: ObjectWrite,
) -> None:
    calls: list[tuple[str, str, Any]] = []
    kii.answers = [noting(calls, status, body)] * 2

    first, again = delivery.deliver(change(**fields)), delivery.deliver(change(**fields))

    assert calls == [call]
    assert first == Receipt(written=written)
    assert again == Receipt(replayed=True, written=ObjectWrite(created=False, object_id="o-1"))
    record = ledger.find("k")
    assert record is not None
    assert (record.outcome, record.object_id, record.push_message_id) == ("sent", "o-1", None)


def test_a_change_that_may_have_been_made_is_not_made_again(delivery: "Delivery", kii: "ScriptedKii") -> None:
    calls: list[tuple[str, str, Any]] = []
    kii.answers = [fail(httpx.ReadError), noting(calls, 201, {"objectID": "o-1"})]

    for _ in range(2):
        with pytest.raises(NoAnswer):
            delivery.deliver(change(object=READING))

    assert calls == []


@pytest.mark.parametrize(
    "other",
    [
        {"object": {"celsius": 22}},
        {"object": READING, "objectID": "o-1"},
        {"object": READING, "target": {"bucket": "readings"}},
    ],
)
def test_an_id_serves_one_change_only(
    delivery: "Delivery", kii: "ScriptedKii", other: dict[str, Any]
) -> None:
    kii.answers = [noting([], 201, {"objectID": "o-1"})]
    delivery.deliver(change(object=READING))

    with pytest.raises(IDConflict):
        delivery.deliver(change(**other))
