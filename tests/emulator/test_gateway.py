"""What becomes of an API whose definition changes."""

import json
from typing import TYPE_CHECKING, Any

from tests.support import wait_until

if TYPE_CHECKING:
    from tests.emulator.conftest import Aws


def template(*paths: str) -> str:
    """Return a stack of one API with these paths, and its ID as output."""
    method = {"get": {"x-amazon-apigateway-integration": {"type": "mock"}}}
    body = {
        "openapi": "3.0.1",
        "info": {"title": "api", "version": "1"},
        "paths": dict.fromkeys(paths, method),
    }
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Body": body}}
    return json.dumps({"Resources": {"Api": api}, "Outputs": {"Api": {"Value": {"Ref": "Api"}}}})


def test_an_api_keeps_its_id_and_takes_the_new_definition(aws: "Aws") -> None:
    stacks, gateway = aws.client("cloudformation"), aws.client("apigateway")

    def deployed(status: str) -> tuple[str, set[str]]:
        """Return the API's ID and its paths once the stack has this status."""

        def stack() -> dict[str, Any]:
            [found] = stacks.describe_stacks(StackName="api")["Stacks"]
            return dict(found)

        assert wait_until(lambda: stack()["StackStatus"] == status, within=30)
        api = stack()["Outputs"][0]["OutputValue"]
        return api, {each["path"] for each in gateway.get_resources(restApiId=api)["items"]}

    before = len(gateway.get_rest_apis()["items"])
    stacks.create_stack(StackName="api", TemplateBody=template("/a", "/a/b"))
    first, paths = deployed("CREATE_COMPLETE")
    assert paths == {"/", "/a", "/a/b"}

    stacks.update_stack(StackName="api", TemplateBody=template("/a", "/c"))
    assert deployed("UPDATE_COMPLETE") == (first, {"/", "/a", "/c"})
    assert len(gateway.get_rest_apis()["items"]) == before + 1
