"""topics, subscriptions, installations, bucket_push and openapi, built, under Lambda's own runtime."""

import json
from typing import TYPE_CHECKING, Any

import pytest

from local.events import example_event as event
from local.settings import ROOT
from tests.functions.answers import problem

if TYPE_CHECKING:
    from local.device import Device
    from tests.functions.conftest import Run
    from tests.support import Sandbox

TOKEN = "a-device-token"


def test_a_topic_is_created_found_and_deleted(run: "Run", sandbox: "Sandbox") -> None:
    topics = run("topics")

    created = topics.invoke(event("topics"))
    again = topics.invoke(event("topics"))
    listed = topics.invoke(
        event(
            "topics",
            httpMethod="GET",
            resource="/groups/{groupID}/topics",
            pathParameters={"groupID": "team"},
        )
    )
    found = topics.invoke(event("topics", httpMethod="HEAD"))
    deleted = topics.invoke(event("topics", httpMethod="DELETE"))
    missing = topics.invoke(event("topics", httpMethod="GET"))

    assert [each["statusCode"] for each in (created, found, deleted)] == [204, 204, 204]
    assert problem(again, 409)["errorCode"] == "TOPIC_ALREADY_EXISTS"
    assert json.loads(listed["body"]) == {"topics": [{"topicID": "news"}]}
    assert problem(missing, 404)["errorCode"] == "TOPIC_NOT_FOUND"
    assert sandbox.calls()[0] == "PUT /groups/team/topics/news"


def test_a_permission_is_granted_seen_and_revoked(run: "Run", sandbox: "Sandbox") -> None:
    topics = run("topics")
    topics.invoke(event("topics"))
    acl = "/groups/{groupID}/topics/{topicID}/acl"
    verb = {"groupID": "team", "topicID": "news", "verb": "SEND_MESSAGE_TO_TOPIC"}
    one = {**verb, "subject": f"UserID:{sandbox.user_id('alice')}"}

    def invoke(method: str, resource: str, parameters: dict[str, str]) -> Any:
        return topics.invoke(event("topics", httpMethod=method, resource=resource, pathParameters=parameters))

    missing = invoke("GET", f"{acl}/{{verb}}/{{subject}}", one)
    granted = invoke("PUT", f"{acl}/{{verb}}/{{subject}}", one)
    found = invoke("GET", f"{acl}/{{verb}}/{{subject}}", one)
    several = invoke("GET", f"{acl}/{{verb}}", verb)
    everything = invoke("GET", acl, {"groupID": "team", "topicID": "news"})
    revoked = invoke("DELETE", f"{acl}/{{verb}}/{{subject}}", one)

    alice = {"userID": sandbox.user_id("alice")}
    assert problem(missing, 404)["errorCode"] == "ACL_NOT_FOUND"
    assert [each["statusCode"] for each in (granted, revoked)] == [204, 204]
    assert json.loads(found["body"]) == alice
    assert alice in json.loads(several["body"])
    assert alice in json.loads(everything["body"])["SEND_MESSAGE_TO_TOPIC"]


@pytest.mark.parametrize("collection", ["topics", "buckets"])
def test_a_subscription_is_made_found_and_ended(run: "Run", sandbox: "Sandbox", collection: str) -> None:
    if collection == "topics":
        run("topics").invoke(event("topics"))
    subscriptions = run("subscriptions")
    name = {"topics": "topicID", "buckets": "bucketID"}[collection]
    asked = event(
        "subscriptions",
        resource=f"/groups/{{groupID}}/{collection}/{{{name}}}/push/subscriptions/users/{{subscriberID}}",
        pathParameters={"groupID": "team", name: "news", "subscriberID": sandbox.user_id("bob")},
    )

    ends = [
        subscriptions.invoke({**asked, "httpMethod": method})
        for method in ("GET", "PUT", "PUT", "GET", "DELETE", "GET")
    ]

    assert [each["statusCode"] for each in ends] == [404, 204, 409, 204, 204, 404]
    assert problem(ends[0], 404)["errorCode"] == "PUSH_SUBSCRIPTION_NOT_FOUND"


def test_a_device_is_installed_listed_looked_up_and_removed(run: "Run", sandbox: "Sandbox") -> None:
    installations = run("installations")
    bob = sandbox.user_id("bob")
    one, name = "/installations/{installationID}", {"installationID": f"ANDROID:{TOKEN}"}

    installed = installations.invoke(event("installations"))
    listed = installations.invoke(
        event("installations", httpMethod="GET", queryStringParameters={"userID": "LOGIN_NAME:bob"})
    )
    found = installations.invoke(event("installations", httpMethod="GET", resource=one, pathParameters=name))
    removed = installations.invoke(
        event("installations", httpMethod="DELETE", resource=one, pathParameters=name)
    )
    missing = installations.invoke(
        event("installations", httpMethod="GET", resource=one, pathParameters=name)
    )

    assert installed["statusCode"] == 201
    ids = json.loads(installed["body"])
    assert ids["installationRegistrationID"] == TOKEN
    record = {**ids, "deviceType": "ANDROID", "userID": bob}
    assert json.loads(found["body"]) == record
    assert json.loads(listed["body"]) == {"installations": [record]}
    assert (removed["statusCode"], removed["body"]) == (204, "")
    assert problem(missing, 404)["errorCode"] == "INSTALLATION_NOT_FOUND"
    assert TOKEN not in installations.log.read_text()


