"""What a push must pass before Kii is asked: which rules for which target, and what is sent in the end."""

import pytest

from kii_push.errors import InvalidRequest
from kii_push.kii.identifiers import Scope
from kii_push.message.payload import Context
from kii_push.push import preflight
from kii_push.push.request import TopicTarget, UserTarget

ON = {"enabled": True}
OFF = {"enabled": False}
USER = UserTarget("u-1")
TOPIC = TopicTarget("news", Scope("group", "g-1"))
# FCM has a limit on the newest topic page alone; strict-old does not know FCM's reserved words.
TOO_LONG_FOR_FCM = {"fcm": {"enabled": True, "data": {"k": "x" * 5000}}}
RESERVED_BY_FCM = {"fcm": {"enabled": True, "data": {"ttl": "1"}}}


def test_the_body_to_send_is_complete() -> None:
    body = preflight.checked({"mqtt": ON}, TOPIC, "demoapp1")
    assert body == {"data": {}, "gcm": OFF, "apns": OFF, "jpush": OFF, "mqtt": ON}


def test_a_user_has_the_rules_of_direct_push(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KII_RULES", "strict-old")
    preflight.checked(TOO_LONG_FOR_FCM, USER, "demoapp1")
    with pytest.raises(InvalidRequest, match=r"message\.fcm\.data\.ttl"):
        preflight.checked(RESERVED_BY_FCM, USER, "demoapp1")


def test_a_topic_has_the_new_rules_unless_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KII_RULES", raising=False)
    with pytest.raises(InvalidRequest, match=r"message\.fcm: the payload"):
        preflight.checked(TOO_LONG_FOR_FCM, TOPIC, "demoapp1")
    preflight.checked(TOO_LONG_FOR_FCM, TOPIC, "demoapp1", "strict-old")
    monkeypatch.setenv("KII_RULES", "strict-old")
    preflight.checked(TOO_LONG_FOR_FCM, TOPIC, "demoapp1")


def test_sizes_are_counted_for_the_target() -> None:
    assert preflight.context(USER, "demoapp1") == Context("demoapp1", user="u-1")
    assert preflight.context(TOPIC, "demoapp1") == Context(
        "demoapp1", topic="news", scope=Scope("group", "g-1")
    )
