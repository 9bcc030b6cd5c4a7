"""What an update of a function does to an invocation of it that is under way."""

import io
import json
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.emulator.conftest import Aws

# Marks that it runs, waits as long as it is told, and answers with its version and its process.
CODE = """
import os, pathlib, time

def handler(event, context):
    if "mark" in event:
        pathlib.Path(event["mark"]).touch()
        time.sleep(3)
    return [{version!r}, os.environ.get("SETTING"), os.getpid()]
"""


def zipped(version: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("app.py", CODE.format(version=version))
    return file.getvalue()


def is_gone(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
            return stat.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.fixture(scope="module")
def role_arn(aws: "Aws") -> str:
    trust = {"Version": "2012-10-17", "Statement": []}
    made = aws.client("iam").create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(trust))
    return str(made["Role"]["Arn"])


@pytest.mark.parametrize("changed", ["code", "configuration"])
def test_an_invocation_under_way_ends_as_it_began(
    aws: "Aws", role_arn: str, tmp_path: "Path", changed: str
) -> None:
    functions = aws.client("lambda")
    name = f"updated-{changed}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=role_arn,
        Code={"ZipFile": zipped("old")},
        Timeout=20,
    )
    update: dict[str, Callable[[], Any]] = {
        "code": lambda: functions.update_function_code(FunctionName=name, ZipFile=zipped("new")),
        "configuration": lambda: functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": {"SETTING": "new"}}
        ),
    }
    expected = {"code": ["new", None], "configuration": ["old", "new"]}

    def invoke(event: dict[str, str]) -> list[Any]:
        answer = functions.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        found: list[Any] = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, found
        return found

    mark = tmp_path / "runs"
    with ThreadPoolExecutor(1) as threads:
        begun = threads.submit(invoke, {"mark": str(mark)})
        assert wait_until(mark.exists, within=20)
        started = time.monotonic()
        update[changed]()
        assert invoke({})[:2] == expected[changed]
        assert time.monotonic() - started < 2.5, "the update did not wait for it"
        assert not begun.done()
        *said, pid = begun.result()

    assert said == ["old", None]
    assert wait_until(lambda: is_gone(pid), within=10), "its environment is not used again"
    assert invoke({})[:2] == expected[changed]
