"""Enough of AWS to run a built function by itself: what its environment names, and no deployment.

`sam deploy` takes most of the time in which a local stack starts. A function under the Runtime Interface
Emulator needs no other function, no role and no gateway, only the table, the queues, the bucket and the
secret that its environment variables name.
"""

import json
import time
from typing import TYPE_CHECKING, Any, override

from local.deploy import STACK_NAME, aws_session, put_kii_secret
from local.process import LocalError
from local.servers import LocalServers
from local.settings import ARCHITECTURE
from local.template import function, functions, mentioned, source

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


class Workbench(LocalServers):
    """The sandbox, MiniStack, and the template's resources that the functions' environments name."""

    @override
    def _provision(self) -> None:
        with self._step("make what the functions' environments name"):
            self._variables = self._create_stack()
        secrets = {variables["KII_SECRET_ID"] for variables in self._variables.values()}
        for secret in secrets:
            put_kii_secret(self.endpoint, secret, self.kii_url)

    @override
    def function_variables(self, logical_id: str) -> dict[str, str]:
        if logical_id not in self._variables:
            raise LocalError(f"There is no function {logical_id} in template.yaml.")
        return self._variables[logical_id]

    def _create_stack(self) -> dict[str, dict[str, str]]:
        """Create the resources under the deployed stack's name; return each function's variables."""
        parameters = {"Architecture": ARCHITECTURE, **self._parameters}
        client = aws_session().client("cloudformation", endpoint_url=self.endpoint)
        client.create_stack(
            StackName=STACK_NAME,
            Capabilities=["CAPABILITY_AUTO_EXPAND"],  # for the transform
            TemplateBody=json.dumps(_template()),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
            ],
        )
        stack = _created(client)
        client.close()
        if stack["StackStatus"] != "CREATE_COMPLETE":
            raise LocalError(f"The resources could not be made: {stack.get('StackStatusReason')}")
        return {each["OutputKey"]: json.loads(each["OutputValue"]) for each in stack["Outputs"]}


def _created(client: "CloudFormationClient") -> "StackTypeDef":
    """Return the stack once its creation is over; botocore's own waiter sleeps whole seconds."""
    while True:
        [stack] = client.describe_stacks(StackName=STACK_NAME)["Stacks"]
        if stack["StackStatus"] != "CREATE_IN_PROGRESS":
            return stack
        time.sleep(0.05)


def _template() -> dict[str, Any]:
    """Return the part of `template.yaml` that the functions' environments name.

    Its outputs are each function's environment variables, as JSON.
    """
    variables = {
        name: {key: _filled(value) for key, value in function(name)["Environment"]["Variables"].items()}
        for name in functions().values()
    }
    resources: dict[str, Any] = {}
    names = set(mentioned(variables))
    while names := (names - resources.keys()) & source()["Resources"].keys():
        new = {name: source()["Resources"][name] for name in names}
        resources |= new
        names = set(mentioned(new))
    return {
        "Transform": "AWS::LanguageExtensions",
        **{part: source()[part] for part in ("Parameters", "Conditions")},
        "Resources": resources,
        "Outputs": {name: {"Value": {"Fn::ToJsonString": each}} for name, each in variables.items()},
    }


def _filled(value: Any) -> Any:
    """Return the value of a variable; of what only SAM makes, such as a function's role, any."""
    known = source()["Resources"].keys() | source()["Parameters"].keys()
    # What CloudFormation knows by itself begins with AWS.
    made = [name for name in mentioned(value) if name not in known and not name.startswith("AWS")]
    return "made-by-sam" if made else value
