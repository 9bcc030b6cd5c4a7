"""The commands that call the deployed API: what they ask, what they print, how they fail."""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.unit import command_line
from tests.unit.command_line import URL, Shell

MESSAGE = {"data": {"k": "v"}, "gcm": {"enabled": True}}
SENT = {"id": "order-42", "pushMessageID": "p-1"}


@pytest.fixture
def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return command_line.shell(capsys, monkeypatch)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "push.json"
    path.write_text(json.dumps(MESSAGE))
    return path


def problem(
    status: int, outcome: str, headers: dict[str, str] | None = None, **members: Any
) -> httpx.Response:
    body = {"type": f"urn:kii-push:{outcome}", "title": "The title", "status": status, "outcome": outcome}
    return httpx.Response(status, json=body | members, headers=headers)


@pytest.mark.parametrize(
    ("options", "path", "target"),
    [
        ("--to user:LOGIN_NAME:bob", "/users/LOGIN_NAME:bob", {"user": "LOGIN_NAME:bob"}),
        (
            "--to user:EMAIL:b%c@example.com",
            "/users/EMAIL:b%25c%40example.com",
            {"user": "EMAIL:b%c@example.com"},
        ),
        ("--to topic:news --group g-1", "/groups/g-1/topics/news", {"topic": "news", "group": "g-1"}),
        ("--to topic:news --user u-1", "/users/u-1/topics/news", {"topic": "news", "user": "u-1"}),
        ("--to topic:news --thing t-1", "/things/t-1/topics/news", {"topic": "news", "thing": "t-1"}),
    ],
)
def test_a_message_is_sent_to_whom_the_options_name(
    shell: Shell, file: Path, options: str, path: str, target: dict[str, str]
) -> None:
    shell.answers = [httpx.Response(201, json=SENT)]
    ran = shell.run("send", file, *options.split(), "--id", "order-42")
    assert (ran.status, ran.out) == (0, f"{file} is sent: pushMessageID p-1, id order-42\n")
    [asked] = shell.asked
    assert (asked.method, str(asked.url)) == ("POST", f"{URL}{path}/push/messages")
    assert asked.headers["Idempotency-Key"] == "order-42"
    assert json.loads(asked.content) == {"target": target, "message": MESSAGE}


def test_what_goes_to_everybody_is_sent_when_it_is_confirmed(shell: Shell, file: Path) -> None:
    shell.answers = [httpx.Response(201, json=SENT)]
    refused = shell.run("send", file, "--to", "topic:news")
    assert (refused.status, shell.asked) == (1, [])
    assert refused.err.splitlines() == [
        "error: This goes to all subscribers of a topic in the app's scope.",
        "If so, add --confirm.",
    ]
    assert shell.run("send", file, "--to", "topic:news", "--confirm").status == 0
    [asked] = shell.asked
    assert str(asked.url) == f"{URL}/topics/news/push/messages"
    assert json.loads(asked.content) == {"target": {"topic": "news"}, "message": MESSAGE, "confirm": True}


def test_a_request_is_sent_as_it_stands(shell: Shell, file: Path) -> None:
    request = {"id": "order-42", "target": {"topic": "news"}, "message": MESSAGE, "confirm": True}
    file.write_text(json.dumps(request))
    shell.answers = [httpx.Response(201, json=SENT)]
    assert shell.run("send", file).status == 0
    [asked] = shell.asked
    assert asked.headers["Idempotency-Key"] == "order-42"
    assert json.loads(asked.content) == request


def test_each_push_without_an_id_has_its_own(shell: Shell, file: Path) -> None:
    shell.answers = [httpx.Response(201, json=SENT), httpx.Response(201, json=SENT)]
    for _ in range(2):
        shell.run("send", file, "--to", "user:bob")
    assert len({asked.headers["Idempotency-Key"] for asked in shell.asked}) == 2


def test_a_push_that_was_sent_before_is_told(shell: Shell, file: Path) -> None:
    shell.answers = [httpx.Response(201, json=SENT | {"replayed": True})] * 2
    arguments = ["send", file, "--to", "user:bob", "--id", "order-42"]
    assert shell.run(*arguments).out == f"{file} was sent before: pushMessageID p-1, id order-42\n"
    assert shell.run(*arguments, "--json").json == SENT | {"replayed": True}


