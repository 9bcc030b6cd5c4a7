"""direct_push and topic_push, built, under Lambda's own runtime."""

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from local.deploy import aws_session
from local.events import example_event
from local.settings import CLIENT_SECRET
from tests.functions.answers import problem

if TYPE_CHECKING:
    from local.device import Device
    from local.workbench import Workbench
    from tests.functions.conftest import MakeSecret, Run
    from tests.support import Sandbox

MESSAGE = {"data": {"n": "1"}, "mqtt": {"enabled": True}}
# The beginning of a path: as it is called, as the gateway knows it, and what its parameters then are.
SCOPES: dict[str, tuple[str, dict[str, str]]] = {
    "": ("", {}),
    "/groups/team": ("/groups/{groupID}", {"groupID": "team"}),
    "/users/LOGIN_NAME:bob": ("/users/{userID}", {"userID": "LOGIN_NAME:bob"}),
    "/things/VENDOR_THING_ID:lamp": ("/things/{thingID}", {"thingID": "VENDOR_THING_ID:lamp"}),
}


def with_body(name: str, body: str) -> dict[str, Any]:
    """Return the function's example event with another body, and so another push."""
    return example_event(name, headers={"Idempotency-Key": str(uuid4())}, body=body)


def token(servers: "Workbench") -> str:
    """Return the token that the functions share."""
    client = aws_session().client("secretsmanager", endpoint_url=servers.endpoint)
    name = servers.function_variables("DirectPushFunction")["KII_TOKEN_SECRET_ID"]
    return str(json.loads(client.get_secret_value(SecretId=name)["SecretString"])["value"])


def test_direct_push_reaches_the_device(run: "Run", device: "Device", sandbox: "Sandbox") -> None:
    answer = run("direct_push").invoke(example_event("direct_push"))

    assert answer["statusCode"] == 201
    body = json.loads(answer["body"])
    assert body["id"] == "order-42-shipped"
    assert device.wait_for(order="42")
    assert [each["pushMessageID"] for each in sandbox.deliveries()] == [body["pushMessageID"]]


@pytest.mark.parametrize("scope", SCOPES)
def test_topic_push_reaches_the_subscribers_device_in_every_scope(
    run: "Run", device: "Device", sandbox: "Sandbox", scope: str
) -> None:
    sandbox.subscribe(scope, "news", device.user_id)
    prefix, named = SCOPES[scope]
    event = example_event(
        "topic_push",
        resource=f"{prefix}/topics/{{topicID}}/push/messages",
        pathParameters={"topicID": "news", **named},
        queryStringParameters={} if scope else {"confirm": "true"},
    )

    answer = run("topic_push").invoke(event)

    assert answer["statusCode"] == 201
    received = device.wait_for(n=1)
    assert received
    assert received.payload["topic"] == "news"


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ('{"message": ', "", "not valid JSON"),
        (json.dumps({"message": MESSAGE, "colour": "red"}), "colour", "not a known field"),
        (json.dumps({"message": MESSAGE, "notAfter": 5}), "notAfter", "Expected"),
        (json.dumps({"message": {**MESSAGE, "sendWhen": "yes"}}), "message.sendWhen", "Expected"),
        (json.dumps({"message": {**MESSAGE, "data": {"a": {"b": 1}}}}), "message.data.a", ""),
    ],
    ids=["malformed JSON", "unknown field", "wrong type", "wrong type in the message", "broken Kii rule"],
)
def test_a_bad_request_is_refused_with_the_field_and_never_reaches_kii(
    run: "Run", sandbox: "Sandbox", body: str, field: str, reason: str
) -> None:
    answer = run("direct_push").invoke(with_body("direct_push", body))

    [error] = problem(answer, 400)["errors"]
    assert error["field"] == field
    assert reason in error["reason"]
    assert sandbox.deliveries() == []


def test_an_unknown_user_is_kiis_own_404(run: "Run") -> None:
    event = example_event("direct_push", pathParameters={"userID": "LOGIN_NAME:nobody"})

    answer = run("direct_push").invoke(event)

    assert problem(answer, 404)["errorCode"] == "USER_NOT_FOUND"


def test_kii_unreachable_is_503_with_retry_after(run: "Run", unreachable_kii: str) -> None:
    function = run("direct_push", KII_SECRET_ID=unreachable_kii)

    answer = function.invoke(example_event("direct_push"))

    assert problem(answer, 503)["outcome"] == "not_sent"
    assert int(answer["headers"]["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('{"appID": "a", "clientID": "c", "baseURL": "http://x/api"}', "'clientSecret'"),
        ('{"appID": "a", "clientID": "c", "clientSecret": "hush-hush"}', "'baseURL'"),
        ('{"appID": "a", "clientSecret": "hush-hush', "not JSON"),
        ('["hush-hush"]', "not a JSON object"),
    ],
    ids=["key missing", "address missing", "not JSON", "not an object"],
)
def test_an_unusable_secret_is_named_in_the_log_with_what_is_wrong_but_never_its_value(
    run: "Run", make_secret: "MakeSecret", content: str, named: str
) -> None:
    name = make_secret(content)
    function = run("direct_push", KII_SECRET_ID=name)

    answer = function.invoke(example_event("direct_push"))

    text = json.dumps(problem(answer, 503))
    log = function.log.read_text()
    assert name in log
    assert named in log
    assert name not in text
    assert named not in text
    assert "hush-hush" not in text + log


def test_a_missing_secret_is_named_in_the_log_and_not_to_callers(run: "Run") -> None:
    function = run("direct_push", KII_SECRET_ID="no-such-secret")

    answer = function.invoke(example_event("direct_push"))

    assert "no-such-secret" not in json.dumps(problem(answer, 503))
    assert "the secret no-such-secret refused: ResourceNotFoundException" in function.log.read_text()


def test_environments_share_their_token(run: "Run", servers: "Workbench", sandbox: "Sandbox") -> None:
    def sent() -> bool:
        event = with_body("direct_push", json.dumps(MESSAGE))
        return bool(run("direct_push").invoke(event)["statusCode"] == 201)

    assert sent()
    before, first = sandbox.logins(), token(servers)
    assert sent()
    assert (sandbox.logins(), token(servers)) == (before, first)

    # The sandbox knows no token any more, as after a revocation.
    sandbox.reset()
    before = sandbox.logins()
    assert sent()
    assert sent()
    assert sandbox.logins() == before + 1
    assert token(servers) != first


def test_neither_tokens_nor_message_text_reach_the_log(
    run: "Run", servers: "Workbench", device: "Device"
) -> None:
    function = run("direct_push")
    text = "a text for bob alone"

    sent = function.invoke(with_body("direct_push", json.dumps({**MESSAGE, "data": {"text": text}})))
    refused = function.invoke(with_body("direct_push", json.dumps({**MESSAGE, "data": {"text": [text]}})))

    assert (sent["statusCode"], refused["statusCode"]) == (201, 400)
    assert device.wait_for(text=text)
    log = function.log.read_text()
    assert "outcome" in log
    assert text not in log
    assert CLIENT_SECRET not in log
    assert "Bearer" not in log
    assert token(servers) not in log
