"""Who is let in, and what every answer looks like (docs/kii-push-api.md §1.2, §1.3 and §9)."""

import base64
import json
import socket
from http.client import HTTPResponse

import httpx
import pytest

from tests.sandbox.kii import APP, OK, Kii, assert_error

SEND = "/users/LOGIN_NAME:bob/push/messages"


def basic(app: str) -> str:
    return "Basic " + base64.b64encode(f"{app}:any".encode()).decode()


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "UNAUTHORIZED"),
        ("Bearer BAD", 403, "WRONG_TOKEN"),
        ("bearer BAD", 403, "WRONG_TOKEN"),
        ("Bearer", 401, "UNAUTHORIZED"),
        ("Digest x", 401, "UNAUTHORIZED"),
        (basic(APP), 401, "UNAUTHORIZED"),
        (basic("other"), 401, "UNAUTHORIZED"),
        ("Basic %%%", 401, "UNAUTHORIZED"),
        ("Basic /w==", 401, "UNAUTHORIZED"),
    ],
)
def test_no_push_call_without_a_valid_token(
    kii: Kii, authorization: str | None, status: int, code: str
) -> None:
    headers = {"Authorization": authorization} if authorization else {}

    for method, path in (("POST", SEND), ("PUT", "/topics/x"), ("GET", "/installations")):
        assert_error(kii.call(method, path, "nobody", headers=headers), status, code)


def test_a_wrong_token_is_named(kii: Kii) -> None:
    answer = kii.call("POST", SEND, "nobody", headers={"Authorization": "Bearer BAD"}, json=OK)

    assert_error(answer, 403, "WRONG_TOKEN", "WrongTokenException", appID=APP, accessToken="BAD")


def test_who_lacks_permission_is_named(kii: Kii) -> None:
    answer = kii.call("PUT", "/topics/x", "alice")

    assert_error(
        answer,
        401,
        "UNAUTHORIZED",
        "UnauthorizedAccessException",
        authenticatedAppID=APP,
        authenticatedPrincipalID=kii.id("alice"),
    )


def test_the_app_key_is_not_checked(kii: Kii) -> None:
    headers = {"X-Kii-AppID": APP, "X-Kii-AppKey": "whatever", "x-kii-sdk": "sn=jp;sv=1"}

    assert kii.call("POST", SEND, json=OK, headers=headers).status_code == 201


def test_an_unknown_app_is_not_found(kii: Kii) -> None:
    headers = {"Authorization": f"Bearer {kii.token('admin')}"}

    answer = kii.http.get("/api/apps/none/topics", headers=headers)

    assert_error(answer, 404, "APP_NOT_FOUND", "AppNotFoundException", appID="none")


def test_the_admin_is_nobodys_me(kii: Kii) -> None:
    assert_error(kii.call("POST", "/users/me/push/messages", json=OK), 401, "UNAUTHORIZED")
    assert_error(kii.call("GET", "/users/me"), 401, "UNAUTHORIZED")


def test_every_answer_repeats_its_status_and_lets_browsers_in(kii: Kii) -> None:
    for answer in (kii.call("GET", "/topics"), kii.call("GET", "/topics/none"), kii.call("PUT", "/topics/a")):
        assert answer.headers["X-HTTP-Status-Code"] == str(answer.status_code)
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
        assert answer.headers["Cache-Control"] == "max-age=0, no-cache, no-store"
        assert answer.headers["Date"]


def test_minimal_headers_on_request(kii: Kii) -> None:
    body = {"deviceType": "ANDROID", "installationRegistrationID": "r"}
    full = kii.call("POST", "/installations", "bob", json=body)

    minimal = kii.call("POST", "/installations", "bob", json=body, headers={"kii-m": "0"})

    assert {"location", "x-http-status-code", "cache-control"} <= full.headers.keys()
    assert minimal.json() == full.json()
    assert minimal.headers.keys() == {"date", "content-type", "content-length"}


def test_a_browsers_preflight_is_granted(kii: Kii) -> None:
    headers = {
        "Origin": "http://example.com",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,x-kii-appid,x-kii-appkey,x-kii-sdk",
    }

    answer = kii.call("OPTIONS", SEND, "nobody", headers=headers)

    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Allow-Headers"] == headers["Access-Control-Request-Headers"]