def test_a_dry_run_sends_nothing_and_shows_whom_it_would_reach(shell: Shell, file: Path) -> None:
    report = {
        "id": "x",
        "dryRun": True,
        "networks": {
            "fcm": {"bytes": 120, "limit": 4096, "installations": 2},
            "jpush": {"bytes": 90, "limit": None, "installations": 0},
        },
    }
    shell.answers = [httpx.Response(200, json=report)] * 2
    ran = shell.run("send", file, "--to", "user:bob", "--dry-run")
    assert ran.out.splitlines() == [
        f"{file} can be sent. Nothing was sent now.",
        "  network  bytes  limit  left  devices",
        "  fcm        120   4096  3976        2",
        "  jpush       90      -     -        0",
    ]
    assert shell.run("send", file, "--to", "user:bob", "--dry-run", "--json").json == report
    assert {str(asked.url.query, "ascii") for asked in shell.asked} == {"dryRun=true"}


def test_a_wrong_request_is_not_sent(shell: Shell, file: Path) -> None:
    file.write_text(json.dumps({"target": {"topic": "no way"}, "message": {"gcm": {"enabled": "yes"}}}))
    ran = shell.run("send", file)
    assert (ran.status, ran.out, shell.asked) == (1, "", [])
    assert ran.err.splitlines() == [
        "error: the push or its target is wrong:",
        "  target.topic  must be 1 to 64 letters, digits, '_' or '-'",
    ]


AGAIN = "Run it again with --id order-42: under one ID it is not sent twice."
LATER = "Nothing has happened. Run the same command again"
FIELDS = [{"field": "message.gcm", "reason": "bad"}, {"field": "", "reason": "worse"}]


@pytest.mark.parametrize(
    ("answer", "status", "said", "next_step"),
    [
        (problem(400, "rejected", errors=FIELDS), 1, "The title:\n  message.gcm: bad\n  worse", ""),
        (
            problem(404, "rejected", errorCode="GROUP_NOT_FOUND", detail="Kii answered 404"),
            1,
            "The title: Kii answered 404.",
            "Name a group by its ID.",
        ),
        (problem(410, "expired"), 1, "The title.", ""),
        (problem(503, "not_sent", headers={"Retry-After": "7"}), 3, "The title.", f"{LATER} in 7 s."),
        (problem(504, "unknown", detail="no answer"), 4, "The title: no answer.", AGAIN),
        (
            httpx.Response(403, json={"message": "Missing Authentication Token"}),
            1,
            "The API answered 403: Missing Authentication Token.",
            "The credentials need execute-api:Invoke on the API, and the signature the API's region.",
        ),
        (httpx.Response(429, json={"title": "Too many calls"}), 3, "Too many calls.", f"{LATER}."),
        (httpx.Response(503, json={"title": "No answer"}), 4, "No answer.", AGAIN),
        (httpx.Response(502, text="<html>"), 4, "The API answered 502.", AGAIN),
        (httpx.Response(302), 1, "The API answered 302.", ""),
        (
            httpx.Response(200, text="<html>welcome"),
            1,
            f"{URL} answers, but not as the API does.",
            "Is the address the stack's output ApiUrl?",
        ),
        (
            httpx.ConnectError("refused"),
            3,
            f"{URL} cannot be reached (ConnectError).",
            "Nothing has happened. Check the address and the network.",
        ),
        (httpx.ReadTimeout("late"), 4, f"No answer came from {URL} (ReadTimeout).", AGAIN),
    ],
)
def test_a_failure_says_what_to_do_and_how_it_ended(
    shell: Shell, file: Path, answer: httpx.Response | Exception, status: int, said: str, next_step: str
) -> None:
    shell.answers = [answer]
    ran = shell.run("send", file, "--to", "user:bob", "--id", "order-42")
    assert (ran.status, ran.out) == (status, "")
    assert ran.err == f"error: {said}\n" + (f"{next_step}\n" if next_step else "")


