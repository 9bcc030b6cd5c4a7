"""The management API and Push to App, deployed: every row in every scope, and what is refused."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local import loopback
from local.settings import ROOT

if TYPE_CHECKING:
    from local.device import Device
    from local.doors import Doors
    from local.stack import LocalStack
    from tests.support import Sandbox

DOCUMENT = json.loads((ROOT / "docs/openapi.json").read_text())
SCOPES = ["", "/groups/team", "/users/LOGIN_NAME:bob", "/things/VENDOR_THING_ID:lamp"]
MESSAGE = {"data": {"n": "1"}, "mqtt": {"enabled": True}}
READING = {"celsius": 21.5}

in_every_scope = pytest.mark.parametrize("scope", SCOPES)


def problem(answer: httpx.Response, status: int) -> Any:
    """Return the problem in an answer, after checking that it is one of this status."""
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    return answer.json()


def statuses(doors: "Doors", *calls: tuple[str, str]) -> list[int]:
    """Make the calls, each a method and a path; return the statuses."""
    return [doors.http.request(method, path).status_code for method, path in calls]


@in_every_scope
@pytest.mark.usefixtures("sandbox")
def test_topics_and_their_permissions(doors: "Doors", scope: str) -> None:
    topic = f"{scope}/topics/news"
    grant = f"{topic}/acl/SEND_MESSAGE_TO_TOPIC/UserID:ANY_AUTHENTICATED_USER"

    assert statuses(doors, ("HEAD", topic), ("PUT", topic), ("PUT", topic)) == [404, 204, 409]
    assert statuses(doors, ("HEAD", topic), ("GET", topic)) == [204, 204]
    assert doors.http.get(f"{scope}/topics").json() == {"topics": [{"topicID": "news"}]}
    assert statuses(doors, ("GET", grant), ("PUT", grant), ("PUT", grant)) == [404, 204, 409]
    granted = doors.http.get(grant).json()
    assert granted == {"userID": "ANY_AUTHENTICATED_USER"}
    assert granted in doors.http.get(f"{topic}/acl").json()["SEND_MESSAGE_TO_TOPIC"]
    assert granted in doors.http.get(f"{topic}/acl/SEND_MESSAGE_TO_TOPIC").json()
    assert statuses(doors, ("DELETE", grant), ("DELETE", topic), ("DELETE", topic)) == [204, 204, 404]


def test_topics_are_listed_a_page_at_a_time(doors: "Doors", sandbox: "Sandbox") -> None:
    made = {f"t{number}" for number in range(60)}
    for name in made:
        sandbox.make_topic("", name)

    listed: set[str] = set()
    key, pages = None, 0
    while key or not pages:
        page = doors.http.get("/topics", params={"paginationKey": key} if key else {}).json()
        listed |= {each["topicID"] for each in page["topics"]}
        key, pages = page.get("paginationKey"), pages + 1

    assert listed == made
    assert pages > 1


@in_every_scope
@pytest.mark.parametrize("collection", ["topics", "buckets"])
def test_subscriptions_of_users_and_things(
    doors: "Doors", sandbox: "Sandbox", scope: str, collection: str
) -> None:
    if collection == "topics":
        sandbox.make_topic(scope, "news")
    for subscriber in (f"users/{sandbox.user_id('bob')}", f"things/{sandbox.thing_id('lamp')}"):
        one = f"{scope}/{collection}/news/push/subscriptions/{subscriber}"
        ends = statuses(
            doors, *((method, one) for method in ("PUT", "PUT", "GET", "DELETE", "GET", "DELETE"))
        )
        assert ends == [204, 409, 204, 204, 404, 404], one


@in_every_scope
def test_a_change_of_an_object_reaches_the_device(
    doors: "Doors", device: "Device", sandbox: "Sandbox", scope: str
) -> None:
    sandbox.subscribe_to_bucket(scope, "readings", device.user_id)
    objects = f"{scope}/buckets/readings/objects"

    created = doors.post(objects, READING)
    replaced = doors.http.put(f"{objects}/r-1", json=READING)
    again = doors.http.put(f"{objects}/r-1", json=READING)
    updated = doors.http.patch(f"{objects}/r-1", json=READING)
    deleted = doors.http.delete(f"{objects}/r-1")
    gone = doors.http.delete(f"{objects}/r-1")

    ends = [each.status_code for each in (created, replaced, again, updated, deleted, gone)]
    assert ends == [201, 201, 200, 200, 204, 404]
    assert problem(gone, 404)["errorCode"] == "OBJECT_NOT_FOUND"
    assert device.wait_for(type="DATA_OBJECT_CREATED", objectID=created.json()["objectID"])
    for event in ("CREATED", "UPDATED", "DELETED"):
        assert device.wait_for(type=f"DATA_OBJECT_{event}", objectID="r-1")


def test_a_change_through_the_queue_and_by_schedule_reaches_the_device_too(
    doors: "Doors", device: "Device", sandbox: "Sandbox"
) -> None:
    sandbox.subscribe_to_bucket("/groups/team", "readings", device.user_id)
    target = {"bucket": "readings", "group": "team"}

    doors.enqueue(json.dumps({"target": target, "object": READING, "objectID": "queued"}))
    due = datetime.now(UTC) + timedelta(seconds=2)
    doors.schedule("readings", due, {"target": target, "object": READING, "objectID": "scheduled"})

    for object_id in ("queued", "scheduled"):
        assert device.wait_for(type="DATA_OBJECT_CREATED", objectID=object_id, within=30)


def test_installations(doors: "Doors", device: "Device", sandbox: "Sandbox") -> None:
    new = {
        "deviceType": "IOS",
        "installationRegistrationID": "tok:en-1",
        "userID": "LOGIN_NAME:bob",
        "development": True,
    }

    installed = doors.post("/installations", new)
    record = doors.http.get("/installations/IOS:tok:en-1").json()
    listed = doors.http.get("/installations", params={"userID": sandbox.user_id("bob")}).json()[
        "installations"
    ]
    endpoint = doors.http.get(f"/installations/{device.installation_id}/mqtt-endpoint")
    none = doors.http.get(f"/installations/{record['installationID']}/mqtt-endpoint")

    assert installed.status_code == 201
    assert record == {
        **installed.json(),
        "deviceType": "IOS",
        "userID": sandbox.user_id("bob"),
        "development": True,
    }
    assert record in listed
    assert device.installation_id in {each["installationID"] for each in listed}
    assert endpoint.json()["installationID"] == device.installation_id
    assert endpoint.headers["X-MQTT-TTL"] == str(endpoint.json()["X-MQTT-TTL"])
    assert problem(none, 404)["errorCode"] == "MQTT_ENDPOINT_NOT_FOUND"
    assert statuses(
        doors, ("DELETE", "/installations/IOS:tok:en-1"), ("GET", "/installations/IOS:tok:en-1")
    ) == [204, 404]


SENDS: list[tuple[str, str, Any]] = [
    ("POST", "/users/LOGIN_NAME:bob/push/messages", MESSAGE),
    ("POST", "/groups/team/topics/news/push/messages", MESSAGE),
    ("POST", "/buckets/readings/objects", READING),
    ("PUT", "/buckets/readings/objects/r-1", READING),
]


@pytest.mark.parametrize(("method", "path", "body"), SENDS)
def test_a_dry_run_sends_nothing_and_a_send_after_it_does(
    doors: "Doors", device: "Device", sandbox: "Sandbox", method: str, path: str, body: Any
) -> None:
    sandbox.subscribe("/groups/team", "news", device.user_id)
    sandbox.subscribe_to_bucket("", "readings", device.user_id)
    before = len(sandbox.calls())
    key = {"Idempotency-Key": "k-1"}

    tried = doors.http.request(method, f"{path}?dryRun=true", json=body, headers=key)
    asked = sandbox.calls()[before:]
    sent = doors.http.request(method, path, json=body, headers=key)

    assert (tried.status_code, tried.json()["dryRun"], tried.json()["id"]) == (200, True, "k-1")
    assert {call.partition(" ")[0] for call in asked} == {"GET"}
    assert sent.status_code == 201
    assert len(sandbox.deliveries()) == 1


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "error_code"),
    [
        ("POST", "/users/LOGIN_NAME:nobody/push/messages", MESSAGE, 404, "USER_NOT_FOUND"),
        ("POST", "/things/VENDOR_THING_ID:lamp/topics/none/push/messages", MESSAGE, 404, "TOPIC_NOT_FOUND"),
        ("POST", "/groups/none/topics/none/push/messages", MESSAGE, 404, "GROUP_NOT_FOUND"),
        ("POST", "/things/none/buckets/readings/objects", READING, 404, "THING_NOT_FOUND"),
        ("DELETE", "/buckets/readings/objects/none", None, 404, None),
        ("POST", "/users/LOGIN_NAME:bob/push/messages", {"data": {}}, 400, None),
    ],
)
def test_a_dry_run_is_refused_as_a_send_would_be(
    doors: "Doors", sandbox: "Sandbox", method: str, path: str, body: Any, status: int, error_code: str | None
) -> None:
    tried = doors.http.request(method, f"{path}?dryRun=true", json=body)
    sent = doors.http.request(method, path, json=body)

    for answer in (tried, sent):
        found = problem(answer, status)
        assert error_code in {None, found.get("errorCode")}
    assert sandbox.deliveries() == []


@pytest.mark.parametrize(
    ("method", "path", "content", "content_type", "status"),
    [
        ("PUT", f"/topics/{'x' * 65}", b"", "", 400),
        ("PUT", "/topics/a.b", b"", "", 400),
        # Twice encoded: the local gateway decodes once and would split the path at a slash, AWS's does not.
        ("PUT", "/users/a%252Fb/topics/news", b"", "", 400),
        ("PUT", "/users/%252e%252e/topics/news", b"", "", 400),
        ("DELETE", "/topics/news?dryRun=true", b"", "", 400),
        ("POST", "/users/LOGIN_NAME:carol/push/messages?dryrun=true", b"{}", "application/json", 400),
        ("POST", "/users/LOGIN_NAME:carol/push/messages?dryRun=yes", b"{}", "application/json", 400),
        ("POST", "/installations", b"x" * 10_000_000, "application/json", 413),
        ("POST", "/installations", b"[" * 100_000, "application/json", 400),
        ("POST", "/installations", b'{"deviceType": NaN}', "application/json", 400),
        ("POST", "/installations", b'{"deviceType": "\\ud800"}', "application/json", 400),
        ("POST", "/installations", b'{"deviceType": "MQTT", "deviceType": "MQTT"}', "application/json", 400),
        ("POST", "/installations", b"\xff\xfe", "application/json", 400),
        ("POST", "/installations", b"{}", "text/plain", 415),
        ("POST", "/buckets/readings/objects", b"{}", "application/xml", 415),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_bad_call_is_refused_before_kii_is_asked(
    doors: "Doors", sandbox: "Sandbox", method: str, path: str, content: bytes, content_type: str, status: int
) -> None:
    headers = {"Content-Type": content_type} if content_type else {}

    answer = doors.http.request(method, path, content=content, headers=headers)

    problem(answer, status)
    # The end of a test before may still come by the queue.
    assert not [call for call in sandbox.calls() if not call.endswith("/users/LOGIN_NAME:bob/push/messages")]


def documented() -> Iterator[tuple[str, str]]:
    """Yield the method and path of every operation, with something in place of each parameter."""
    for path, item in DOCUMENT["paths"].items():
        for method in item:
            yield method.upper(), path.replace("{", "").replace("}", "")


def test_no_operation_takes_an_unsigned_call(stack: "LocalStack", sandbox: "Sandbox") -> None:
    with loopback.client(base_url=stack.api_url) as unsigned:
        answers = {call: unsigned.request(*call).status_code for call in documented()}

    assert {call: status for call, status in answers.items() if status != 403} == {}
    assert sandbox.calls() == []


def test_the_gateway_serves_the_published_document(doors: "Doors") -> None:
    assert doors.http.get("/openapi.json").json() == DOCUMENT
