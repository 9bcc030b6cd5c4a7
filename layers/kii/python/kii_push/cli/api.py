"""Calls of the deployed HTTPS API, and its problems as failures."""

import re
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import msgspec
from msgspec import Struct, field

from kii_push.cli import signature
from kii_push.cli.failure import Failure, Status
from kii_push.errors import Outcome

# API Gateway gives up on a function after 29 seconds.
_TIMEOUT_SECONDS = 35
_HOST = re.compile(r".*\.execute-api\.([a-z0-9-]+)\.amazonaws\.com(\.cn)?")
_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.UnsupportedProtocol)

_OF_OUTCOME: dict[str, Status] = {Outcome.NOT_SENT: Status.NOT_SENT, Outcome.UNKNOWN: Status.UNKNOWN}
_NEXT_STEPS = {
    "TOPIC_NOT_FOUND": "`topics list` shows the topics there are, `topics create NAME` makes one.",
    "TOPIC_ALREADY_EXISTS": "Nothing needs to be done: the topic can be used.",
    "USER_NOT_FOUND": "Name a user by ID, or as LOGIN_NAME:bob, EMAIL:bob@example.com or PHONE:+81...",
    "GROUP_NOT_FOUND": "Name a group by its ID.",
    "THING_NOT_FOUND": "Name a thing by its ID, or as VENDOR_THING_ID:lamp.",
    "PUSH_SUBSCRIPTION_ALREADY_EXISTS": "Nothing needs to be done: the subscription is there.",
    "PUSH_SUBSCRIPTION_NOT_FOUND": "Nothing needs to be done: there is no such subscription.",
}


class Api:
    """Calls of the API, signed with this environment's AWS credentials, while its block runs."""

    def __init__(self, url: str, region: str | None) -> None:
        """Take the region from `url` or the AWS settings unless it is given. Raises Failure."""
        in_name = _HOST.fullmatch(_host(url))
        signed = signature.from_environment(region or (in_name[1] if in_name else None))
        self._http = httpx.Client(auth=signed, timeout=_TIMEOUT_SECONDS)
        self._url = url.rstrip("/")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def do(self, method: str, path: str) -> None:
        """Call the API below its address for the effect. Raises Failure unless it succeeds."""
        self._call(method, path)

    def ask[T](
        self,
        shape: type[T],
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> T:
        """Call the API and return its answer as `shape`. Raises Failure unless it succeeds with one."""
        # Signature Version 4 wants every reserved character encoded, and httpx leaves some.
        asked = f"?{urlencode(query, quote_via=quote, safe='')}" if query else ""
        answer = self._call(method, f"{path}{asked}", json=json, headers=headers)
        try:
            return msgspec.json.decode(answer.content, type=shape)
        except msgspec.MsgspecError:
            next_step = "Is the address the stack's output ApiUrl?"
            raise Failure(f"{self._url} answers, but not as the API does.", next_step) from None

    def _call(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            answer = self._http.request(method, f"{self._url}{path}", **request)
        except _NEVER_SENT as error:
            raise Failure(
                f"{self._url} cannot be reached ({type(error).__name__}).",
                "Nothing has happened. Check the address and the network.",
                Status.NOT_SENT,
            ) from None
        except httpx.RequestError as error:
            said = f"No answer came from {self._url} ({type(error).__name__})."
            raise Failure(said, status=Status.UNKNOWN) from None
        if not answer.is_success:
            raise _failure(answer)
        return answer


def _host(url: str) -> str:
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        address = httpx.URL("")
    if address.scheme not in {"http", "https"} or not address.host:
        next_step = "Give the stack's output ApiUrl, as --url or in KII_PUSH_API_URL."
        raise Failure(f"{url!r} is not an address.", next_step, Status.USAGE)
    return address.host


class _FieldError(Struct):
    field: str
    reason: str


class _Problem(Struct):
    """An answer that is no success: the bundle's problem (RFC 9457), or the gateway's own answer."""

    title: str = ""
    detail: str | None = None
    message: str | None = None
    outcome: str | None = None
    error_code: str | None = field(name="errorCode", default=None)
    errors: list[_FieldError] = []


def _failure(answer: httpx.Response) -> Failure:
    try:
        problem = msgspec.json.decode(answer.content, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    status = _status(answer, problem)
    return Failure(_said(answer, problem), _next_step(answer, problem, status), status)


def _status(answer: httpx.Response, problem: _Problem) -> Status:
    if problem.outcome is not None:
        return _OF_OUTCOME.get(problem.outcome, Status.REFUSED)
    # The gateway's own 503 comes when a function did not run, and when one died after it had sent.
    if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
        return Status.NOT_SENT
    return Status.UNKNOWN if answer.is_server_error else Status.REFUSED


def _said(answer: httpx.Response, problem: _Problem) -> str:
    title = problem.title or f"The API answered {answer.status_code}"
    if problem.errors:
        fields = [f"{each.field}: {each.reason}" if each.field else each.reason for each in problem.errors]
        return "\n  ".join([f"{title}:", *fields])
    detail = problem.detail or problem.message
    return f"{title}: {detail}." if detail else f"{title}."


def _next_step(answer: httpx.Response, problem: _Problem, status: Status) -> str:
    if problem.error_code in _NEXT_STEPS:
        return _NEXT_STEPS[problem.error_code]
    if status == Status.NOT_SENT:
        wait = answer.headers.get("Retry-After")
        return f"Nothing has happened. Run the same command again{f' in {wait} s' if wait else ''}."
    if answer.status_code == httpx.codes.FORBIDDEN:
        return "The credentials need execute-api:Invoke on the API, and the signature the API's region."
    return ""
