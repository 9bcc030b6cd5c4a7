"""House rules for what fails: it ends up where a person can see it."""

import random
from typing import Any

import pytest

from kii_push.queues.batch import MAX_LATE_RETRY_SECONDS, retry_seconds
from kii_push.queues.unattended import MAX_WAIT_DAYS
from local.template import source
from tests.template.model import (
    allows,
    as_list,
    by_default,
    functions,
    metrics,
    of_type,
    references,
    resources,
    statements,
)

FUNCTIONS = functions()
QUEUES = of_type("AWS::SQS::Queue")
SCHEDULES = of_type("AWS::Scheduler::Schedule")
MAPPINGS = of_type("AWS::Lambda::EventSourceMapping")
# Seconds, SQS's default.
RETENTION = 345_600
# Bytes, SQS's most; a refused push's reason and the other attributes have room in the second.
LARGEST, ATTRIBUTES = 1024 * 1024, 16 * 1024
# Seconds.
DAY = 86_400
# Services that wait for a function's answer; all others hand it an event and go.
WAITING = {"apigateway.amazonaws.com", "secretsmanager.amazonaws.com", "cognito-idp.amazonaws.com"}


def dead_letters(queue: str) -> str:
    """The queue that takes what this one gives up."""
    [target] = references(QUEUES[queue]["RedrivePolicy"]["deadLetterTargetArn"])
    return target


def taken_from(mapping: str) -> str:
    """The queue, table or stream that a mapping takes from."""
    [origin] = references(MAPPINGS[mapping]["EventSourceArn"])
    return origin


def alarms(queue: str, metric: str) -> list[dict[str, Any]]:
    """The alarms that watch a metric of a queue."""
    return [
        alarm
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        for each in metrics(alarm)
        if each["MetricName"] == metric and queue in references(each["Dimensions"])
    ]


def invoked_asynchronously() -> set[str]:
    """The functions that someone invokes without waiting for the answer."""
    targets: list[Any] = [each["Target"]["Arn"] for each in SCHEDULES.values()]
    targets += [target["Arn"] for each in of_type("AWS::Events::Rule").values() for target in each["Targets"]]
    targets += [each["Endpoint"] for each in of_type("AWS::SNS::Subscription").values()]
    targets += [
        each["FunctionName"]
        for each in of_type("AWS::Lambda::Permission").values()
        if each["Principal"] not in WAITING
    ]
    for role, properties in of_type("AWS::IAM::Role").items():
        [trust] = properties["AssumeRolePolicyDocument"]["Statement"]
        if "scheduler.amazonaws.com" in as_list(trust["Principal"]["Service"]):
            targets += [each["Resource"] for each in statements(role)]
    return set(references(targets)) & set(FUNCTIONS)


def secret_in_reach(function: dict[str, Any]) -> bool:
    """Say whether a function may read the app's credentials, without which nothing is sent."""
    [role] = references(function["Role"])
    return allows(role, "secretsmanager:GetSecretValue", "KiiSecret")


DEAD_LETTER_QUEUES = {dead_letters(name) for name, each in QUEUES.items() if "RedrivePolicy" in each}
SOURCES = sorted(set(QUEUES) - DEAD_LETTER_QUEUES)
QUEUE_MAPPINGS = sorted(name for name in MAPPINGS if taken_from(name) in QUEUES)
# Those that send, and the queues of pushes that they take from.
SENDERS = {name for name, each in FUNCTIONS.items() if secret_in_reach(each)}
PUSH_QUEUES = sorted(
    taken_from(name) for name in QUEUE_MAPPINGS if SENDERS & set(references(MAPPINGS[name]["FunctionName"]))
)


@pytest.mark.parametrize("function", sorted(invoked_asynchronously()))
def test_a_function_that_is_invoked_and_left_alone_has_somewhere_to_put_its_failures(function: str) -> None:
    [config] = [
        each
        for each in of_type("AWS::Lambda::EventInvokeConfig").values()
        if function in references(each["FunctionName"])
    ]
    [destination] = references(config["DestinationConfig"]["OnFailure"]["Destination"])
    [role] = references(FUNCTIONS[function]["Role"])

    assert destination in DEAD_LETTER_QUEUES
    assert allows(role, "sqs:SendMessage", destination)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_firing_that_cannot_be_delivered_is_dead_lettered(schedule: str) -> None:
    target = SCHEDULES[schedule]["Target"]
    [function] = references(target["Arn"])
    [queue] = references(target["DeadLetterConfig"]["Arn"])
    [role] = references(target["RoleArn"])

    assert queue in DEAD_LETTER_QUEUES
    assert allows(role, "sqs:SendMessage", queue)
    assert allows(role, "lambda:InvokeFunction", function)
    assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


@pytest.mark.parametrize("queue", SOURCES)
def test_a_queue_gives_up_to_a_queue_of_its_kind_that_keeps_longer(queue: str) -> None:
    target = QUEUES[dead_letters(queue)]

    assert target.get("FifoQueue") == QUEUES[queue].get("FifoQueue")
    assert target.get("MessageRetentionPeriod", RETENTION) > QUEUES[queue].get(
        "MessageRetentionPeriod", RETENTION
    )


@pytest.mark.parametrize("queue", PUSH_QUEUES)
def test_the_ledger_remembers_a_push_longer_than_queue_and_dead_letter_queue_keep_it(queue: str) -> None:
    kept = QUEUES[queue]["MessageRetentionPeriod"] + QUEUES[dead_letters(queue)]["MessageRetentionPeriod"]

    assert source()["Parameters"]["LedgerDays"]["MinValue"] * DAY > kept


