"""Objects, their versions and permissions, and the events they push (docs/kii-push-api.md §6 and §13)."""

from typing import Any

import pytest

from local.device import Device
from tests.sandbox.kii import APP, Kii, assert_error

BOX = "/buckets/box"
SUBSCRIBE = "/buckets/box/filters/all/push/subscriptions/users"


def event(kii: Kii) -> dict[str, Any]:
    """Return the latest event as an MQTT device gets it."""
    last: dict[str, Any] = kii.deliveries()[-1]
    assert last["feature"] == "bucket"
    payload: dict[str, Any] = last["payload"]
    return payload


def test_an_objects_life(kii: Kii) -> None:
    created = kii.call("POST", f"{BOX}/objects", "bob", json={"a": 1, "_id": "ignored"})
    assert created.status_code == 201
    assert "ObjectCreationResponse" in created.headers["Content-Type"]
    body = created.json()
    assert body == {
        "objectID": body["objectID"],
        "createdAt": body["createdAt"],
        "dataType": "application/json",
    }
    path = f"{BOX}/objects/{body['objectID']}"
    assert created.headers["Location"] == f"{kii.origin}/api/apps/{APP}{path}"

    found = kii.call("GET", path, "bob")
    assert found.headers["ETag"] == created.headers["ETag"]
    assert found.json() == {
        "a": 1,
        "_id": body["objectID"],
        "_created": body["createdAt"],
        "_modified": body["createdAt"],
        "_owner": kii.id("bob"),
        "_version": "1",
        "_dataType": "application/json",
    }
    merged = kii.call("PATCH", path, "bob", json={"b": 2})
    assert merged.status_code == 200
    assert merged.headers["ETag"] != created.headers["ETag"]
    override = {"X-HTTP-Method-Override": "PATCH"}
    assert kii.call("POST", path, "bob", json={"c": 3}, headers=override).status_code == 200
    assert {"a": 1, "b": 2, "c": 3}.items() <= kii.call("GET", path, "bob").json().items()
    assert kii.call("PUT", path, "bob", json={"d": 4}).status_code == 200
    assert "a" not in kii.call("GET", path, "bob").json()
    assert kii.call("DELETE", path, "bob").status_code == 204
    for method in ("GET", "PATCH", "DELETE"):
        assert_error(kii.call(method, path, "bob", json={}), 404, "OBJECT_NOT_FOUND")


def test_an_object_with_ones_own_id(kii: Kii) -> None:
    path = f"{BOX}/objects/my-object.1"
    content_type = {"Content-Type": f"application/vnd.{APP}.note+json"}

    created = kii.call("PUT", path, "bob", json={"a": 1}, headers=content_type)

    assert created.status_code == 201
    assert created.json()["dataType"] == content_type["Content-Type"]
    assert created.headers["Location"].endswith(path)
    assert kii.call("PUT", path, "bob", json={"a": 2}).status_code == 200
    refused = kii.call("PUT", path, "bob", json={}, headers={"If-None-Match": "*"})
    assert_error(refused, 409, "OBJECT_ALREADY_EXISTS")
    for bad in ("x", "y" * 101, "a%20b"):
        assert_error(kii.call("PUT", f"{BOX}/objects/{bad}", "bob", json={}), 400, "INVALID_INPUT_DATA")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_stale_version(kii: Kii, method: str) -> None:
    path = f"{BOX}/objects/thing"
    old = kii.call("PUT", path, "bob", json={"a": 1}).headers["ETag"]
    new = kii.call("PUT", path, "bob", json={"a": 2}).headers["ETag"]

    stale = kii.call(method, path, "bob", json={}, headers={"If-Match": old})
    fresh = kii.call(method, path, "bob", json={}, headers={"If-Match": new})

    assert_error(stale, 409, "OBJECT_VERSION_IS_STALE")
    assert fresh.status_code in (200, 204)
    missing = kii.call("PUT", f"{BOX}/objects/other", "bob", json={}, headers={"If-Match": new})
    assert_error(missing, 409, "OBJECT_VERSION_IS_STALE")


def test_an_object_that_is_too_long(kii: Kii) -> None:
    fits = '{"a":"' + "x" * (65_534 - 8) + '"}'

    assert kii.call("POST", f"{BOX}/objects", "bob", content=fits).status_code == 201
    answer = kii.call("POST", f"{BOX}/objects", "bob", content=fits.replace("x", "xx", 1))
    assert_error(answer, 400, "INVALID_INPUT_DATA")


@pytest.mark.parametrize(
    ("scope", "owner", "reads", "writes"),
    [
        ("", "bob", ["alice", "lamp", "anonymous"], ["alice", "lamp"]),
        ("/groups/team", "bob", ["alice"], ["alice"]),
        ("/users/LOGIN_NAME:bob", "bob", [], []),
        ("/things/VENDOR_THING_ID:lamp", "lamp", ["alice"], ["alice"]),
    ],
)
def test_who_reads_and_writes_by_default(
    kii: Kii, scope: str, owner: str, reads: list[str], writes: list[str]
) -> None:
    box = f"{scope}{BOX}/objects"
    path = f"{box}/{kii.call('POST', box, owner, json={}).json()['objectID']}"

    for by in ("admin", owner, "alice", "bob", "lamp", "anonymous"):
        trusted = by in ("admin", owner)
        assert (by, kii.call("GET", path, by).status_code) == (by, 200 if trusted or by in reads else 401)
        status = kii.call("PATCH", path, by, json={"a": 1}).status_code
        assert (by, status) == (by, 200 if trusted or by in writes else 401)
        status = kii.call("POST", box, by, json={}).status_code
        assert (by, status) == (by, 201 if trusted or by in writes else 401)


