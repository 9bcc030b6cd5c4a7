"""What `make deploy` asks before it builds: whether someone is told of alarms, and what SAM would forget."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from kii_push.common import aws
from local.process import LocalError
from local.settings import ROOT

SAMCONFIG = ROOT / "samconfig.toml"
# The environments in which someone must be told of alarms.
WATCHED = {"prod"}
# The template's parameters that say who.
RECIPIENTS = ("AlarmEmail", "AlarmTopicArn")
# SAM's two ways to write a parameter: Key=Value and ParameterKey=Key,ParameterValue=Value.
_OVERRIDE = re.compile(r"(?:ParameterKey=)?(\w+)(?:,ParameterValue)?=(.*)", re.DOTALL)
# Without credentials or a network, the answer should come soon.
_IMPATIENT = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 2})

type Settings = Mapping[str, Any]


def check(environment: str, given: Sequence[str], samconfig: Path = SAMCONFIG) -> None:
    """Raise LocalError if an environment must not be deployed with the parameters `given`, as SAM takes them.

    The existing stack is asked only if neither they nor samconfig.toml say who is told of alarms.
    """
    settings = _settings(environment, samconfig)
    if environment not in WATCHED:
        return
    named = _parsed([*_configured(settings), *given])
    if any(named.get(name) for name in RECIPIENTS):
        return
    try:
        deployed = _deployed(settings)
    except (BotoCoreError, ClientError) as error:
        asked = f"the stack {settings['stack_name']} cannot be asked ({aws.code(error)})"
    else:
        if any((deployed | named).get(name) for name in RECIPIENTS):
            return
        asked = f"the stack {settings['stack_name']} tells nobody so far"
    raise LocalError(
        f"Nobody would be told of alarms in {environment}: {asked}. Say who, with "
        'PARAMS="AlarmEmail=you@example.com" or PARAMS="AlarmTopicArn=arn:aws:sns:...", '
        f"or in samconfig.toml as parameter_overrides of [{environment}.deploy.parameters]."
    )


def overrides(environment: str, samconfig: Path = SAMCONFIG) -> list[str]:
    """Return the parameters that samconfig.toml sets for an environment, as SAM takes them.

    SAM itself forgets them as soon as its command line has any. Raises LocalError.
    """
    configured = _configured(_settings(environment, samconfig))
    for each in configured:
        if re.search(r"\s", each):
            raise LocalError(
                f"samconfig.toml: {each!r} has white space; no parameter of the template takes any."
            )
    return configured


def _settings(environment: str, samconfig: Path) -> Settings:
    if environment == "local":
        raise LocalError("ENV=local is the stack on this machine: `make up` starts it.")
    sections = tomllib.loads(samconfig.read_text())
    try:
        settings: Settings = sections[environment]["deploy"]["parameters"]
    except KeyError:
        raise LocalError(f"samconfig.toml has no section [{environment}.deploy.parameters].") from None
    return settings


def _configured(settings: Settings) -> list[str]:
    value = settings.get("parameter_overrides", [])
    if isinstance(value, Mapping):
        return [f"{name}={each}" for name, each in value.items()]
    return value.split() if isinstance(value, str) else list(value)


def _parsed(written: Sequence[str]) -> dict[str, str]:
    """Return parameters by name; of two, the later counts, as it does for SAM."""
    found = [_OVERRIDE.fullmatch(each) for each in written]
    return {each[1]: each[2].strip("\"'") for each in found if each}


def _deployed(settings: Settings) -> dict[str, str]:
    """Return the parameters of the stack as it is, none if there is none. Raises boto3's errors."""
    session = boto3.Session(profile_name=settings.get("profile"), region_name=settings.get("region"))
    client = session.client("cloudformation", config=_IMPATIENT)
    try:
        [stack] = client.describe_stacks(StackName=settings["stack_name"])["Stacks"]
    except ClientError as error:
        # There is no error of its own for a stack that does not exist.
        if "does not exist" in error.response["Error"]["Message"]:
            return {}
        raise
    return {each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", [])}
