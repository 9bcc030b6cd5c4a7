"""What a push must pass before Kii is asked: its message completed and held against the rules."""

import json
import os
from typing import cast

from kii_push.errors import InvalidRequest, Violation
from kii_push.message import rules
from kii_push.message.payload import Context
from kii_push.message.rules import Message, RuleSet
from kii_push.push.request import BucketTarget, Target, TopicTarget, UserTarget

# Characters (fact sheet 13).
LONGEST_OBJECT = 65_534


def checked(message: Message, target: Target, app_id: str, topic_rules: RuleSet | None = None) -> Message:
    """Return the body to send to `target`.

    `topic_rules` are `new` or `strict-old`, by default what the environment's KII_RULES says. Raises
    InvalidRequest with the rules that the message breaks.
    """
    if isinstance(target, BucketTarget):
        return _checked_object(message)
    body = rules.complete(message)
    rule_set = "direct" if isinstance(target, UserTarget) else topic_rules or _topic_rules()
    rules.check(body, context(target, app_id), rule_set)
    return body


def characters(value: Message) -> int:
    """Return the length of an object as it goes to Kii."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def context(target: UserTarget | TopicTarget, app_id: str) -> Context:
    """Return where the message goes, which decides what Kii adds to it."""
    if isinstance(target, UserTarget):
        return Context(app_id, user=target.user)
    return Context(app_id, topic=target.topic, scope=target.scope)


def _checked_object(value: Message) -> Message:
    used = characters(value)
    if used > LONGEST_OBJECT:
        raise InvalidRequest(
            Violation("object", f"has {used} characters; Kii takes at most {LONGEST_OBJECT}")
        )
    return value


def _topic_rules() -> RuleSet:
    return cast("RuleSet", os.environ.get("KII_RULES", "new"))
