"""The functions' `app.py` as modules, loaded from the source tree as Lambda would load them; offline."""

import importlib.util
from types import ModuleType
from typing import Any

import pytest

from kii_push.common import aws
from local.settings import ROOT
from local.template import source
from tests.template.model import by_default, folder


def variables(function: str) -> dict[str, str]:
    """Return the environment that the template gives a function, by the name of its folder.

    What is known only after a deployment is `unknown`.
    """
    template = source()
    [properties] = [
        resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and folder(name).name == function
    ]
    own = properties.get("Environment", {}).get("Variables", {})
    given = template["Globals"]["Function"]["Environment"]["Variables"] | own
    return {name: _text(value) for name, value in given.items()}


def load(function: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import `functions/NAME/app.py` under the function's environment, with AWS clients of its own."""
    for name, value in {**variables(function), "AWS_DEFAULT_REGION": "ap-northeast-1"}.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location(f"{function}_app", ROOT / f"functions/{function}/app.py")
    assert spec
    assert spec.loader
    app = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(app)
    for client in (aws.secrets_manager, aws.dynamodb, aws.sqs, aws.s3):
        client.cache_clear()
    return app


def _text(value: Any) -> str:
    if isinstance(value, dict) and value.get("Ref") not in source()["Parameters"]:
        return "unknown"
    return str(by_default(value))
