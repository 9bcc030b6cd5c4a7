"""Registering users, groups and things, and looking them up (docs/kii-push-api.md §13)."""

from typing import Any

import pytest

from tests.sandbox.kii import APP, Kii, assert_error

ANYBODY = {"X-Kii-AppID": APP, "X-Kii-AppKey": "any"}


def register(kii: Kii, path: str, body: dict[str, Any], content_type: str = "application/json") -> Any:
    return kii.call("POST", path, "nobody", json=body, headers={**ANYBODY, "Content-Type": content_type})


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.kii.RegistrationRequest+json"])
def test_registering_a_user(kii: Kii, content_type: str) -> None:
    user = {"loginName": "carol", "password": "secret", "displayName": "Carol", "shoeSize": 40}

    answer = register(kii, "/users", user, content_type)

    assert answer.status_code == 201
    assert answer.headers["Content-Type"] == "application/vnd.kii.RegistrationResponse+json;charset=UTF-8"
    user_id = answer.json()["userID"]
    assert answer.json() == {"userID": user_id}
    assert answer.headers["Location"] == f"{kii.origin}/api/apps/{APP}/users/{user_id}"
    login = kii.login(grant_type="password", username="carol", password="secret").json()
    assert login["id"] == user_id
    me = kii.call("GET", "/users/me", "nobody", headers={"Authorization": f"Bearer {login['access_token']}"})
    assert me.json() == {
        "userID": user_id,
        "loginName": "carol",
        "displayName": "Carol",
        "shoeSize": 40,
    }


def test_registering_and_logging_in_at_once(kii: Kii) -> None:
    content_type = "application/vnd.kii.RegistrationAndAuthorizationRequest+json"

    answer = register(kii, "/users", {"loginName": "carol", "password": "p"}, content_type)

    headers = {"Authorization": f"Bearer {answer.json()['_accessToken']}"}
    assert kii.call("GET", "/users/me", "nobody", headers=headers).json()["userID"] == answer.json()["userID"]


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("loginName", "bob", "bob"),
        ("emailAddress", "BOB@example.com", "BOB@example.com"),
        ("phoneNumber", "+819000000002", "+819000000002"),
    ],
)
def test_an_address_that_is_taken(kii: Kii, field: str, value: str, named: str) -> None:
    answer = register(kii, "/users", {"loginName": "carol", "password": "p", field: value})

    assert_error(answer, 409, "USER_ALREADY_EXISTS", "UserAlreadyExistsException", field=field, value=named)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "p"}, "loginName"),
        ({"loginName": "carol"}, "password"),
        ({"loginName": "carol", "password": ""}, "password"),
        ({"loginName": "carol", "password": 1}, "password"),
        ({"loginName": "", "password": "p"}, "loginName"),
        ({"loginName": 1, "password": "p"}, "loginName"),
        ({"loginName": None, "password": "p"}, "loginName"),
        ({"loginName": "x" * 201, "password": "p"}, "loginName"),
        ({"loginName": "carol", "password": "p", "_mine": 1}, "_mine"),
        ({"loginName": "carol", "password": "p", "country": 81}, "country"),
        ({"loginName": "carol", "password": "p", "big": "x" * 64 * 1024}, "body"),
    ],
)
def test_a_user_that_cannot_be(kii: Kii, body: dict[str, Any], field: str) -> None:
    answer = register(kii, "/users", body)

    assert_error(answer, 400, "INVALID_INPUT_DATA", "InvalidInputDataException")
    assert list(answer.json()["invalidFields"]) == [field]


@pytest.mark.parametrize("path", ["/users", "/things"])
def test_registering_needs_an_app_identified(kii: Kii, path: str) -> None:
    assert_error(kii.call("POST", path, "nobody", json={}), 401, "UNAUTHORIZED")


def test_looking_a_user_up(kii: Kii) -> None:
    for name in (kii.id("bob"), "LOGIN_NAME:bob", "EMAIL:bob%40example.com", "PHONE:%2B819000000002"):
        found = kii.call("GET", f"/users/{name}").json()
        assert (found["userID"], found["emailAddress"]) == (kii.id("bob"), "bob@example.com")
    assert "emailAddress" not in kii.call("GET", "/users/LOGIN_NAME:bob", "alice").json()
    assert_error(kii.call("GET", "/users/none"), 404, "USER_NOT_FOUND", field="userID", value="none")
    assert_error(kii.call("GET", "/users/LOGIN_NAME:bob", "anonymous"), 401, "UNAUTHORIZED")


def test_the_seeds_ids_are_the_same_each_time(kii: Kii) -> None:
    before = {name: kii.id(name) for name in ("alice", "bob", "lamp", "admin")}
    kii.reset()

    assert {name: kii.id(name) for name in before} == before