def test_an_mqtt_device_learns_where_to_connect(run: "Run", device: "Device") -> None:
    answer = run("installations").invoke(
        event(
            "installations",
            httpMethod="GET",
            resource="/installations/{installationID}/mqtt-endpoint",
            pathParameters={"installationID": device.installation_id},
        )
    )

    endpoint = json.loads(answer["body"])
    assert answer["statusCode"] == 200
    assert endpoint["installationID"] == device.installation_id
    assert endpoint["mqttTopic"]
    assert answer["headers"]["X-MQTT-TTL"] == str(endpoint["X-MQTT-TTL"])
    assert answer["headers"]["Cache-Control"] == "no-store"


@pytest.mark.parametrize(
    ("function", "changes", "status", "field"),
    [
        ("topics", {"pathParameters": {"groupID": "a%2Fb", "topicID": "news"}}, 400, "groupID"),
        ("topics", {"pathParameters": {"groupID": "%2e%2e", "topicID": "news"}}, 400, "groupID"),
        ("topics", {"pathParameters": {"groupID": "team", "topicID": "n" * 65}}, 400, "topicID"),
        ("topics", {"pathParameters": {"groupID": "team", "topicID": "%ff"}}, 400, "topicID"),
        ("topics", {"httpMethod": "DELETE", "queryStringParameters": {"dryRun": "true"}}, 400, "dryRun"),
        (
            "subscriptions",
            {"pathParameters": {"groupID": "g", "topicID": "t", "subscriberID": "me"}},
            400,
            "",
        ),
        ("installations", {"body": "{"}, 400, ""),
        ("installations", {"body": '{"deviceType": "MQTT", "deviceType": "IOS"}'}, 400, ""),
        ("installations", {"body": "[" * 5_000_000}, 413, ""),
        ("installations", {"headers": {"Content-Type": "text/plain"}}, 415, "Content-Type"),
        ("installations", {"body": '{"deviceType": "FAX", "userID": "u"}'}, 400, "deviceType"),
        ("bucket_push", {"body": '{"a": NaN}'}, 400, ""),
        ("bucket_push", {"body": '{"a": "\\ud800"}'}, 400, ""),
        ("bucket_push", {"body": "[1]"}, 400, "object"),
        ("bucket_push", {"body": json.dumps({"a": "x" * 65_534})}, 400, "object"),
        ("openapi", {"queryStringParameters": {"format": "yaml"}}, 400, "format"),
    ],
)
def test_a_bad_call_is_refused_before_kii_is_asked(
    run: "Run", sandbox: "Sandbox", function: str, changes: dict[str, Any], status: int, field: str
) -> None:
    answer = run(function).invoke(event(function, **changes))

    [error] = problem(answer, status)["errors"]
    assert error["field"] == field or (not field and error["field"])
    assert sandbox.calls() == []


def test_the_change_of_an_object_reaches_the_subscribers_device(
    run: "Run", device: "Device", sandbox: "Sandbox"
) -> None:
    sandbox.subscribe_to_bucket("/things/VENDOR_THING_ID:lamp", "readings", device.user_id)

    answer = run("bucket_push").invoke(event("bucket_push"))

    created = json.loads(answer["body"])
    assert answer["statusCode"] == 201
    assert created["id"] == "reading-1"
    received = device.wait_for(type="DATA_OBJECT_CREATED")
    assert received
    assert received.payload["objectID"] == created["objectID"]


@pytest.mark.parametrize("function", ["direct_push", "topic_push", "bucket_push"])
def test_a_dry_run_asks_kii_with_gets_only_and_sends_nothing(
    run: "Run", device: "Device", sandbox: "Sandbox", function: str
) -> None:
    sandbox.subscribe("/groups/team", "news", device.user_id)
    before = len(sandbox.calls())

    answer = run(function).invoke(event(function, queryStringParameters={"dryRun": "true"}))

    report = json.loads(answer["body"])
    assert (answer["statusCode"], report["dryRun"]) == (200, True)
    if function == "direct_push":
        assert report["networks"]["mqtt"]["installations"] == 1
    assert {call.partition(" ")[0] for call in sandbox.calls()[before:]} == {"GET"}
    assert sandbox.deliveries() == []


def test_the_document_is_served_as_it_is_published(run: "Run") -> None:
    answer = run("openapi").invoke(event("openapi"))

    assert answer["statusCode"] == 200
    assert json.loads(answer["body"]) == json.loads((ROOT / "docs/openapi.json").read_text())
