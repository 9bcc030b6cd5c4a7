"""Vectors 51 to 74: topics, sends to them, and their ACL."""

from collections.abc import Callable
from typing import Any

from tests.contract.vectors.steps import OK, SUCCESS, Ask, Vector, refused, send, text, vector

SENT = {"pushMessageID": text}
OFF = {"enabled": False}
NOT_FOUND = {"errorCode": "TOPIC_NOT_FOUND"}
SEND_ACL = "P/topics/alerts/acl/SEND_MESSAGE_TO_TOPIC"


def _ids(*expected: str) -> Callable[[Any], bool]:
    return lambda topics: sorted(each["topicID"] for each in topics) == sorted(expected)


def _subjects(subjects: Any) -> bool:
    return isinstance(subjects, list) and all(
        len(each) == 1 and set(each) <= {"userID", "groupID", "thingID"} for each in subjects
    )


VECTORS: tuple[Vector, ...] = (
    vector(51, Ask("PUT P/topics/news", 204, empty=True)),
    vector(
        52,
        Ask("PUT P/topics/news", 204),
        Ask(
            "PUT P/topics/news",
            409,
            {"errorCode": "TOPIC_ALREADY_EXISTS", "topicID": "news", "objectScope": {"type": "APP"}},
        ),
    ),
    vector(
        53,
        Ask(
            "PUT P/topics/x",
            401,
            {"errorCode": "UNAUTHORIZED", "authenticatedPrincipalID": "u-1"},
            by="U1",
        ),
    ),
    vector(
        55,
        Ask("PUT P/users/u-1/topics/todo", 401, {"errorCode": "UNAUTHORIZED"}, by="U2"),
        Ask("PUT P/users/u-1/topics/todo", 204, by="U1", empty=True),
    ),
    vector(56, Ask("PUT P/things/t-1/topics/cmd", 204, by="T1", empty=True)),
    vector(
        58,
        Ask(f"PUT P/topics/{'a' * 64}", 204),
        Ask(f"PUT P/topics/{'a' * 65}", 400, {"errorCode": "INVALID_INPUT_DATA"}),
        Ask("PUT P/topics/a.b", 400, {"errorCode": "INVALID_INPUT_DATA"}),
    ),
    vector(
        59,
        Ask("PUT P/topics/news", 204),
        Ask("HEAD P/topics/news", SUCCESS, empty=True),
        Ask("HEAD P/topics/none", 404, empty=True),
    ),
    vector(60, Ask("GET P/topics/none", 404, NOT_FOUND | {"topicID": "none"})),
    vector(
        61,
        Ask("PUT P/topics/news", 204),
        Ask("GET P/topics", 200, {"topics": _ids("alerts", "news")}),
        Ask("PUT P/topics/third", 204),
        Ask(
            "GET P/topics",
            200,
            {"topics": lambda topics: len(topics) == 2, "paginationKey": text},
            keep={"key": "paginationKey", "first": "topics"},
        ),
        Ask(
            "GET P/topics?paginationKey={key}",
            200,
            {"topics": lambda topics: len(topics) == 1},
            without=("paginationKey",),
        ),
        odd=True,
    ),
    vector(
        63,
        Ask("PUT P/topics/news", 204),
        Ask("DELETE P/topics/news", 204, empty=True),
        Ask("DELETE P/topics/news", 404, NOT_FOUND),
    ),
    vector(64, send(OK, 201, "topics/alerts", body=SENT)),
    vector(66, send(OK, 404, "topics/none", body=NOT_FOUND)),
    vector(68, refused({"mqtt": {"enabled": True}, "data": {"a": "b"}}, "topics/alerts")),
    vector(
        69,
        send(
            {"gcm": OFF, "apns": OFF, "mqtt": {"enabled": True}, "data": {"a": "b"}},
            201,
            "topics/alerts",
            body=SENT,
        ),
    ),
    vector(
        70,
        send(
            {"data": {"a": "b"}} | dict.fromkeys(("gcm", "fcm", "apns", "jpush", "mqtt"), OFF),
            201,
            "topics/alerts",
            body=SENT,
        ),
    ),
    vector(
        73,
        Ask(
            "GET P/topics/alerts/acl",
            200,
            {"SEND_MESSAGE_TO_TOPIC": _subjects, "SUBSCRIBE_TO_TOPIC": _subjects},
        ),
    ),
    vector(
        74,
        send(OK, 401, "topics/alerts", by="U1"),
        Ask(f"PUT {SEND_ACL}/UserID:u-1", SUCCESS),
        send(OK, 201, "topics/alerts", by="U1", body=SENT),
    ),
)
