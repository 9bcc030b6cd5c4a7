"""What a push must pass before Kii is asked: its message completed and held against the rules."""

import os
from typing import cast

from kii_push import message as messages
from kii_push.message import Message, RuleSet
from kii_push.payload import Context
from kii_push.request import TopicTarget, UserTarget

type Target = UserTarget | TopicTarget


def checked(message: Message, target: Target, app_id: str, topic_rules: RuleSet | None = None) -> Message:
    """Return the body to send to `target`.

    `topic_rules` are `new` or `strict-old`, by default what the environment's KII_RULES says. Raises
    InvalidRequest with the rules that the message breaks.
    """
    body = messages.complete(message)
    rule_set = "direct" if isinstance(target, UserTarget) else topic_rules or _topic_rules()
    messages.check(body, context(target, app_id), rule_set)
    return body


def context(target: Target, app_id: str) -> Context:
    """Return where the message goes, which decides what Kii adds to it."""
    if isinstance(target, UserTarget):
        return Context(app_id, user=target.user)
    return Context(app_id, topic=target.topic, scope=target.scope)


def _topic_rules() -> RuleSet:
    return cast("RuleSet", os.environ.get("KII_RULES", "new"))
