"""The example events: one for each function, and filled up they are what AWS sends."""

import re
from typing import Any

import pytest
from aws_lambda_powertools.utilities.parser.models import APIGatewayProxyEventModel, SqsModel

from local.events import example_event
from local.process import LocalError
from local.settings import ROOT
from local.template import functions, resource
from tests.template.model import of_type, operations, references

FOLDERS = functions()
# The function behind each operation of the API, by method and resource.
SERVING = {
    name: function
    for name, operation, _ in operations()
    for function in references(operation["x-amazon-apigateway-integration"]["uri"])
}
OF_API = sorted(folder for folder, name in FOLDERS.items() if name in SERVING.values())
OF_QUEUES = sorted(
    folder
    for folder, name in FOLDERS.items()
    for mapping in of_type("AWS::Lambda::EventSourceMapping").values()
    if name in references(mapping["FunctionName"])
)
# What API Gateway sends from a REST API with IAM authorisation to a proxy integration. `authorizer`, `apiKey`
# and `clientCert` come only with other kinds of authorisation.
KEYS = {
    *("resource", "path", "httpMethod", "headers", "multiValueHeaders", "queryStringParameters"),
    *("multiValueQueryStringParameters", "pathParameters", "stageVariables", "requestContext"),
    *("body", "isBase64Encoded"),
}
CONTEXT_KEYS = {
    *("accountId", "apiId", "deploymentId", "domainName", "domainPrefix", "extendedRequestId", "httpMethod"),
    *("identity", "path", "protocol", "requestId", "requestTime", "requestTimeEpoch", "resourceId"),
    *("resourcePath", "stage"),
}
IDENTITY_KEYS = {
    *("accessKey", "accountId", "caller", "cognitoAuthenticationProvider", "cognitoAuthenticationType"),
    *("cognitoIdentityId", "cognitoIdentityPoolId", "principalOrgId", "sourceIp", "user", "userAgent"),
    "userArn",
}

of_api = pytest.mark.parametrize("folder", OF_API)


def served_by(event: dict[str, Any]) -> str | None:
    """Return the function to which the gateway sends an event, None if it knows no such operation."""
    return SERVING.get(f"{event['httpMethod']} {event['resource']}")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_function_has_an_event_to_try_it(folder: str) -> None:
    assert (ROOT / f"events/{folder}.json").exists(), f"write events/{folder}.json"


def test_an_event_belongs_to_a_function() -> None:
    assert {path.stem for path in ROOT.glob("events/*.json")} <= FOLDERS.keys()


@of_api
def test_the_gateway_sends_an_event_to_the_function_whose_example_it_is(folder: str) -> None:
    assert served_by(example_event(folder)) == FOLDERS[folder]


@pytest.mark.parametrize("change", [{"resource": "/topics/of/nobody"}, {"httpMethod": "TRACE"}])
def test_an_event_that_the_gateway_does_not_know_belongs_to_no_function(change: dict[str, str]) -> None:
    assert served_by(example_event("openapi", **change)) is None


@of_api
def test_an_event_of_the_api_has_what_api_gateway_sends_and_nothing_else(folder: str) -> None:
    event = example_event(folder)

    APIGatewayProxyEventModel.model_validate(event)
    assert event.keys() == KEYS
    assert event["requestContext"].keys() == CONTEXT_KEYS
    assert event["requestContext"]["identity"].keys() == IDENTITY_KEYS


@of_api
def test_an_event_of_the_api_comes_from_the_stage_of_the_stack(folder: str) -> None:
    event, stage = example_event(folder), resource("Api")["Properties"]

    assert event["requestContext"]["stage"] == stage["StageName"]
    assert event["stageVariables"].keys() == stage["Variables"].keys()


def test_the_path_is_the_resource_with_its_parameters() -> None:
    event = example_event(
        "topics",
        resource="/users/{userID}/topics/{topicID}",
        pathParameters={"topicID": "news", "userID": "LOGIN_NAME:bob"},
    )

    assert event["path"] == "/users/LOGIN_NAME:bob/topics/news"
    assert event["requestContext"]["path"] == "/v1/users/LOGIN_NAME:bob/topics/news"
    assert event["requestContext"]["resourcePath"] == event["resource"] == "/users/{userID}/topics/{topicID}"
    assert event["requestContext"]["httpMethod"] == event["httpMethod"] == "PUT"


def test_headers_and_query_are_given_once_and_as_lists() -> None:
    query = {"dryRun": "true", "confirm": "true"}
    event = example_event("topic_push", queryStringParameters=query, headers={"Idempotency-Key": "k-1"})

    assert event["queryStringParameters"] == query
    assert event["multiValueQueryStringParameters"] == {"dryRun": ["true"], "confirm": ["true"]}
    assert event["headers"]["Idempotency-Key"] == "k-1"
    assert event["multiValueHeaders"] == {name: [value] for name, value in event["headers"].items()}


def test_what_a_call_does_not_have_is_null_as_api_gateway_says_it() -> None:
    event = example_event("openapi")

    nothing = ("pathParameters", "queryStringParameters", "multiValueQueryStringParameters", "body")
    assert [event[name] for name in nothing] == [None] * 4
    assert "Content-Type" not in event["headers"]


def test_a_body_is_the_text_of_its_json_and_text_stays_as_it_is() -> None:
    written = example_event("direct_push", body={"a": ["ü", 1]})
    broken = example_event("direct_push", body='{"a": ', headers={"Content-Type": "text/plain"})

    assert (written["body"], written["headers"]["Content-Type"]) == ('{"a": ["ü", 1]}', "application/json")
    assert (broken["body"], broken["headers"]["Content-Type"]) == ('{"a": ', "text/plain")


@pytest.mark.parametrize("folder", OF_QUEUES)
def test_an_event_of_a_queue_is_what_sqs_sends(folder: str) -> None:
    event = example_event(folder)

    SqsModel.model_validate(event)
    identifiers = [(each["messageId"], each["receiptHandle"]) for each in event["Records"]]
    assert len(set(identifiers)) == len(identifiers) > 0


def test_a_record_has_what_its_example_says_and_the_md5_of_its_body() -> None:
    [record] = example_event(
        "queue_push", Records=[{"messageId": "m-1", "body": "hello", "attributes": {"MessageGroupId": "g"}}]
    )["Records"]

    assert (record["messageId"], record["body"]) == ("m-1", "hello")
    assert record["md5OfBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert record["attributes"]["MessageGroupId"] == "g"
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


@pytest.mark.parametrize(
    ("folder", "change", "wrong"),
    [
        ("direct_push", {"pathParams": {}}, "`pathParams`"),
        ("direct_push", {"path": "/users/bob/push/messages"}, "`path`"),
        ("direct_push", {"pathParameters": {"user": "bob"}}, "/users/{userID}/push/messages"),
        ("direct_push", {"httpMethod": None}, "$.httpMethod"),
        ("queue_push", {"Records": [{"text": "hello"}]}, "`text`"),
        ("queue_push", {"Records": [{}]}, "`body`"),
        ("no_such_function", {}, "write events/no_such_function.json"),
    ],
)
def test_an_event_that_cannot_be_filled_up_says_why(folder: str, change: dict[str, Any], wrong: str) -> None:
    with pytest.raises(LocalError, match=re.escape(wrong)):
        example_event(folder, **change)