def test_a_bucket_goes_with_all_it_holds(kii: Kii) -> None:
    kii.call("PUT", f"{BOX}/objects/thing", "bob", json={})
    kii.call("POST", SUBSCRIBE, "bob")
    kii.install("bob", "MQTT")

    assert kii.call("DELETE", BOX, "anonymous").status_code == 401
    assert kii.call("DELETE", BOX, "bob").status_code == 204

    assert event(kii)["type"] == "BUCKET_DELETED"
    assert "objectID" not in event(kii)
    assert_error(kii.call("DELETE", BOX, "bob"), 404, "BUCKET_NOT_FOUND", bucketID="box")
    assert_error(kii.call("GET", f"{BOX}/objects/thing", "bob"), 404, "BUCKET_NOT_FOUND")
    kii.call("POST", f"{BOX}/objects", "bob", json={})
    assert len(kii.deliveries()) == 1
    assert kii.call("GET", f"{BOX}/objects/thing", "bob").status_code == 404


def test_what_each_change_pushes(kii: Kii) -> None:
    kii.install("bob", "MQTT")
    kii.call("POST", SUBSCRIBE, "bob")
    path = f"{BOX}/objects/thing"
    changes: list[tuple[str, str, dict[str, Any], str]] = [
        ("PUT", path, {"json": {}}, "DATA_OBJECT_CREATED"),
        ("PUT", path, {"json": {}}, "DATA_OBJECT_UPDATED"),
        ("PATCH", path, {"json": {}}, "DATA_OBJECT_UPDATED"),
        ("PUT", f"{path}/body", {"content": b"\x00\xff"}, "DATA_OBJECT_BODY_UPDATED"),
        ("PUT", f"{path}/acl/READ_EXISTING_OBJECT/GroupID:team", {}, "DATA_OBJECT_ACL_MODIFIED"),
        ("DELETE", f"{path}/acl/READ_EXISTING_OBJECT/GroupID:team", {}, "DATA_OBJECT_ACL_MODIFIED"),
        ("DELETE", f"{path}/body", {}, "DATA_OBJECT_BODY_DELETED"),
        ("DELETE", path, {}, "DATA_OBJECT_DELETED"),
    ]

    for number, (method, target, request, event_type) in enumerate(changes, 1):
        assert kii.call(method, target, **request).is_success
        assert len(kii.deliveries()) == number
        assert (event(kii)["type"], event(kii)["objectID"]) == (event_type, "thing")
        assert ("modifiedAt" in event(kii)) == (event_type != "DATA_OBJECT_DELETED")


def test_an_event_on_a_real_device(kii: Kii) -> None:
    with Device(f"{kii.origin}/api", "bob") as device:
        kii.call("POST", f"/users/me{SUBSCRIBE}", "bob")
        created = kii.call("POST", f"/users/me{BOX}/objects", "bob", json={"a": 1}).json()

        received = device.wait_for(type="DATA_OBJECT_CREATED")

    assert received is not None
    bob = kii.id("bob")
    assert abs(received.payload.pop("when") - created["createdAt"]) < 5_000
    assert received.payload == {
        "origin": "EVENT",
        "type": "DATA_OBJECT_CREATED",
        "modifiedAt": created["createdAt"],
        "appID": APP,
        "sender": bob,
        "sourceURI": f"kiicloud://users/{bob}/buckets/box/objects/{created['objectID']}",
        "objectScopeType": "APP_AND_USER",
        "objectScopeAppID": APP,
        "objectScopeUserID": bob,
        "bucketID": "box",
        "bucketType": "rw",
        "objectID": created["objectID"],
    }


def test_an_event_goes_to_every_network(kii: Kii) -> None:
    for device_type in ("ANDROID", "IOS", "JPUSH", "MQTT"):
        kii.install("bob", device_type)
    kii.call("POST", SUBSCRIBE, "bob")

    kii.call("PUT", f"{BOX}/objects/thing", "alice", json={})

    payloads = {each["deviceType"]: each["payload"] for each in kii.deliveries()}
    assert payloads.keys() == {"ANDROID", "IOS", "JPUSH", "MQTT"}
    assert payloads["ANDROID"]["collapse_key"] == "box"
    assert payloads["IOS"].keys() == {"aps", "w", "t", "st", "sa", "bi", "bt", "oi"}


def test_a_body_is_kept_as_it_came(kii: Kii) -> None:
    path = f"{BOX}/objects/thing"
    kii.call("PUT", path, "bob", json={})
    assert_error(kii.call("GET", f"{path}/body", "bob"), 404, "OBJECT_BODY_NOT_FOUND")

    assert kii.call("PUT", f"{path}/body", "bob", content=b"\x00\xff", headers={"Content-Type": "image/png"})

    body = kii.call("GET", f"{path}/body", "bob")
    assert (body.content, body.headers["Content-Type"]) == (b"\x00\xff", "image/png")
    assert kii.call("DELETE", f"{path}/body", "bob").status_code == 204
    assert_error(kii.call("DELETE", f"{path}/body", "bob"), 404, "OBJECT_BODY_NOT_FOUND")