def test_a_dry_run_without_an_answer_has_nothing_to_repeat(shell: Shell, file: Path) -> None:
    shell.answers = [httpx.ReadTimeout("late")]
    ran = shell.run("send", file, "--to", "user:bob", "--dry-run")
    assert (ran.status, ran.err) == (4, f"error: No answer came from {URL} (ReadTimeout).\n")


def test_all_pages_of_topics_are_listed(shell: Shell) -> None:
    pages: list[Any] = [
        {"topics": [{"topicID": "news"}, {"topicID": "digest"}], "paginationKey": "a/b+c="},
        {"topics": [{"topicID": "alerts"}]},
    ]
    shell.answers = [httpx.Response(200, json=page) for page in pages * 2]
    ran = shell.run("topics", "list", "--group", "g-1")
    assert (ran.status, ran.out) == (0, "news\ndigest\nalerts\n")
    assert [str(asked.url).removeprefix(URL) for asked in shell.asked] == [
        "/groups/g-1/topics",
        "/groups/g-1/topics?paginationKey=a%2Fb%2Bc%3D",
    ]
    assert shell.run("topics", "list", "--json").json == ["news", "digest", "alerts"]


@pytest.mark.parametrize(
    ("command", "asked", "said"),
    [
        ("topics create news", "PUT /topics/news", "Topic news is made."),
        ("topics delete news --user u-1", "DELETE /users/u-1/topics/news", "Topic news is deleted."),
        (
            "subscriptions add topic:news user:LOGIN_NAME:bob",
            "PUT /topics/news/push/subscriptions/users/LOGIN_NAME:bob",
            "user:LOGIN_NAME:bob is subscribed to topic:news.",
        ),
        (
            "subscriptions check bucket:orders thing:t-1 --group g-1",
            "GET /groups/g-1/buckets/orders/push/subscriptions/things/t-1",
            "thing:t-1 is subscribed to bucket:orders.",
        ),
        (
            "subscriptions remove topic:news thing:VENDOR_THING_ID:lamp",
            "DELETE /topics/news/push/subscriptions/things/VENDOR_THING_ID:lamp",
            "thing:VENDOR_THING_ID:lamp is no longer subscribed to topic:news.",
        ),
    ],
)
def test_topics_and_subscriptions(shell: Shell, command: str, asked: str, said: str) -> None:
    shell.answers = [httpx.Response(204)]
    ran = shell.run(*command.split())
    assert (ran.status, ran.out) == (0, f"{said}\n")
    assert [f"{each.method} {str(each.url).removeprefix(URL)}" for each in shell.asked] == [asked]


@pytest.mark.parametrize(
    "command",
    [
        "topics create no/way",
        "subscriptions add bucket:x user:u-1",
        "topics list --user ..",
        "devices list me",
    ],
)
def test_what_kii_could_not_take_is_not_asked(shell: Shell, command: str) -> None:
    ran = shell.run(*command.split())
    assert (ran.status, shell.asked) == (1, [])


def test_devices_are_listed_without_their_tokens(shell: Shell) -> None:
    found = [
        {
            "installationID": "i-1",
            "installationRegistrationID": "device-token",
            "deviceType": "ANDROID",
            "userID": "u-1",
        },
        {"installationID": "i-22", "deviceType": "MQTT", "userID": "u-1", "development": True},
    ]
    shell.answers = [httpx.Response(200, json={"installations": found})] * 2
    ran = shell.run("devices", "list", "LOGIN_NAME:bob")
    assert ran.out.splitlines() == [
        "  type     installationID  gets",
        "  ANDROID  i-1             production",
        "  MQTT     i-22            development",
    ]
    assert str(shell.asked[0].url) == f"{URL}/installations?userID=LOGIN_NAME%3Abob"
    shown = shell.run("devices", "list", "u-1", "--json")
    assert shown.json == [
        {"installationID": "i-1", "deviceType": "ANDROID", "userID": "u-1"},
        {"installationID": "i-22", "deviceType": "MQTT", "userID": "u-1", "development": True},
    ]


