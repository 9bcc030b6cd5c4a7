"""House rules for who may do what."""

import fnmatch
import re

import pytest

from kii_push.common import table
from local.template import mentioned
from tests.template.model import (
    allows,
    as_list,
    folder,
    functions,
    of_type,
    operations,
    references,
    resources,
    statements,
)
from tests.template.reads import read_by

ROLES = sorted(of_type("AWS::IAM::Role"))
# AWS knows no resource for these actions.
WITHOUT_RESOURCE = {"secretsmanager:GetRandomPassword"}
# Logs and traces; what SAM gives every function, and what API Gateway's access log needs.
MANAGED = {
    "arn:${AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs",
    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "arn:aws:iam::aws:policy/AWSXrayWriteOnlyAccess",
}
PERMISSIONS = of_type("AWS::Lambda::Permission")
GATEWAY_PERMITTED = {
    function
    for each in PERMISSIONS.values()
    if each["Principal"] == "apigateway.amazonaws.com"
    for function in references(each["FunctionName"])
}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_allows_named_actions_only(role: str) -> None:
    for statement in statements(role):
        for action in statement["Action"]:
            assert re.fullmatch(r"[a-z0-9-]+:\w+\*?", action), action


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_resources_of_this_stack_only(role: str) -> None:
    for statement in statements(role):
        if set(statement["Action"]) <= WITHOUT_RESOURCE:
            continue
        for resource in statement["Resource"]:
            assert list(references(resource)), f"{statement['Action']} on {resource}"


@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_no_managed_policy_but_those_for_logs_and_traces(role: str) -> None:
    arns = of_type("AWS::IAM::Role")[role].get("ManagedPolicyArns", [])

    assert {arn["Fn::Sub"] if isinstance(arn, dict) else arn for arn in arns} <= MANAGED


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_for_one_aws_service(role: str) -> None:
    document = of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]

    [statement] = document["Statement"]
    assert list(statement["Principal"]) == ["Service"]


@pytest.mark.parametrize("function", functions())
def test_a_function_reaches_only_what_its_code_is_told_of(function: str) -> None:
    properties = functions()[function]
    [role] = references(properties["Role"])
    read = read_by(folder(function) / "app.py")
    told_of = set(
        mentioned([value for name, value in properties["Environment"]["Variables"].items() if name in read])
    )
    # Lambda itself takes from these and puts failures there, in the function's name.
    for each in of_type("AWS::Lambda::EventSourceMapping").values():
        if function in references(each["FunctionName"]):
            told_of |= set(references(each["EventSourceArn"]))
    for each in of_type("AWS::Lambda::EventInvokeConfig").values():
        if function in references(each["FunctionName"]):
            told_of |= set(references(each["DestinationConfig"]))

    reached = {name for each in statements(role) for name in references(each["Resource"])}
    assert reached <= told_of


@pytest.mark.parametrize("role", ROLES)
def test_a_role_reaches_a_secret_by_its_arn(role: str) -> None:
    # AWS gives the ARN for a Ref, too. The local stack gives the name, which no policy can allow.
    secrets = of_type("AWS::SecretsManager::Secret")

    assert not [
        name
        for statement in statements(role)
        for name in re.findall(r"'Ref': '(\w+)'", str(statement["Resource"]))
        if name in secrets
    ]


@pytest.mark.parametrize("function", functions())
def test_a_function_that_may_log_in_to_kii_may_share_its_token(function: str) -> None:
    [role] = references(functions()[function]["Role"])
    logs_in = allows(role, "secretsmanager:GetSecretValue", "KiiSecret")

    for action in ("GetSecretValue", "PutSecretValue"):
        assert allows(role, f"secretsmanager:{action}", "KiiToken") == logs_in
    assert not logs_in or allows(role, "dynamodb:UpdateItem", "Ledger")


# Senders use every kind of item. These only count their calls of Kii, read what became of a push, or keep
# broadcasts.
CALLS, LEASE, PUSH, BROADCAST = "calls#*", "lease#*", "push#*", "broadcast#*"
ITEMS = {
    "TopicsFunction": (table.calls_key(), [CALLS, LEASE]),
    "SubscriptionsFunction": (table.calls_key(), [CALLS, LEASE]),
    "InstallationsFunction": (table.calls_key(), [CALLS, LEASE]),
    "PushesFunction": (table.push_key("order-42"), [PUSH]),
    "BroadcastsFunction": (table.broadcast_key("sale"), [BROADCAST]),
    "FanOutFunction": (table.push_key("broadcast:sale:1"), [BROADCAST, PUSH]),
}


