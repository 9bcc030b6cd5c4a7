"""Vectors 77 to 88: subscriptions of topics and buckets, and Push to App."""

from tests.contract.vectors.steps import Ask, Connect, Receives, Vector, text, vector

ALERTS = "P/topics/alerts/push/subscriptions/users"
BUCKET = "P/buckets/b1/filters/all/push/subscriptions"
EXISTS = {"errorCode": "PUSH_SUBSCRIPTION_ALREADY_EXISTS"}
CHANGED = {"type": "DATA_OBJECT_CREATED", "origin": "EVENT", "bucketID": "b1", "objectID": text}

VECTORS: tuple[Vector, ...] = (
    vector(
        77,
        Ask(f"PUT {ALERTS}/u-1", 204, by="U1", empty=True),
        Ask(f"PUT {ALERTS}/u-1", 409, EXISTS | {"subject": bool}, by="U1"),
    ),
    vector(78, Ask(f"POST {ALERTS}", 204, by="U1", empty=True)),
    vector(79, Ask(f"POST {ALERTS}", range(400, 500), {"errorCode": text})),
    vector(
        81,
        Ask("PUT P/topics/none/push/subscriptions/users/u-1", 404, {"errorCode": "TOPIC_NOT_FOUND"}),
    ),
    vector(
        82,
        Ask(f"PUT {ALERTS}/u-1", 204),
        Ask(f"GET {ALERTS}/u-1", 204, empty=True),
        Ask(f"GET {ALERTS}/u-2", 404, {"errorCode": "PUSH_SUBSCRIPTION_NOT_FOUND"}),
    ),
    vector(
        84,
        Ask("PUT P/things/t-1/topics/cmd", 204, by="T1"),
        Ask("PUT P/things/t-1/topics/cmd/push/subscriptions/things/t-1", 204, by="T1", empty=True),
    ),
    vector(
        85,
        Ask(f"PUT {BUCKET}/users/u-1", 204, by="U1", empty=True),
        Ask(f"PUT {BUCKET}/users/u-1", 409, EXISTS, by="U1"),
    ),
    vector(
        87,
        Ask(f"PUT {BUCKET}/users/u-1", 204, by="U1"),
        Ask(f"DELETE {BUCKET}/users/u-1", 204, by="U1", empty=True),
        Ask(f"DELETE {BUCKET}/users/u-1", 404, {"errorCode": "PUSH_SUBSCRIPTION_NOT_FOUND"}, by="U1"),
    ),
    vector(
        88,
        Connect("U1"),
        Connect("T1"),
        Ask(f"PUT {BUCKET}/users/u-1", 204),
        Ask(f"PUT {BUCKET}/things/t-1", 204),
        Ask("POST P/buckets/b1/objects", 201, {"objectID": text}, json={"a": 1}),
        Receives("U1", CHANGED),
        Receives("T1", CHANGED),
    ),
)