def test_a_path_or_method_that_kii_does_not_have(kii: Kii) -> None:
    assert_error(kii.call("GET", "/nothing/here"), 404, "RESOURCE_NOT_FOUND")
    assert_error(kii.http.get("/api/nothing"), 404, "RESOURCE_NOT_FOUND")
    wrong = kii.call("PUT", SEND)
    assert_error(wrong, 405, "METHOD_NOT_ALLOWED")
    assert wrong.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        b'{"data":{"a":NaN}}',
        b'{"data":{"a":Infinity}}',
        b'{"data":{"a":1e999}}',
        b'{"data":{"a":"\\ud800 alone, and long enough to be read on"}}',
        b"[" * 100_000,
        b'{"data":' * 50_000,
        b"\xef\xbb\xbf{}",
        b"{} {}",
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", SEND), ("POST", "/installations"), ("POST", "/buckets/bb/objects"), ("POST", "/groups")],
)
def test_a_body_that_is_not_json_is_refused(kii: Kii, method: str, path: str, body: bytes) -> None:
    assert_error(kii.call(method, path, content=body), 400, "INVALID_JSON")


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "null", "true"])
@pytest.mark.parametrize(
    "path", [SEND, "/installations", "/buckets/bb/objects", "/users", "/things", "/groups"]
)
def test_json_that_is_no_object_is_refused(kii: Kii, path: str, body: str) -> None:
    assert_error(kii.call("POST", path, content=body), 400, "INVALID_INPUT_DATA")


@pytest.mark.parametrize("depth", [500, 1_500, 5_000, 50_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":[', "]}")])
@pytest.mark.parametrize("path", ["/buckets/bb/objects", "/users", "/things", "/groups", SEND])
def test_json_nested_deeply_does_no_harm(kii: Kii, path: str, opening: str, closing: str, depth: int) -> None:
    kii.install("bob")
    nested = opening * depth + closing * depth
    message = (
        f'"gcm":{{"enabled":false}},"apns":{{"enabled":false}},"fcm":{{"enabled":true,"other":{nested}}}'
    )
    body = f'{{"loginName":"u","password":"p","_vendorThingID":"v","_password":"p","name":"n",{message}}}'

    answer = kii.call("POST", path, content=body)

    assert answer.status_code in (201, 400)
    assert answer.status_code == 201 or answer.json()["errorCode"] in ("INVALID_JSON", "INVALID_INPUT_DATA")


def test_a_number_without_end_does_no_harm(kii: Kii) -> None:
    answer = kii.call("POST", SEND, content=b'{"data":{"a":' + b"9" * 5000 + b'},"gcm":{"enabled":false}}')

    assert answer.status_code == 400


@pytest.mark.parametrize("size", [1_100_000, 10_000_000])
def test_a_body_that_is_far_too_large(kii: Kii, size: int) -> None:
    body = json.dumps({**OK, "data": {"a": "x" * size}}).encode()

    for content in (body, iter((body, b""))):
        answer = kii.call("POST", SEND, content=content)
        assert_error(answer, 400, "INVALID_INPUT_DATA", "InvalidInputDataException")
        assert answer.json()["invalidFields"].keys() == {"body"}


@pytest.mark.parametrize("sent", [b"", b"half"])
def test_half_a_request_does_nothing(kii: Kii, sent: bytes) -> None:
    url, head = httpx.URL(kii.origin), f"PUT /api/apps/{APP}/topics/t HTTP/1.1\r\nHost: localhost\r\n"
    head += f"Authorization: Bearer {kii.token('admin')}\r\nContent-Length: 100\r\n\r\n"
    with socket.create_connection((url.host, url.port or 0), timeout=5) as raw:
        raw.sendall(head.encode() + sent)
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1000) == b""

    assert kii.call("GET", "/topics").json() == {"topics": []}


@pytest.mark.parametrize("method", ["HEAD", "GET", "OPTIONS", "ANY"])
def test_a_post_cannot_pass_for_any_method(kii: Kii, method: str) -> None:
    answer = kii.call("POST", "/topics", headers={"X-HTTP-Method-Override": method})

    assert_error(answer, 405, "METHOD_NOT_ALLOWED")


def test_an_encoded_slash_does_not_split_a_path(kii: Kii) -> None:
    answer = kii.call("GET", "/users/EMAIL:b%2Fb%40example.com/topics/t")

    assert_error(
        answer, 404, "USER_NOT_FOUND", "UserNotFoundException", field="emailAddress", value="b/b@example.com"
    )


def test_a_path_that_is_not_utf_8_is_refused(kii: Kii) -> None:
    assert_error(kii.call("GET", "/users/%FF%FE"), 400, "INVALID_INPUT_DATA")


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01 this is not HTTP\r\n\r\n",
        b"GET /api/apps/\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/oauth2/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/oauth2/token HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_a_request_that_is_not_http_is_refused_in_kiis_shape(kii: Kii, request_: bytes) -> None:
    url = httpx.URL(kii.origin)
    with socket.create_connection((url.host, url.port or 0), timeout=5) as raw:
        raw.sendall(request_)
        answer = HTTPResponse(raw)
        answer.begin()
        assert answer.status == 400
        assert answer.headers["Content-Type"].startswith("application/vnd.kii.InvalidInputDataException+json")
        assert json.loads(answer.read())["errorCode"] == "INVALID_INPUT_DATA"

    assert kii.call("GET", "/topics").status_code == 200


def test_no_body_on_head(kii: Kii) -> None:
    answer = kii.call("HEAD", "/topics/none")

    assert answer.status_code == 404
    assert answer.content == b""
