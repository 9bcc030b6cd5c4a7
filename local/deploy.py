"""Put the built template on MiniStack with the ordinary `sam deploy`, and read what it made."""

import functools
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from local.access_key import AccessKey, access_key
from local.process import LocalError
from local.sam import sam
from local.settings import (
    APP_ID,
    CLIENT_ID,
    CLIENT_SECRET,
    REGION,
    environment,
)

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import FunctionConfigurationResponseTypeDef

STACK_NAME = "kii-push"


@dataclass(frozen=True)
class Outputs:
    """The template's outputs that a sender needs, by their names in the template."""

    RestApiId: str
    StageName: str
    PushQueueUrl: str
    PushFifoQueueUrl: str
    BroadcastQueueUrl: str
    DeadLetterQueueUrl: str
    DeadLetterFifoQueueUrl: str
    FanOutDeadLetterQueueArn: str
    LedgerTable: str
    FunctionLogGroup: str
    QueuePushFunctionName: str
    BroadcastBucketName: str
    RedriveFunctionName: str
    KiiSecretArn: str
    ScheduledPushFunctionArn: str
    SchedulerRoleArn: str
    ScheduleGroupName: str


def aws_session() -> boto3.Session:
    """Return the boto3 session with the local stack's key: a new one costs 100 ms a client."""
    return _session(access_key())


@functools.cache
def _session(key: AccessKey) -> boto3.Session:
    return boto3.Session(aws_access_key_id=key.id, aws_secret_access_key=key.secret, region_name=REGION)


def deploy(endpoint: str, build: Path, log: Path, parameters: Mapping[str, str] | None = None) -> None:
    """Deploy the folder that `build` returned to the AWS endpoint; raises LocalError when SAM refuses.

    `parameters` are the template's, where its defaults will not do.
    """
    template = ("--template-file", build / "template.yaml")
    # SAM looks every 5 s whether it is done, unless told.
    env = environment(endpoint) | {"SAM_CLI_POLL_DELAY": "0.5"}
    sam("deploy", *template, "--no-progressbar", log=log, env=env, parameters=parameters)
    _mend_mappings(endpoint)


def put_kii_secret(endpoint: str, secret_arn: str, base_url: str) -> None:
    """Tell the deployed functions, through their secret, that Kii is the sandbox at `base_url`."""
    client = aws_session().client("secretsmanager", endpoint_url=endpoint)
    client.put_secret_value(SecretId=secret_arn, SecretString=kii_secret(base_url))


def kii_secret(base_url: str) -> str:
    """Return the secret's content for the sandbox's app, Kii being at `base_url`."""
    return json.dumps(
        {"appID": APP_ID, "clientID": CLIENT_ID, "clientSecret": CLIENT_SECRET, "baseURL": base_url}
    )


def deployed_function(endpoint: str, logical_id: str) -> "FunctionConfigurationResponseTypeDef":
    """Return the configuration of a deployed function, by its name in the template.

    Raises LocalError when the stack has no such function.
    """
    session = aws_session()
    stack = session.client("cloudformation", endpoint_url=endpoint)
    resources = stack.describe_stack_resources(StackName=STACK_NAME)["StackResources"]
    names = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for each in resources
        if each["ResourceType"] == "AWS::Lambda::Function"
    }
    if logical_id not in names:
        raise LocalError(f"There is no function {logical_id}; there are {', '.join(sorted(names))}.")
    functions = session.client("lambda", endpoint_url=endpoint)
    return functions.get_function_configuration(FunctionName=names[logical_id])


def _mend_mappings(endpoint: str) -> None:
    """Give the event source mappings their concurrency as the number it is.

    MiniStack keeps a parameter's value as text, where AWS makes it a number, and then its poller compares
    text with a number and takes nothing from the queue.
    """
    client = aws_session().client("lambda", endpoint_url=endpoint)
    for mapping in client.list_event_source_mappings()["EventSourceMappings"]:
        if scaling := mapping.get("ScalingConfig"):
            # boto3 has made it a number on the way.
            client.update_event_source_mapping(UUID=mapping["UUID"], ScalingConfig=scaling)


@contextmanager
def untouched(endpoint: str, queue: str) -> Iterator[None]:
    """Let no function take from a queue, by its name in the template, meanwhile."""
    client = aws_session().client("lambda", endpoint_url=endpoint)
    mappings = client.list_event_source_mappings()["EventSourceMappings"]
    ids = [each["UUID"] for each in mappings if f":{STACK_NAME}-{queue}-" in each["EventSourceArn"]]
    for each in ids:
        client.update_event_source_mapping(UUID=each, Enabled=False)
    try:
        yield
    finally:
        for each in ids:
            client.update_event_source_mapping(UUID=each, Enabled=True)
        client.close()


def outputs(endpoint: str, *, older: bool = False) -> Outputs:
    """Return what the deployed stack put out; LocalError names the outputs that the template lacks.

    With `older` it is an older release that is deployed: what that does not have yet is empty.
    """
    client = aws_session().client("cloudformation", endpoint_url=endpoint)
    listed = client.describe_stacks(StackName=STACK_NAME)["Stacks"][0].get("Outputs", [])
    values = {each["OutputKey"]: each["OutputValue"] for each in listed}
    missing = [name for name in Outputs.__dataclass_fields__ if name not in values]
    if missing and not older:
        raise LocalError(f"template.yaml has no output {', '.join(missing)}: the local stack needs it.")
    return Outputs(**{name: values.get(name, "") for name in Outputs.__dataclass_fields__})
