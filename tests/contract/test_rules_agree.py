"""The layer's rules and the sandbox's, each written from docs/kii-push-api.md alone, hold each other to it.

The same verdict on every message and the same number of bytes: in one process for thousands of messages, over
HTTP for some dozens. They do not change from run to run; HUNT=1000 looks for new ones, so many of each kind.
"""

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from kii_push.errors import InvalidRequest
from kii_push.message import fields, payload, rules
from kii_push.message.payload import Context
from kii_push.message.rules import Message, RuleSet
from local import loopback
from sandbox.kii.scope import Scope
from sandbox.messages import payloads
from sandbox.messages import rules as sandbox_rules
from tests.contract.demo import CLIENT, SEED
from tests.contract.messages import (
    APP_ID,
    CHANGES,
    GROUP,
    THING,
    TO_TOPICS,
    TO_USER,
    TOPIC,
    USER,
    Case,
    cases,
)
from tests.sandbox.kii import sandbox

HUNT = int(os.environ.get("HUNT", "0"))
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
IN_PROCESS = settings(
    max_examples=HUNT or 40,
    derandomize=not HUNT,
    database=None,
    deadline=None,
    suppress_health_check=SLOW,
)
OVER_HTTP = settings(IN_PROCESS, max_examples=5)


def contexts(rule_set: RuleSet) -> tuple[Context, ...]:
    return (TO_USER,) if rule_set == "direct" else TO_TOPICS


def verdict(body: Message, context: Context, rule_set: RuleSet) -> list[str]:
    """Return the fields that the layer objects to."""
    try:
        msgspec.convert(body, fields.Message)
        rules.check(body, context, rule_set)
    except msgspec.ValidationError as error:
        return [str(error)]
    except InvalidRequest as error:
        return [each.field for each in error.violations]
    return []


def sandbox_verdict(body: Message, context: Context, rule_set: RuleSet) -> dict[str, str]:
    return sandbox_rules.check(
        body,
        direct=rule_set == "direct",
        profile="strict-old" if rule_set == "strict-old" else "new",
        context=in_sandbox(context),
    )


def in_sandbox(context: Context) -> payloads.Context:
    """Return what the sandbox makes of a request to there (§4.1, §8.4)."""
    owner = {"group": ("group_id", GROUP), "user": ("user_id", USER), "thing": ("thing_id", THING)}
    scope, place = None, f"users/{USER}"
    if context.topic:
        type_ = context.scope.type
        kind = f"APP_AND_{type_.upper()}" if type_ else "APP"
        owners = dict([owner[type_]]) if type_ else {}
        scope = Scope(type=kind, app_id=APP_ID, **owners)  # type: ignore[arg-type]
        place = f"{type_}s/{context.scope.id}/topics/{TOPIC}" if type_ else f"topics/{TOPIC}"
    return payloads.Context(
        app_id=APP_ID,
        sender_uri="kiicloud://admins/APP_ADMIN",
        source_uri=f"kiicloud://{place}",
        when_ms=1_760_000_000_000,
        topic_id=context.topic,
        scope=scope,
    )


def rules_broken(case: Case, rule_set: RuleSet) -> set[str]:
    """Return the letters of the rules that a well-formed message breaks."""
    try:
        msgspec.convert(case.message, fields.Message)
    except msgspec.ValidationError:
        return {"shape"}
    return {
        rule.ref
        for rule in rules.RULES
        if rule_set in rule.rule_sets and any(rule.check(case.message, case.context))
    }


@pytest.mark.parametrize("rule_set", ["direct", "strict-old", "new"])
def test_in_one_process(rule_set: RuleSet) -> None:
    met: Counter[str] = Counter()

    def same_verdict(case: Case) -> None:
        refused = verdict(case.message, case.context, rule_set)
        refused_there = sandbox_verdict(case.message, case.context, rule_set)
        assert bool(refused) == bool(refused_there), (refused, refused_there)
        broken = rules_broken(case, rule_set)
        met.update(broken or {"none"})
        if not refused:
            same_bytes(case)
        if "shape" not in broken:
            # What is really sent is the completed message.
            completed = rules.complete(case.message)
            refused = verdict(completed, case.context, rule_set)
            assert bool(refused) == bool(sandbox_verdict(completed, case.context, rule_set)), refused

    def same_bytes(case: Case) -> None:
        for network, used in rules.sizes(case.message, case.context).items():
            carried = payloads.explicit(case.message, network, in_sandbox(case.context))
            assert used == len(payloads.encode(carried)), network
            met[f"full {network}"] += used == payload.LIMITS.get(network, -1)

    for change in CHANGES:
        IN_PROCESS(given(cases(contexts(rule_set), change))(same_verdict))()
    # The messages are worth something: each rule was broken, each limit met to the byte, many broke nothing.
    wanted = {rule.ref for rule in rules.RULES if rule_set in rule.rule_sets} | {"shape"}
    wanted |= {f"full {network}" for network in payload.LIMITS}
    assert wanted <= {what for what, times in met.items() if times}, met
    assert met["none"] > 3 * IN_PROCESS.max_examples, met


@contextmanager
def app(directory: Path, rule_set: RuleSet) -> Iterator[httpx.Client]:
    """Run a sandbox with these rules; yields a client of its app's admin, the topics made."""
    profile = "strict-old" if rule_set == "strict-old" else "new"
    with (
        sandbox(directory, "--seed", SEED, "--policy", f"messageRules={profile}") as origin,
        loopback.client(base_url=f"{origin}/api/apps/{APP_ID}") as kii,
    ):
        login = kii.post("/oauth2/token", json={"grant_type": "client_credentials", **CLIENT})
        kii.headers["Authorization"] = f"Bearer {login.raise_for_status().json()['access_token']}"
        for context in TO_TOPICS:
            kii.put(f"{context.scope.path}/topics/{TOPIC}").raise_for_status()
        yield kii


@pytest.mark.parametrize("rule_set", ["direct", "strict-old", "new"])
def test_over_http(rule_set: RuleSet, tmp_path: Path) -> None:
    met: Counter[str] = Counter()
    with app(tmp_path, rule_set) as kii:

        def same_verdict(case: Case) -> None:
            refused = verdict(case.message, case.context, rule_set)
            place = f"{case.context.scope.path}/topics/{TOPIC}" if case.context.topic else f"/users/{USER}"
            answer = kii.post(
                f"{place}/push/messages",
                json=case.message,
                headers={"Content-Type": "application/vnd.kii.SendPushMessageRequest+json"},
            )
            expected: tuple[int, Any] = (400, "INVALID_INPUT_DATA") if refused else (201, None)
            assert (answer.status_code, answer.json().get("errorCode")) == expected, (refused, answer.text)
            met["refused" if refused else "accepted"] += 1

        for change in CHANGES:
            OVER_HTTP(given(cases(contexts(rule_set), change))(same_verdict))()
    assert min(met["refused"], met["accepted"]) > OVER_HTTP.max_examples, met
