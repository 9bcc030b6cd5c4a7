"""Tokens, their grants and failures (docs/kii-push-api.md §2)."""

import base64
import time

import pytest

from tests.sandbox.kii import APP, CLIENT, Kii, assert_error

ADMIN = {"grant_type": "client_credentials", **CLIENT}
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{APP}:any".encode()).decode()}
KII_HEADERS = {"X-Kii-AppID": APP, "X-Kii-AppKey": "any"}


@pytest.mark.parametrize("headers", [{}, BASIC, KII_HEADERS])
@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.kii.OauthTokenRequest+json"])
def test_the_admin_gets_a_token_without_naming_the_grant(
    kii: Kii, headers: dict[str, str], content_type: str
) -> None:
    answer = kii.http.post(
        "/api/oauth2/token", json=CLIENT, headers={**headers, "Content-Type": content_type}
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    assert body["token_type"] == "bearer"
    assert body["expires_in"] == 2147483647
    assert body["id"]
    users = kii.http.get(
        f"/api/apps/{APP}/topics", headers={"Authorization": f"bEaReR {body['access_token']}"}
    )
    assert users.status_code == 200


@pytest.mark.parametrize("form", [True, False])
def test_the_apps_own_endpoint_takes_forms_and_json(kii: Kii, *, form: bool) -> None:
    path = f"/api/apps/{APP}/oauth2/token"
    post = kii.http.post
    answer = post(path, headers=BASIC, data=ADMIN) if form else post(path, headers=BASIC, json=ADMIN)

    assert answer.status_code == 200
    assert answer.json()["access_token"]


def test_app_id_and_key_give_an_anonymous_token(kii: Kii) -> None:
    answer = kii.login(grant_type="client_credentials", client_id=APP, client_secret="whatever")

    assert answer.status_code == 200
    assert "id" not in answer.json()
    assert_error(kii.call("GET", "/topics", by="anonymous"), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(
    "username",
    [
        "bob",
        "bob@example.com",
        "BOB@example.com",
        "EMAIL:bob@example.com",
        "LOGIN_NAME:bob",
        "+819000000002",
        "PHONE:+819000000002",
    ],
)
def test_a_user_logs_in_by_every_identifier(kii: Kii, username: str) -> None:
    answer = kii.login(grant_type="password", username=username, password="password")

    assert answer.status_code == 200
    assert answer.json()["id"] == kii.id("bob")


def test_a_user_logs_in_at_the_endpoint_without_an_app(kii: Kii) -> None:
    fields = {"username": "bob", "password": "password"}

    answer = kii.http.post("/api/oauth2/token", json=fields, headers=KII_HEADERS)

    assert answer.json()["id"] == kii.id("bob")


def test_a_local_phone_number_is_found_by_its_country(kii: Kii) -> None:
    user = {"phoneNumber": "09011112222", "country": "JP", "password": "password"}
    registered = kii.call("POST", "/users", "nobody", json=user, headers=KII_HEADERS).json()

    answer = kii.login(grant_type="password", username="PHONE:JP-09011112222", password="password")

    assert answer.json()["id"] == registered["userID"]


def test_a_thing_logs_in_by_its_vendor_id(kii: Kii) -> None:
    answer = kii.login(grant_type="password", username="VENDOR_THING_ID:lamp", password="password")

    assert answer.status_code == 200
    assert answer.json()["id"].startswith("th.")


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({**ADMIN, "client_secret": "wrong"}, "invalid_client"),
        ({**ADMIN, "client_id": "nobody"}, "invalid_client"),
        ({"grant_type": "password", "username": "bob", "password": "wrong"}, "invalid_grant"),
        ({"grant_type": "password", "username": "nobody", "password": "password"}, "invalid_grant"),
        (
            {"grant_type": "password", "username": "VENDOR_THING_ID:lamp", "password": "wrong"},
            "invalid_grant",
        ),
        ({"grant_type": "authorization_code", "code": "c", "redirect_uri": "u"}, "invalid_grant"),
        ({"grant_type": "password", "username": "bob"}, "invalid_request"),
        ({**ADMIN, "client_id": 1}, "invalid_request"),
        (CLIENT, "invalid_request"),
        ({"grant_type": "mfa"}, "unsupported_grant_type"),
        ({}, "invalid_request"),
    ],
)
def test_a_refused_login_answers_in_oauths_words_too(kii: Kii, fields: dict[str, str], code: str) -> None:
    answer = kii.login(**fields)

    assert_error(answer, 400, code)
    assert answer.json()["error"] == code
    assert answer.json()["error_description"]


def test_a_token_request_that_names_no_app_is_unauthorized(kii: Kii) -> None:
    answer = kii.http.post("/api/oauth2/token", json={"username": "bob", "password": "password"})

    assert_error(answer, 401, "UNAUTHORIZED")


def test_a_token_request_for_an_unknown_app_finds_none(kii: Kii) -> None:
    assert_error(
        kii.http.post("/api/apps/none/oauth2/token", json=CLIENT), 404, "APP_NOT_FOUND", appID="none"
    )
    headers = {"X-Kii-AppID": "none"}
    assert_error(kii.http.post("/api/oauth2/token", json=CLIENT, headers=headers), 404, "APP_NOT_FOUND")


def test_a_token_expires_when_asked_to(kii: Kii) -> None:
    expires_at = int(time.time() * 1000) + 60_000
    body = kii.login(grant_type="password", username="bob", password="password", expiresAt=expires_at).json()
    assert 58 <= body["expires_in"] <= 60
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    assert kii.http.get(f"/api/apps/{APP}/users/me", headers=headers).status_code == 200

    kii.control("PUT", "/clock", json={"offsetMs": 61_000})

    answer = kii.http.get(f"/api/apps/{APP}/users/me", headers=headers)
    assert_error(answer, 403, "WRONG_TOKEN", appID=APP, accessToken=body["access_token"])
    kii.control("PUT", "/clock", json={"offsetMs": 0})
    assert kii.http.get(f"/api/apps/{APP}/users/me", headers=headers).status_code == 200


def test_a_far_expiry_is_clamped(kii: Kii) -> None:
    assert kii.login(**ADMIN, expiresAt=2**53).json()["expires_in"] == 2147483647


@pytest.mark.parametrize("expires_at", [0, 1, -1, "soon", 1.5, True, 2**60, 10**400])
def test_an_expiry_that_is_no_future_time_is_invalid(kii: Kii, expires_at: object) -> None:
    assert_error(kii.login(**ADMIN, expiresAt=expires_at), 400, "INVALID_INPUT_DATA")


def test_refreshing_ends_the_old_token_and_the_old_refresh_token(kii: Kii) -> None:
    old = kii.login(grant_type="password", username="bob", password="password").json()

    answer = kii.login(grant_type="refresh_token", refresh_token=old["refresh_token"])

    assert answer.status_code == 200
    new = answer.json()
    assert new["id"] == old["id"]
    me = f"/api/apps/{APP}/users/me"
    assert kii.http.get(me, headers={"Authorization": f"Bearer {new['access_token']}"}).status_code == 200
    refused = kii.http.get(me, headers={"Authorization": f"Bearer {old['access_token']}"})
    assert_error(refused, 403, "WRONG_TOKEN")
    again = kii.login(grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert_error(again, 403, "WRONG_REFRESH_TOKEN", "WrongRefreshTokenException")


def test_an_unknown_refresh_token_is_refused(kii: Kii) -> None:
    assert_error(kii.login(grant_type="refresh_token", refresh_token="x"), 403, "WRONG_REFRESH_TOKEN")
