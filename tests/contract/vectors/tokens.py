"""Vectors 1 to 16: tokens and authentication."""

import time

from kii_push.errors import TooManyRequests
from tests.contract.demo import CLIENT, PASSWORD
from tests.contract.vectors.steps import (
    BASIC,
    CT,
    HEADERS,
    OK,
    Ask,
    Client,
    Fault,
    Vector,
    number,
    send,
    text,
    vector,
)

GRANTED = {"access_token": text, "token_type": text, "expires_in": number, "id": text}
TOKEN = "POST /api/oauth2/token"
ALICE = {"username": "alice", "password": PASSWORD}
WRONG_TOKEN = {"errorCode": "WRONG_TOKEN", "appID": "demoapp1"}


def _in_a_minute() -> dict[str, object]:
    return CLIENT | {"expiresAt": int(time.time() * 1000) + 60_000}


VECTORS: tuple[Vector, ...] = (
    vector(1, Ask(TOKEN, 200, GRANTED, by=None, json=CLIENT, headers=HEADERS)),
    vector(
        2,
        Ask(
            TOKEN,
            200,
            GRANTED,
            by=None,
            json=CLIENT,
            content_type="application/vnd.kii.OauthTokenRequest+json",
            headers=HEADERS,
        ),
    ),
    vector(
        3,
        Ask(
            "POST P/oauth2/token",
            200,
            GRANTED,
            by=None,
            form=CLIENT | {"grant_type": "client_credentials"},
            headers=BASIC,
        ),
    ),
    vector(
        4,
        Ask(
            "POST P/oauth2/token",
            200,
            GRANTED,
            by=None,
            json=CLIENT | {"grant_type": "client_credentials"},
            headers=BASIC,
        ),
    ),
    vector(
        5,
        Ask(
            TOKEN,
            400,
            {"errorCode": text, "error_description": text},
            by=None,
            json=CLIENT | {"client_secret": "wrong"},
            headers=HEADERS,
        ),
    ),
    vector(
        6,
        Ask(
            TOKEN,
            400,
            {"errorCode": "invalid_grant", "error_description": text},
            by=None,
            json={"grant_type": "password"} | ALICE | {"password": "wrong"},
            headers=HEADERS,
        ),
    ),
    vector(
        7,
        Ask(
            TOKEN,
            200,
            {"id": "t-1", "access_token": text},
            by=None,
            json={"grant_type": "password", "username": "VENDOR_THING_ID:x", "password": PASSWORD},
            headers=HEADERS,
        ),
    ),
    vector(
        8,
        Ask(
            TOKEN,
            200,
            {"expires_in": lambda seconds: 50 <= seconds <= 60},
            by=None,
            json=_in_a_minute,
            headers=HEADERS,
        ),
    ),
    vector(
        10,
        Ask(
            TOKEN,
            200,
            GRANTED,
            by=None,
            json=ALICE,
            headers=HEADERS,
            keep={"old": "access_token", "refresh": "refresh_token"},
        ),
        Ask("GET P/users/me", 200, by=None, headers={"Authorization": "Bearer {old}"}),
        Ask(
            TOKEN,
            200,
            GRANTED,
            by=None,
            json={"grant_type": "refresh_token", "refresh_token": "{refresh}"},
            headers=HEADERS,
            keep={"new": "access_token"},
        ),
        Ask("GET P/users/me", 200, by=None, headers={"Authorization": "Bearer {new}"}),
        Ask("GET P/users/me", 403, by=None, headers={"Authorization": "Bearer {old}"}),
    ),
    vector(
        11,
        Ask(
            TOKEN,
            403,
            {"errorCode": "WRONG_REFRESH_TOKEN"},
            by=None,
            json={"grant_type": "refresh_token", "refresh_token": "wrong"},
            headers=HEADERS,
        ),
    ),
    vector(
        12,
        send(OK, 403, body=WRONG_TOKEN, by="BAD"),
        send(OK, 403, "topics/alerts", body=WRONG_TOKEN, by="BAD"),
        Ask("GET P/topics", 403, WRONG_TOKEN, by="BAD"),
        Ask("PUT P/topics/alerts/push/subscriptions/users/u-1", 403, WRONG_TOKEN, by="BAD"),
        Ask("GET P/installations", 403, WRONG_TOKEN, by="BAD"),
    ),
    vector(
        13,
        send(OK, 401, body={"errorCode": text}, by=None),
        send(OK, 401, "topics/alerts", body={"errorCode": text}, by=None),
        Ask("GET P/topics", 401, {"errorCode": text}, by=None),
        Ask("PUT P/topics/alerts/push/subscriptions/users/u-1", 401, {"errorCode": text}, by=None),
        Ask("GET P/installations", 401, {"errorCode": text}, by=None),
    ),
    vector(15, send(OK, 201, body={"pushMessageID": text}, headers={"X-Kii-AppKey": "whatever"})),
    vector(
        16,
        Fault({"match": {"path": "*/push/messages"}, "status": 429}),
        Ask("POST P/users/u-2/push/messages", 429, json=OK, content_type=CT, empty=True),
        Client(lambda kii: kii.send_to_user("u-2", OK), TooManyRequests, requests=1),
    ),
)
