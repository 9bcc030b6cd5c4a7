"""`python -m kii_push check`, and what every command does with a wrong command line."""

import io
import json
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest

from kii_push.common import strict_json
from tests.unit import command_line
from tests.unit.command_line import Shell

SHORT = {"title": "Shipped", "body": "On its way"}
ON = {"enabled": True}


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return command_line.shell(capsys, monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "push.json"


def test_a_good_message_shows_the_bytes_of_each_network(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"data": {"k": "v"}, "apns": ON, "jpush": ON}))
    ran = shell.run("check", file)
    assert (ran.status, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"{file} can be sent to a user.",
        "  network  bytes  limit  left",
        "  apns        18   2048  2030",
        "  jpush      119      -     -",
    ]


def test_the_table_for_programs(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"data": {"k": "v"}, "apns": ON, "jpush": ON}))
    assert shell.run("check", file, "--json").json == {
        "valid": True,
        "networks": {"apns": {"bytes": 18, "limit": 2048}, "jpush": {"bytes": 119, "limit": None}},
    }


def test_a_message_without_an_enabled_network_has_no_table(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"gcm": {"enabled": False}}))
    assert shell.run("check", file).out == f"{file} can be sent to a user.\n"


def test_the_target_decides_what_kii_adds(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps(SHORT))

    def apns(*options: str) -> int:
        used: int = shell.run("check", file, "--json", *options).json["networks"]["apns"]["bytes"]
        return used

    to_topic = apns("--to", "topic:news")
    assert to_topic > apns()
    assert apns("--to", "topic:news", "--group", "g-1") > to_topic
    assert apns("--to", "topic:news", "--app-id", "x" * 13) == to_topic + 1


def test_a_request_is_checked_for_its_own_target(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"target": {"topic": "news"}, "message": SHORT}))
    assert shell.run("check", file).out.startswith(f"{file} can be sent to a topic's subscribers.\n")
    assert shell.run("check", file, "--to", "topic:news").status == 0


def test_a_change_of_an_object_is_checked_too(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"target": {"bucket": "orders"}, "object": {"a": 1}}))
    ran = shell.run("check", file)
    assert ran.out == (
        f"{file} can be sent as the change of an object.\n  The object has 7 of 65534 characters.\n"
    )
    assert shell.run("check", file, "--json").json == {
        "valid": True,
        "object": {"characters": 7, "limit": 65534},
    }


def test_each_broken_rule_is_named_with_its_field(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"data": {"deep": {}}, "gcm": {"enabled": True, "data": {"n": 1}}}))
    ran = shell.run("check", file)
    assert (ran.status, ran.err) == (1, "")
    assert ran.out.splitlines() == [
        f"{file} cannot be sent:",
        "  message.data.deep   must be a string, a number or a boolean",
        "  message.gcm.data.n  must be a string",
    ]


def test_broken_rules_for_programs(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"gcm": {"enabled": True, "data": {"n": 1}}}))
    ran = shell.run("check", file, "--json")
    assert ran.status == 1
    assert ran.json == {
        "valid": False,
        "errors": [{"field": "message.gcm.data.n", "reason": "must be a string"}],
    }


def test_the_rules_for_topics_can_be_chosen(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"fcm": {"enabled": True, "data": {"ttl": "1"}}}))
    assert shell.run("check", file, "--to", "topic:news").status == 1
    assert shell.run("check", file, "--to", "topic:news", "--rules", "strict-old").status == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"gcm": ', "the body is not valid JSON: Expecting value at line 1 column 9"),
        (b"\xff", "is not UTF-8"),
        (b'"' + b"x" * strict_json.MAX_BYTES, f"has more than {strict_json.MAX_BYTES} bytes"),
        (b"[1]", "Expected `object`, got `array`"),
        (b'{"a": 1e400}', "the body has a number that is too large"),
    ],
)
def test_what_is_no_message_is_refused(shell: Shell, file: Path, content: bytes, said: str) -> None:
    file.write_bytes(content)
    ran = shell.run("check", file)
    assert ran.status == 1
    assert said in ran.out


@pytest.mark.parametrize(("message", "status"), [(SHORT, 0), ({"data": {}}, 1)])
def test_standard_input_is_read(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, message: dict[str, Any], status: int
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(json.dumps(message).encode())))
    ran = shell.run("check", "-")
    assert ran.status == status
    assert ran.out.startswith("standard input can")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["check", "{folder}/missing.json"], "missing.json cannot be read: No such file or directory."),
        (["check", "{folder}"], "cannot be read: Is a directory."),
        (["check", "{file}", "--to", "bob"], "'bob' is not of the form user:LOGIN_NAME:bob or topic:news."),
        (["check", "{file}", "--to", "user:"], "'user:' is not of the form"),
        (["check", "{file}", "--to", "bucket:orders"], "'bucket:orders' is not of the form"),
        (["check", "{file}", "--group", "g-1"], "--group goes with --to topic:NAME."),
        (["check", "{file}", "--to", "user:u-1", "--thing", "t-1"], "--thing goes with --to topic:NAME."),
        (["check", "{request}", "--to", "topic:other"], "names another target than --to."),
        (["check", "{file}", "--rules", "newest"], "'newest' is not one of"),
        (["check"], "Missing argument"),
        (["checks"], "No such command"),
        (["send", "{file}"], "does not say whom it is for."),
        (["send", "{bucket}"], "A change of an object is not sent this way."),
        (
            ["topics", "create", "news", "--group", "g", "--user", "u"],
            "Give one of --group, --user and --thing.",
        ),
        (
            ["subscriptions", "add", "news", "user:u-1"],
            "'news' is not of the form topic:news or bucket:orders.",
        ),
        (
            ["subscriptions", "add", "topic:news", "bob"],
            "'bob' is not of the form user:LOGIN_NAME:bob or thing:",
        ),
        (["subscriptions", "drop", "topic:news", "user:u-1"], "'drop' is not one of"),
    ],
)
def test_a_wrong_command_line_is_told_on_standard_error(
    shell: Shell, tmp_path: Path, arguments: list[str], said: str
) -> None:
    files = {name: tmp_path / f"{name}.json" for name in ("file", "request", "bucket")}
    files["file"].write_text(json.dumps(SHORT))
    files["request"].write_text(json.dumps({"target": {"topic": "news"}, "message": SHORT}))
    files["bucket"].write_text(json.dumps({"target": {"bucket": "orders"}, "object": {}}))
    ran = shell.run(*(each.format(folder=tmp_path, **files) for each in arguments))
    assert (ran.status, ran.out) == (2, "")
    assert said in " ".join(ran.err.replace("│", "").split())


def test_without_a_command_help_is_shown(shell: Shell) -> None:
    ran = shell.run()
    for command in ("check", "send", "topics", "subscriptions", "devices"):
        assert command in ran.out


def test_it_runs_as_a_module(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["kii_push", "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("kii_push", run_name="__main__")
    assert end.value.code == 0
    assert "python -m kii_push" in capsys.readouterr().out
