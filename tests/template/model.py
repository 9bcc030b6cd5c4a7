"""The template as CloudFormation gets it: translated by SAM itself, so that the roles it adds are there."""

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]

from local.deploy import aws_session
from local.settings import ROOT
from local.template import mentioned, source

type Resource = dict[str, Any]

# Of OpenAPI, and API Gateway's own for all of them. A browser's OPTIONS cannot be signed.
METHODS = {"get", "put", "post", "delete", "patch", "head", "x-amazon-apigateway-any-method"}


@functools.cache
def resources() -> dict[str, Resource]:
    """Return the resources after SAM's translation, by logical ID."""
    template = copy.deepcopy(source())
    for resource in template["Resources"].values():
        # As `sam package` does: the translation takes uploaded code only.
        for place in ("CodeUri", "ContentUri", "DefinitionUri"):
            if place in resource.get("Properties", {}):
                resource["Properties"][place] = "s3://bucket/key"
    translated: dict[str, Resource] = Translator({}, Parser(), boto_session=aws_session()).translate(
        template, {}
    )["Resources"]
    return translated


def of_type(kind: str) -> dict[str, Any]:
    """Return the properties of all resources of one CloudFormation type, by logical ID."""
    return {
        name: each.get("Properties", {}) for name, each in sorted(resources().items()) if each["Type"] == kind
    }


def references(value: Any) -> Iterator[str]:
    """Yield the logical IDs of the stack's own resources that a value refers to."""
    yield from (name for name in mentioned(value) if name in resources())


def statements(role: str) -> Iterator[dict[str, Any]]:
    """Yield the statements of a role's own policies, actions and resources as lists."""
    for policy in of_type("AWS::IAM::Role")[role].get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            yield {**statement, **{key: as_list(statement[key]) for key in ("Action", "Resource")}}


def allows(role: str, action: str, resource: str) -> bool:
    """Say whether a role of the stack may do this to a resource of the stack."""
    return any(
        statement["Effect"] == "Allow"
        and action in statement["Action"]
        and resource in references(statement["Resource"])
        for statement in statements(role)
    )


def transformations() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (pattern, metric) of every metric that is made of log lines."""
    for properties in of_type("AWS::Logs::MetricFilter").values():
        [metric] = properties["MetricTransformations"]
        yield properties["FilterPattern"], metric


def metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the metrics that an alarm watches, with period and statistic: several for metric math."""
    if "Metrics" not in alarm:
        return [alarm]
    queried = [each["MetricStat"] for each in alarm["Metrics"] if "MetricStat" in each]
    return [{**each["Metric"], "Period": each["Period"], "Statistic": each["Stat"]} for each in queried]


def as_list(value: Any) -> list[Any]:
    """Return what CloudFormation takes as one or several as several."""
    return value if isinstance(value, list) else [value]


def by_default(value: Any) -> Any:
    """Return a property as it is when nobody sets the template's parameters."""
    return source()["Parameters"][value["Ref"]]["Default"] if isinstance(value, dict) else value


def functions() -> dict[str, Resource]:
    """Return the functions' properties, translated."""
    return of_type("AWS::Lambda::Function")


def folder(function: str) -> Path:
    """Return the folder of a function's code."""
    return ROOT / str(source()["Resources"][function]["Properties"]["CodeUri"])


def operations() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield (method and path, operation, OpenAPI document) for all that the gateway serves."""
    for properties in of_type("AWS::ApiGateway::RestApi").values():
        document = _document(properties["Body"])
        for path, item in document["paths"].items():
            for method in METHODS & item.keys():
                yield f"{method.upper()} {path}", item[method], document


def _document(body: dict[str, Any]) -> dict[str, Any]:
    if "Fn::Transform" not in body:
        return body
    location = body["Fn::Transform"]["Parameters"]["Location"]
    included: dict[str, Any] = json.loads((ROOT / location).read_text())
    return included
