"""Run the command line in this process, its API played by an httpx.MockTransport."""

import functools
import json
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from kii_push.cli.app import main

URL = "https://abc123.execute-api.ap-northeast-1.amazonaws.com/v1"


@dataclass
class Ran:
    """What a command left: its exit status, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as JSON."""
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs commands; `answers` are what the API gives, in turn, `asked` what it was asked."""

    capsys: pytest.CaptureFixture[str]
    answers: list[httpx.Response | Exception] = field(default_factory=list)
    asked: list[httpx.Request] = field(default_factory=list)

    def run(self, *arguments: object) -> Ran:
        """Run `python -m kii_push` with these arguments."""
        status = 0
        try:
            main([str(each) for each in arguments])
        except SystemExit as end:
            status = int(end.code or 0)
        printed = self.capsys.readouterr()
        return Ran(status, printed.out, printed.err)

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Give the next answer."""
        request.read()
        self.asked.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def shell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """Return a shell whose commands reach its answers and no network."""
    opened = Shell(capsys)
    transport = httpx.MockTransport(opened.answer)
    monkeypatch.setattr(httpx, "Client", functools.partial(httpx.Client, transport=transport))
    monkeypatch.setenv("KII_PUSH_API_URL", URL)
    return opened
