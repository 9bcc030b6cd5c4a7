"""The other side of each switch: where Kii's sources disagree, or an app's owner decides."""

from collections.abc import Iterator

import pytest

from tests.sandbox.kii import APP, CLIENT, Kii, assert_error, sandbox

SWITCHED = {
    "messageRules": "strict-old",
    "unsubscribeStatus": "200",
    "bucketAutoCreate": "false",
    "bucketSubscribedStatus": "404",
    "anonymousInTopicAcl": "accept",
    "apnsLimitBytes": "4096",
    "aclChangeStatus": "200",
    "installationDeleteStatus": "200",
    "reinstall": "conflict",
    "mqttReinstallStatus": "200",
    "refreshTokens": "false",
    "nonExpiringExpiresIn": "9223372036854775",
    "maxLoginAttempts": "3",
    "loginLockPeriodSeconds": "60",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    arguments = [part for name, value in SWITCHED.items() for part in ("--policy", f"{name}={value}")]
    with sandbox(tmp_path_factory.mktemp("switched"), *arguments) as origin:
        yield origin


def test_the_old_topic_page_wants_every_network_block(kii: Kii) -> None:
    kii.call("PUT", "/topics/t")
    flags = {"gcm": {"enabled": True}, "apns": {"enabled": False}}

    for body, status in ((flags, 400), (flags | {"jpush": {}, "mqtt": {}}, 201)):
        answer = kii.call("POST", "/topics/t/push/messages", json={"data": {"a": "b"}, **body})
        assert answer.status_code == status
    direct = kii.call("POST", "/users/LOGIN_NAME:bob/push/messages", json={"data": {"a": "b"}, **flags})
    assert direct.status_code == 201


def test_subscriptions(kii: Kii) -> None:
    kii.call("PUT", "/topics/t")
    kii.call("POST", "/topics/t/push/subscriptions/users", "bob")
    assert kii.call("DELETE", "/topics/t/push/subscriptions/users/me", "bob").status_code == 200
    bucket = "/buckets/box/filters/all/push/subscriptions/users"
    assert_error(kii.call("POST", bucket, "bob"), 404, "FILTER_NOT_FOUND")
    kii.call("POST", "/buckets/box/objects", "bob", json={})
    assert kii.call("POST", bucket, "bob").status_code == 204
    assert_error(kii.call("POST", bucket, "bob"), 404, "PUSH_SUBSCRIPTION_ALREADY_EXISTS")


def test_acl_entries(kii: Kii) -> None:
    kii.call("PUT", "/topics/t")
    entry = "/topics/t/acl/SEND_MESSAGE_TO_TOPIC/UserID:ANONYMOUS_USER"

    assert kii.call("PUT", entry).status_code == 200
    assert kii.call("DELETE", entry).status_code == 200


def test_installations(kii: Kii) -> None:
    installation_id = kii.install("bob", installationRegistrationID="tok1")
    body = {"deviceType": "ANDROID", "installationRegistrationID": "tok1"}
    again = kii.call("POST", "/installations", "bob", json=body)
    assert_error(again, 409, "INSTALLATION_ALREADY_EXISTS", installationID=installation_id)
    assert kii.call("DELETE", f"/installations/{installation_id}", "bob").status_code == 200
    kii.install("bob", "MQTT")
    assert kii.call("POST", "/installations", "bob", json={"deviceType": "MQTT"}).status_code == 200


def test_the_guides_limit_on_apns_payloads(kii: Kii) -> None:
    kii.install("bob", "IOS")
    flags = {"gcm": {"enabled": False}, "apns": {"enabled": True}}

    for size, status in ((4096, 201), (4097, 400)):
        body = {"data": {"a": "x" * (size - len('{"aps":{},"a":""}'))}, **flags}
        assert kii.send(body).status_code == status
    assert [each["payload"].keys() for each in kii.deliveries()] == [{"aps", "a"}]


def test_tokens(kii: Kii) -> None:
    body = kii.login(grant_type="client_credentials", **CLIENT).json()

    assert body["expires_in"] == 9223372036854775
    assert "refresh_token" not in body
    answer = kii.login(grant_type="refresh_token", refresh_token="x")
    assert_error(answer, 403, "WRONG_REFRESH_TOKEN")


def test_a_login_is_locked_after_too_many_attempts(kii: Kii) -> None:
    def login(password: str, username: str = "bob") -> tuple[int, str]:
        answer = kii.login(grant_type="password", username=username, password=password)
        return answer.status_code, answer.json().get("error_description", "")

    assert login("wrong") == login("wrong")
    assert login("password")[0] == 200  # which forgets the wrong ones
    for _ in range(3):
        status, description = login("wrong")
        assert (status, "locked" in description) == (400, False)
    assert login("password") == (400, "The login name is locked")
    assert login("password", "alice")[0] == 200
    kii.control("PUT", "/clock", json={"offsetMs": 61_000})
    assert login("password")[0] == 200


def test_a_lock_that_has_ended_counts_anew(kii: Kii) -> None:
    for attempt in range(1, 7):
        answer = kii.login(grant_type="password", username="VENDOR_THING_ID:lamp", password="wrong")
        assert "locked" not in answer.json()["error_description"], attempt
        if attempt == 3:
            kii.control("PUT", "/clock", json={"offsetMs": 61_000})

    locked = kii.login(grant_type="password", username="VENDOR_THING_ID:lamp", password="password")
    assert_error(locked, 400, "invalid_grant")


def test_a_token_of_another_app_as_a_wrong_one(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("apps")
    seed = folder / "seed.json"
    apps = ",".join(
        f'{{"appID":"{name}","clientID":"{name}c","clientSecret":"s"}}' for name in (APP, "other")
    )
    seed.write_text(f'{{"apps":[{apps}],"policy":{{"foreignTokenStatus":403}}}}')
    with sandbox(folder, "--seed", seed) as origin, Kii(origin) as kii:
        client = {"client_id": f"{APP}c", "client_secret": "s"}
        token = kii.login(grant_type="client_credentials", **client).json()["access_token"]
        answer = kii.http.get("/api/apps/other/topics", headers={"Authorization": f"Bearer {token}"})

    assert_error(answer, 403, "WRONG_TOKEN", appID="other", accessToken=token)