@pytest.mark.parametrize("function", ITEMS)
def test_a_function_that_sends_nothing_reaches_its_own_kinds_of_items_only(function: str) -> None:
    [role] = references(functions()[function]["Role"])
    key, patterns = ITEMS[function]
    of_table = [each for each in statements(role) if "Ledger" in references(each["Resource"])]

    for statement in of_table:
        if "dynamodb:Query" in as_list(statement["Action"]):
            assert "/index/" in str(statement["Resource"])
            continue
        # ForAllValues is true of a request without keys, so none of those may be allowed.
        assert set(statement["Action"]) <= {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
        assert statement["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": patterns}}
    assert of_table
    assert any(fnmatch.fnmatchcase(key["pk"]["S"], each) for each in patterns)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_this_account_in_its_trust_where_the_service_sends_the_account(role: str) -> None:
    [statement] = of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    [service] = as_list(statement["Principal"]["Service"])

    # API Gateway and Lambda do not, and could not use a role that asks for it.
    sends = service not in {"apigateway.amazonaws.com", "lambda.amazonaws.com"}
    account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert statement.get("Condition") == (account if sends else None)


def test_every_operation_of_the_api_takes_signed_calls_only() -> None:
    served = list(operations())
    open_to_others = []
    for name, operation, document in served:
        schemes = document["components"]["securitySchemes"].items()
        signed = {key for key, each in schemes if each.get("x-amazon-apigateway-authtype") == "awsSigv4"}
        alternatives = operation.get("security", document.get("security"))
        if not alternatives or not all(set(each) & signed for each in alternatives):
            open_to_others.append(name)

    assert served
    assert open_to_others == []


def test_the_gateway_may_invoke_the_function_of_every_operation() -> None:
    for name, operation, _ in operations():
        integration = operation["x-amazon-apigateway-integration"]
        [function] = references(integration["uri"])
        roles = references(integration.get("credentials"))
        assert function in GATEWAY_PERMITTED or any(
            allows(role, "lambda:InvokeFunction", function) for role in roles
        ), name


def test_a_service_may_invoke_a_function_for_this_stack_only() -> None:
    unbounded = [
        name
        for name, each in PERMISSIONS.items()
        if each["Principal"] == "*" or not list(references(each.get("SourceArn")))
    ]

    assert unbounded == []


@pytest.mark.parametrize("stage", of_type("AWS::ApiGateway::Stage"))
def test_a_stage_is_throttled_and_logged(stage: str) -> None:
    properties = of_type("AWS::ApiGateway::Stage")[stage]

    [settings] = properties["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingRateLimit"] > 0
    assert settings["ThrottlingBurstLimit"] > 0
    assert set(references(properties["AccessLogSetting"]["DestinationArn"])) <= set(
        of_type("AWS::Logs::LogGroup")
    )


@pytest.mark.parametrize("stage", of_type("AWS::ApiGateway::Stage"))
def test_a_stage_is_not_traced(stage: str) -> None:
    # Its segment carries the URL: that names devices by their tokens and users by their addresses.
    assert of_type("AWS::ApiGateway::Stage")[stage]["TracingEnabled"] is False


@pytest.mark.parametrize("stage", of_type("AWS::ApiGateway::Stage"))
def test_a_stage_waits_for_the_role_that_its_access_log_needs(stage: str) -> None:
    # A reference in its properties, not DependsOn: SAM does not pass that on, and the role may be another's.
    [account] = of_type("AWS::ApiGateway::Account")
    condition, created, existing = of_type("AWS::ApiGateway::Stage")[stage]["Variables"]["logRole"]["Fn::If"]

    assert (created, existing) == ({"Ref": account}, "existing")
    assert resources()[account]["Condition"] == condition
    [role] = references(of_type("AWS::ApiGateway::Account")[account]["CloudWatchRoleArn"])
    [trust] = of_type("AWS::IAM::Role")[role]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}


@pytest.mark.parametrize("queue", of_type("AWS::SQS::Queue"))
def test_a_queue_is_encrypted(queue: str) -> None:
    properties = of_type("AWS::SQS::Queue")[queue]

    assert properties.get("SqsManagedSseEnabled") is True or "KmsMasterKeyId" in properties


@pytest.mark.parametrize("table", of_type("AWS::DynamoDB::Table"))
def test_a_table_is_encrypted_recoverable_and_forgets(table: str) -> None:
    properties = of_type("AWS::DynamoDB::Table")[table]

    assert properties["SSESpecification"]["SSEEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert properties["TimeToLiveSpecification"]["Enabled"] is True
