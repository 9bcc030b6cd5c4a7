"""What a push must pass before Kii is asked: its message is completed and checked against the rules."""

from dataclasses import dataclass
from typing import cast

from kii_push.common import strict_json
from kii_push.errors import InvalidRequest, Violation
from kii_push.message import rules, short_form
from kii_push.message.payload import NETWORKS, Context, Network
from kii_push.message.rules import Message, RuleSet
from kii_push.push.request import BucketTarget, Target, TopicTarget, UserTarget

# See docs/kii-push-api.md §13.
MAX_OBJECT_CHARS = 65_534


@dataclass(frozen=True)
class CheckedMessage:
    """The body to send, which passes the rules; an object if `context` is None."""

    body: Message
    context: Context | None = None

    def sizes(self) -> dict[Network, int]:
        """Return the bytes of the payload that each enabled network would carry (`payload.LIMITS`)."""
        return {} if self.context is None else rules.sizes(self.body, self.context)

    def characters(self) -> int:
        """Return the length of the body as it goes to Kii, of MAX_OBJECT_CHARS for an object."""
        return len(strict_json.dumps(self.body))


@dataclass(frozen=True)
class Preflight:
    """Completes and checks messages.

    `default_networks` are those of a message in the short form that names none. `topic_rules` are the rules
    for topics; users have rules of their own.
    """

    default_networks: tuple[Network, ...] = ("fcm", "apns")
    topic_rules: RuleSet = "new"

    @classmethod
    def from_settings(cls, default_networks: str, topic_rules: str) -> "Preflight":
        """Return the checks for the template's `DefaultNetworks` (`fcm,apns`) and `TopicRules`."""
        named = default_networks.split(",")
        return cls(
            default_networks=tuple(network for network in NETWORKS if network in named),
            topic_rules=cast("RuleSet", topic_rules),
        )

    def check(self, message: Message, target: Target, app_id: str) -> CheckedMessage:
        """Return the message or object as it can be sent to `target`.

        Raises InvalidRequest with the rules that it breaks.
        """
        if isinstance(target, BucketTarget):
            return _checked_object(message)
        body = rules.complete(short_form.expanded(message, self.default_networks))
        context = _context(target, app_id)
        rules.check(body, context, "direct" if isinstance(target, UserTarget) else self.topic_rules)
        return CheckedMessage(body, context)


def _context(target: UserTarget | TopicTarget, app_id: str) -> Context:
    """Return where the message goes, which decides what Kii adds to it."""
    if isinstance(target, UserTarget):
        return Context(app_id, user=target.user)
    return Context(app_id, topic=target.topic, scope=target.scope)


def _checked_object(value: Message) -> CheckedMessage:
    checked = CheckedMessage(value)
    used = checked.characters()
    if used > MAX_OBJECT_CHARS:
        raise InvalidRequest(
            Violation("object", f"has {used} characters; Kii takes at most {MAX_OBJECT_CHARS}")
        )
    return checked