def test_a_group_and_its_members(kii: Kii) -> None:
    alice, bob = kii.id("alice"), kii.id("bob")
    body = {"name": "friends", "members": [bob, "nobody"]}

    answer = kii.call("POST", "/groups", "alice", json=body)

    assert answer.status_code == 201
    assert "GroupCreationResponse" in answer.headers["Content-Type"]
    group_id = answer.json()["groupID"]
    assert answer.json()["notFoundUsers"] == ["nobody"]
    group = f"/groups/{group_id}"
    assert answer.headers["Location"].endswith(group)
    assert kii.call("GET", group, "bob").json().items() >= {"name": "friends", "owner": alice}.items()
    members = kii.call("GET", f"{group}/members", "bob").json()["members"]
    assert sorted(each["userID"] for each in members) == sorted([alice, bob])
    assert kii.call("DELETE", f"{group}/members/{bob}", "bob").status_code == 204
    assert kii.call("GET", group, "bob").status_code == 401
    assert kii.call("PUT", f"{group}/members/{bob}", "bob").status_code == 401
    for by in ("alice", "admin"):
        assert kii.call("PUT", f"{group}/members/{bob}", by).status_code == 204
    assert kii.call("DELETE", f"{group}/members/{alice}", "bob").status_code == 401
    assert kii.call("DELETE", f"{group}/members/{bob}", "alice").status_code == 204
    assert_error(kii.call("DELETE", f"{group}/members/{bob}"), 404, "USER_NOT_FOUND")
    assert_error(kii.call("PUT", f"{group}/members/none"), 404, "USER_NOT_FOUND")
    assert_error(kii.call("PUT", "/groups/none/members/none"), 404, "GROUP_NOT_FOUND")


def test_a_group_of_the_admins(kii: Kii) -> None:
    assert kii.call("PUT", "/groups/g-1", json={"name": "g"}).status_code == 201
    assert_error(
        kii.call("PUT", "/groups/g-1", json={"name": "g"}), 409, "GROUP_ALREADY_EXISTS", groupID="g-1"
    )
    owned = kii.call("PUT", "/groups/g-2", json={"name": "g", "owner": kii.id("bob")})
    assert owned.status_code == 201
    assert kii.call("GET", "/groups/g-2", "bob").status_code == 200
    for by in ("admin", "bob"):
        unknown = kii.call("POST", "/groups", by, json={"name": "g", "owner": "none"})
        assert_error(unknown, 404, "USER_NOT_FOUND", "UserNotFoundException", field="userID", value="none")


@pytest.mark.parametrize(
    ("by", "path", "body", "status"),
    [
        ("lamp", "/groups", {"name": "g"}, 401),
        ("anonymous", "/groups", {"name": "g"}, 401),
        ("bob", "/groups", {"name": "g", "owner": "LOGIN_NAME:alice"}, 401),
        ("bob", "/groups", {}, 400),
        ("bob", "/groups", {"name": 1}, 400),
        ("bob", "/groups", {"name": "g", "members": "bob"}, 400),
        ("bob", "/groups", {"name": "g", "members": [1]}, 400),
        ("admin", "/groups", {"name": "g", "owner": 1}, 400),
    ],
)
def test_a_group_that_cannot_be(kii: Kii, by: str, path: str, body: dict[str, Any], status: int) -> None:
    assert kii.call("POST", path, by, json=body).status_code == status


@pytest.mark.parametrize("group_id", ["G", "a%20b", "x" * 31])
def test_a_group_id_that_cannot_be(kii: Kii, group_id: str) -> None:
    assert_error(kii.call("PUT", f"/groups/{group_id}", json={"name": "g"}), 400, "INVALID_INPUT_DATA")


def test_registering_a_thing(kii: Kii) -> None:
    body = {"_vendorThingID": "sensor-1", "_password": "p", "_thingType": "sensor", "place": "hall"}
    content_type = "application/vnd.kii.ThingRegistrationAndAuthorizationRequest+json"

    answer = register(kii, "/things", body, content_type)

    assert answer.status_code == 201
    registered = answer.json()
    assert registered["_thingID"].startswith("th.")
    assert registered["_vendorThingID"] == "sensor-1"
    assert isinstance(registered["_created"], int)
    assert "_password" not in registered
    login = kii.login(grant_type="password", username="VENDOR_THING_ID:sensor-1", password="p")
    assert login.json()["id"] == registered["_thingID"]
    headers = {"Authorization": f"Bearer {registered['_accessToken']}"}
    itself = kii.call("GET", f"/things/{registered['_thingID']}", "nobody", headers=headers).json()
    assert (itself["_thingType"], itself["place"]) == ("sensor", "hall")
    assert kii.call("GET", "/things/VENDOR_THING_ID:sensor-1").json() == itself
    assert_error(register(kii, "/things", body), 409, "THING_ALREADY_EXISTS")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"_password": "p"}, "_vendorThingID"),
        ({"_vendorThingID": "a b", "_password": "p"}, "_vendorThingID"),
        ({"_vendorThingID": "x" * 201, "_password": "p"}, "_vendorThingID"),
        ({"_vendorThingID": "x"}, "_password"),
        ({"_vendorThingID": "x", "_password": "p", "_thingType": 1}, "_thingType"),
    ],
)
def test_a_thing_that_cannot_be(kii: Kii, body: dict[str, Any], field: str) -> None:
    answer = register(kii, "/things", body)

    assert_error(answer, 400, "INVALID_INPUT_DATA")
    assert list(answer.json()["invalidFields"]) == [field]


def test_who_sees_a_thing(kii: Kii) -> None:
    lamp = "/things/VENDOR_THING_ID:lamp"

    assert [kii.call("GET", lamp, by).status_code for by in ("admin", "lamp", "alice")] == [200] * 3
    assert [kii.call("GET", lamp, by).status_code for by in ("bob", "anonymous")] == [401] * 2
    assert_error(kii.call("GET", "/things/none"), 404, "THING_NOT_FOUND", field="thingID")