@pytest.mark.parametrize("queue", PUSH_QUEUES)
def test_a_push_that_is_refused_fits_the_dead_letter_queue_with_its_reason(queue: str) -> None:
    taken = QUEUES[dead_letters(queue)]["MaximumMessageSize"]

    assert QUEUES[queue]["MaximumMessageSize"] + ATTRIBUTES <= taken


@pytest.mark.parametrize("queue", PUSH_QUEUES)
def test_someone_is_told_long_before_a_push_that_waits_is_lost(queue: str) -> None:
    [alarm] = alarms(queue, "ApproximateAgeOfOldestMessage")

    assert alarm["Threshold"] <= QUEUES[queue]["MessageRetentionPeriod"] / 4


def test_a_push_is_in_flight_for_longer_than_a_function_that_sends_can_live() -> None:
    longest = max(FUNCTIONS[name]["Timeout"] for name in SENDERS)

    assert source()["Parameters"]["InFlightSeconds"]["MinValue"] > longest


@pytest.mark.parametrize("name", [*of_type("AWS::DynamoDB::Table"), *of_type("AWS::S3::Bucket")])
def test_what_the_stack_remembers_outlives_it(name: str) -> None:
    assert resources()[name]["DeletionPolicy"] in {"Retain", "RetainExceptOnCreate"}
    assert resources()[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", [*of_type("AWS::ApiGateway::Account"), "ApiGatewayLogsRole"])
def test_what_belongs_to_the_account_outlives_the_stack(name: str) -> None:
    # Not even after a failed first deployment: AWS would go on with a role that is gone.
    assert resources()[name]["DeletionPolicy"] == resources()[name]["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("queue", PUSH_QUEUES)
def test_a_push_is_given_up_by_the_function_long_before_sqs_gives_it_up(
    queue: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The mean of each delay: of a thousand, the sum is within a few hundredths of it.
    monkeypatch.setattr(random, "uniform", lambda low, high: (low + high) / 2)
    receives = QUEUES[queue]["RedrivePolicy"]["maxReceiveCount"]
    waited = sum(retry_seconds(number, 0) for number in range(1, receives))

    assert waited > 1.5 * MAX_WAIT_DAYS * DAY
    # It is received once more after it is too old, and before SQS drops it.
    assert QUEUES[queue]["MessageRetentionPeriod"] > MAX_WAIT_DAYS * DAY + 2 * MAX_LATE_RETRY_SECONDS


@pytest.mark.parametrize("mapping", QUEUE_MAPPINGS)
def test_a_message_is_not_handed_out_again_while_it_may_still_be_worked_on(mapping: str) -> None:
    [function] = references(MAPPINGS[mapping]["FunctionName"])

    visibility = by_default(QUEUES[taken_from(mapping)]["VisibilityTimeout"])
    assert visibility >= 6 * FUNCTIONS[function]["Timeout"]


@pytest.mark.parametrize("mapping", QUEUE_MAPPINGS)
def test_a_batch_is_answered_message_by_message_and_at_a_bounded_rate(mapping: str) -> None:
    assert MAPPINGS[mapping]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert MAPPINGS[mapping]["ScalingConfig"]["MaximumConcurrency"]


@pytest.mark.parametrize("mapping", QUEUE_MAPPINGS)
def test_the_function_may_take_from_its_queue_and_from_no_other(mapping: str) -> None:
    [function] = references(MAPPINGS[mapping]["FunctionName"])
    [role] = references(FUNCTIONS[function]["Role"])
    mapped = {
        taken_from(each) for each in QUEUE_MAPPINGS if function in references(MAPPINGS[each]["FunctionName"])
    }

    for action in ("sqs:ReceiveMessage", "sqs:DeleteMessage"):
        assert {queue for queue in QUEUES if allows(role, action, queue)} == mapped


@pytest.mark.parametrize("mapping", MAPPINGS)
def test_what_a_mapping_takes_and_cannot_get_rid_of_is_dead_lettered(mapping: str) -> None:
    if mapping in QUEUE_MAPPINGS:
        given_up_to = {dead_letters(taken_from(mapping))}
    else:
        given_up_to = set(references(MAPPINGS[mapping]["DestinationConfig"]["OnFailure"]))

    assert given_up_to
    assert given_up_to <= DEAD_LETTER_QUEUES


@pytest.mark.parametrize("queue", sorted(DEAD_LETTER_QUEUES))
def test_someone_is_told_of_each_new_dead_letter_and_days_before_one_is_deleted(queue: str) -> None:
    [growth] = alarms(queue, "ApproximateNumberOfMessagesVisible")
    [age] = alarms(queue, "ApproximateAgeOfOldestMessage")

    # On their number alone it would tell of the first only: test_alarms.py plays it through.
    assert "DIFF" in growth["Metrics"][0]["Expression"]
    assert age["Threshold"] <= QUEUES[queue]["MessageRetentionPeriod"] - 4 * DAY


@pytest.mark.parametrize("queue", sorted(DEAD_LETTER_QUEUES))
def test_a_dead_letter_queue_says_how_large_a_letter_may_be(queue: str) -> None:
    # Not every region has the same default.
    assert QUEUES[queue]["MaximumMessageSize"] == LARGEST
