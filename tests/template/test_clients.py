"""House rules for AWS clients: a function makes those that its role is for, while it loads, and no other."""

import json
import os
import subprocess
import sys
from typing import Any

import boto3
import pytest

from local.settings import ROOT
from tests import apps
from tests.template.model import folder, functions, references, statements

FUNCTIONS = functions()
# Each takes a good part of a cold start. Powertools imports `botocore` alone, which is small, to register its
# name with it.
SDKS = ("boto3", "botocore.", "httpx")


def allowed(name: str) -> set[str]:
    """Return the services that a function's own policies are about."""
    [role] = references(FUNCTIONS[name]["Role"])
    return {action.partition(":")[0] for statement in statements(role) for action in statement["Action"]}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_makes_a_client_for_each_service_that_its_role_allows_and_no_other(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    services: list[str] = []
    make = boto3.client

    def client(service: Any, **options: Any) -> Any:
        services.append(service)
        return make(service, **options)

    monkeypatch.setattr(boto3, "client", client)

    apps.load(folder(name).name, monkeypatch)

    assert sorted(services) == sorted(allowed(name)), "one of each"


def sdks_of(function: str) -> set[str]:
    """Return which SDKS are imported with a function's source, in a process of its own."""
    code = "import app, json, sys; print(json.dumps(sorted(sys.modules)))"
    path = os.pathsep.join((str(ROOT / "functions" / function), str(ROOT / "layers/kii/python")))
    done = subprocess.run(  # noqa: S603 (our own command)
        [sys.executable, "-c", code],
        env={
            **apps.variables(function),
            "AWS_DEFAULT_REGION": "ap-northeast-1",
            "PYTHONPATH": path,
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        text=True,
        check=True,
    )
    return {sdk for sdk in SDKS for module in json.loads(done.stdout) if module.startswith(sdk)}


def test_the_document_is_served_without_an_sdk() -> None:
    assert sdks_of("openapi") == set()
    assert sdks_of("topics") == set(SDKS), "they are found where they are needed"
