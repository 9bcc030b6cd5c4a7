"""`make deploy`: refused before it builds if nobody would be told of alarms."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError

from local import deployment
from local.process import LocalError
from local.settings import ROOT

type Parameters = dict[str, str]

TOPIC = "arn:aws:sns:ap-northeast-1:123456789012:alarms"


class StubCloudFormation:
    """Answers DescribeStacks with the stack's parameters, or with an error."""

    def __init__(self, answer: Parameters | Exception) -> None:
        self.answer = answer
        self.asked: list[str] = []

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 (boto3's)
        self.asked.append(StackName)
        if isinstance(self.answer, Exception):
            raise self.answer
        parameters = [{"ParameterKey": key, "ParameterValue": value} for key, value in self.answer.items()]
        return {"Stacks": [{"Parameters": parameters}]}


def refusal(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DescribeStacks")


MISSING = refusal("ValidationError", "Stack with id kii-push does not exist")


@pytest.fixture
def cloudformation(monkeypatch: pytest.MonkeyPatch) -> StubCloudFormation:
    """The stack as AWS has it: none, unless a test says otherwise."""
    stub = StubCloudFormation(MISSING)
    monkeypatch.setattr("boto3.Session.client", lambda *_args, **_options: stub)
    return stub


@pytest.fixture
def samconfig(tmp_path: Path) -> Path:
    """A copy of samconfig.toml, to write in."""
    copy = tmp_path / "samconfig.toml"
    copy.write_text((ROOT / "samconfig.toml").read_text())
    return copy


def configure(samconfig: Path, overrides: str) -> None:
    """Give both environments on AWS these `parameter_overrides`, written in TOML."""
    text = samconfig.read_text()
    for section in ("[dev.deploy.parameters]", "[prod.deploy.parameters]"):
        text = text.replace(section, f"{section}\nparameter_overrides = {overrides}")
    samconfig.write_text(text)


@pytest.mark.parametrize("given", [[], ["MaximumConcurrency=5"], ["AlarmEmail="], ['AlarmTopicArn=""']])
def test_prod_is_refused_if_nobody_is_told_of_alarms(
    cloudformation: StubCloudFormation, given: list[str]
) -> None:
    with pytest.raises(LocalError, match=r'PARAMS="AlarmEmail=you@example\.com"') as refused:
        deployment.check("prod", given)

    assert "kii-push tells nobody so far" in str(refused.value)
    assert cloudformation.asked == ["kii-push"]


def test_dev_is_not_refused(cloudformation: StubCloudFormation) -> None:
    deployment.check("dev", [])

    assert cloudformation.asked == []


@pytest.mark.parametrize(
    "given",
    [
        "AlarmEmail=ops@example.com",
        f"AlarmTopicArn={TOPIC}",
        f"ParameterKey=AlarmTopicArn,ParameterValue={TOPIC}",
    ],
)
def test_a_parameter_that_says_who_is_enough(cloudformation: StubCloudFormation, given: str) -> None:
    deployment.check("prod", ["MaximumConcurrency=5", given])

    assert cloudformation.asked == []


@pytest.mark.parametrize(
    "overrides",
    [
        '"MaximumConcurrency=5 AlarmEmail=ops@example.com"',
        '["MaximumConcurrency=5", "AlarmEmail=ops@example.com"]',
        '{MaximumConcurrency = 5, AlarmEmail = "ops@example.com"}',
    ],
)
def test_samconfig_may_say_who_and_its_parameters_are_passed_on(
    cloudformation: StubCloudFormation, samconfig: Path, overrides: str
) -> None:
    configure(samconfig, overrides)

    deployment.check("prod", [], samconfig)

    assert cloudformation.asked == []
    assert deployment.overrides("prod", samconfig) == ["MaximumConcurrency=5", "AlarmEmail=ops@example.com"]
    with pytest.raises(LocalError, match="tells nobody"):
        deployment.check("prod", ["AlarmEmail="], samconfig)


def test_samconfig_as_it_is_sets_no_parameters() -> None:
    assert deployment.overrides("dev") == deployment.overrides("prod") == []


def test_a_stack_that_tells_someone_is_updated_without_a_word(cloudformation: StubCloudFormation) -> None:
    cloudformation.answer = {"AlarmTopicArn": TOPIC, "MaximumConcurrency": "2"}

    deployment.check("prod", ["MaximumConcurrency=5"])

    # It would not tell anybody any more.
    with pytest.raises(LocalError, match="Nobody would be told"):
        deployment.check("prod", ["AlarmTopicArn="])


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NoCredentialsError(), "NoCredentialsError"),
        (refusal("ExpiredToken", "It has expired"), "ExpiredToken"),
    ],
)
def test_a_stack_that_cannot_be_asked_counts_for_nothing(
    cloudformation: StubCloudFormation, error: Exception, reason: str
) -> None:
    cloudformation.answer = error

    with pytest.raises(LocalError, match=rf"cannot be asked \({reason}\)"):
        deployment.check("prod", [])


def test_a_value_that_the_shell_would_take_apart_is_refused(samconfig: Path) -> None:
    configure(samconfig, '["AlarmEmail=ops @example.com"]')

    with pytest.raises(LocalError, match="white space"):
        deployment.overrides("prod", samconfig)


@pytest.mark.parametrize(
    ("environment", "said"), [("local", "make up"), ("stage", r"no section \[stage\.deploy\.parameters\]")]
)
def test_only_an_environment_on_aws_is_deployed_there(environment: str, said: str) -> None:
    with pytest.raises(LocalError, match=said):
        deployment.check(environment, ["AlarmEmail=ops@example.com"])


def make_deploy(*options: str) -> subprocess.CompletedProcess[str]:
    """Run `make deploy` as someone who has no credentials of AWS."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    nothing = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    return subprocess.run(  # noqa: S603 (ours)
        ["make", "deploy", *options],  # noqa: S607
        cwd=ROOT,
        env=own | nothing | {"AWS_EC2_METADATA_DISABLED": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_make_refuses_before_it_builds() -> None:
    done = make_deploy("ENV=prod", "PARAMS=MaximumConcurrency=5")

    assert done.returncode != 0
    assert "error: Nobody would be told of alarms in prod" in done.stderr
    assert "NoCredentialsError" in done.stderr
    assert "build" not in done.stdout


def test_make_passes_on_what_samconfig_and_the_caller_say() -> None:
    printed = make_deploy("ENV=prod", "PARAMS=AlarmEmail=ops@example.com", "--dry-run").stdout.splitlines()

    check, *_, deploy = [line for line in printed if "prod" in line]
    assert check.endswith("-m local check-deploy prod AlarmEmail=ops@example.com")
    assert (
        "$(.venv/bin/python -m local overrides prod) Architecture=arm64 AlarmEmail=ops@example.com" in deploy
    )