def test_a_user_without_devices(shell: Shell) -> None:
    shell.answers = [httpx.Response(200, json={"installations": []})]
    assert shell.run("devices", "list", "bob").out == "bob has no devices.\n"


def test_the_signature_is_the_one_that_the_gateway_computes(shell: Shell) -> None:
    """The gateway decodes the query and encodes it by its own rules before it compares."""
    shell.answers = [httpx.Response(200, json={"installations": []})]
    shell.run("devices", "list", "EMAIL:b+c@example.com")
    [asked] = shell.asked
    query = dict(part.split("=") for part in asked.url.query.decode().split("&"))
    theirs = AWSRequest(
        asked.method,
        str(asked.url.copy_with(query=None)),
        params={name: unquote(value) for name, value in query.items()},
        headers={"Host": asked.url.host, "X-Amz-Date": asked.headers["X-Amz-Date"]},
    )
    theirs.context["timestamp"] = asked.headers["X-Amz-Date"]
    signer = SigV4Auth(Credentials("test", "test"), "execute-api", "ap-northeast-1")
    signature = signer.signature(signer.string_to_sign(theirs, signer.canonical_request(theirs)), theirs)
    assert asked.headers["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    ("url", "options", "environment", "region"),
    [
        (URL, [], "eu-west-1", "ap-northeast-1"),
        (f"{URL}/".replace(".com", ".com.cn"), [], "eu-west-1", "ap-northeast-1"),
        (URL, ["--region", "us-east-1"], "eu-west-1", "us-east-1"),
        ("http://127.0.0.1:4566/v1", [], "eu-west-1", "eu-west-1"),
        ("https://push.example.com", [], "", "ca-central-1"),
    ],
)
def test_the_region_is_the_api_s(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, url: str, options: list[str], environment: str, region: str
) -> None:
    monkeypatch.setenv("AWS_REGION", environment)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ca-central-1")
    shell.answers = [httpx.Response(204)]
    assert shell.run("topics", "create", "news", "--url", url, *options).status == 0
    [asked] = shell.asked
    assert f"/{region}/execute-api/aws4_request" in asked.headers["Authorization"]
    assert str(asked.url) == f"{url.rstrip('/')}/topics/news"


def test_a_session_token_is_signed_too(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    shell.answers = [httpx.Response(204)]
    shell.run("topics", "create", "news")
    [asked] = shell.asked
    assert asked.headers["X-Amz-Security-Token"] == "session"
    assert "x-amz-security-token" in asked.headers["Authorization"]


@pytest.mark.parametrize("url", ["", "abc123", "ftp://example.com", "https://", "https://a:b:c"])
def test_an_address_that_is_none(shell: Shell, url: str) -> None:
    ran = shell.run("topics", "create", "news", "--url", url)
    assert ran.status == 2
    assert "ApiUrl" in ran.err


@pytest.mark.parametrize(
    ("missing", "setting", "said"),
    [
        (["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"], {}, "There are no AWS credentials to sign with."),
        (["AWS_REGION", "AWS_DEFAULT_REGION"], {}, "The API's region is not known.\nGive it as --region."),
        ([], {"AWS_PROFILE": "nobody"}, "The AWS settings cannot be used: The config profile (nobody)"),
    ],
)
def test_aws_settings_that_are_not_enough(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, missing: list[str], setting: dict[str, str], said: str
) -> None:
    for name in missing:
        monkeypatch.delenv(name)
    for name, value in {"AWS_CONFIG_FILE": os.devnull, **setting}.items():
        monkeypatch.setenv(name, value)
    ran = shell.run("topics", "create", "news", "--url", "https://push.example.com/v1")
    assert (ran.status, ran.out, shell.asked) == (2, "", [])
    assert ran.err.startswith(f"error: {said}")


def test_credentials_that_cannot_be_had(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text("[default]\ncredential_process = false\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    ran = shell.run("topics", "create", "news")
    assert ran.status == 2
    assert ran.err.startswith("error: The AWS settings cannot be used: Error when retrieving credentials")
