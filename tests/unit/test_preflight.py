"""What a push must pass before Kii is asked: which rules for which target, and what is sent in the end."""

import pytest

from kii_push.errors import InvalidRequest
from kii_push.kii.identifiers import Scope
from kii_push.message import rules
from kii_push.message.payload import NETWORKS, Context
from kii_push.push import request
from kii_push.push.preflight import Preflight
from kii_push.push.request import TopicTarget, UserTarget

ON = {"enabled": True}
OFF = {"enabled": False}
USER = UserTarget("u-1")
TOPIC = TopicTarget("news", Scope("group", "g-1"))
SHORT = {"title": "Shipped", "body": "Order 42"}
# FCM has a limit on the newest topic page alone; strict-old does not know FCM's reserved words.
TOO_LONG_FOR_FCM = {"fcm": {"enabled": True, "data": {"k": "x" * 5000}}}
RESERVED_BY_FCM = {"fcm": {"enabled": True, "data": {"ttl": "1"}}}


def test_the_body_to_send_is_complete() -> None:
    checked = Preflight().check({"mqtt": ON}, TOPIC, "demoapp1")
    assert checked.body == {"data": {}, "gcm": OFF, "apns": OFF, "jpush": OFF, "mqtt": ON}


def test_a_user_has_the_rules_of_direct_push() -> None:
    preflight = Preflight(topic_rules="strict-old")
    preflight.check(TOO_LONG_FOR_FCM, USER, "demoapp1")
    with pytest.raises(InvalidRequest, match=r"message\.fcm\.data\.ttl"):
        preflight.check(RESERVED_BY_FCM, USER, "demoapp1")


def test_a_topic_has_the_new_rules_unless_told() -> None:
    with pytest.raises(InvalidRequest, match=r"message\.fcm: the payload"):
        Preflight().check(TOO_LONG_FOR_FCM, TOPIC, "demoapp1")
    Preflight(topic_rules="strict-old").check(TOO_LONG_FOR_FCM, TOPIC, "demoapp1")
    Preflight.from_settings("fcm,apns", "strict-old").check(TOO_LONG_FOR_FCM, TOPIC, "demoapp1")


def test_sizes_are_counted_for_the_target() -> None:
    def context(target: UserTarget | TopicTarget) -> Context | None:
        return Preflight().check({"mqtt": ON}, target, "demoapp1").context

    assert context(USER) == Context("demoapp1", user="u-1")
    assert context(TOPIC) == Context("demoapp1", topic="news", scope=Scope("group", "g-1"))


def test_the_short_form_goes_to_the_networks_it_names() -> None:
    message = {**SHORT, "networks": ["mqtt"]}

    checked = Preflight().check(message, USER, "demoapp1")

    assert checked.body == {
        "data": {},
        "gcm": OFF,
        "apns": OFF,
        "jpush": OFF,
        "mqtt": {"enabled": True, "data": SHORT},
    }


@pytest.mark.parametrize(
    ("preflight", "networks"),
    [
        (Preflight(), {"fcm", "apns"}),
        (Preflight.from_settings("mqtt", "new"), {"mqtt"}),
        (Preflight.from_settings("apns,gcm,jpush", "new"), {"gcm", "apns", "jpush"}),
    ],
)
def test_the_short_form_without_networks_goes_to_the_stacks_default(
    preflight: Preflight, networks: set[str]
) -> None:
    body = preflight.check(SHORT, USER, "demoapp1").body

    assert {network for network in NETWORKS if rules.enabled(body, network)} == networks
    assert set(body) == {"data", "gcm", "apns", "jpush", "mqtt", *networks}


def test_a_push_requests_short_form_is_completed_as_well() -> None:
    push = request.from_json({"target": {"user": "u-1"}, "message": SHORT}, default_id="k")

    assert Preflight(("mqtt",)).check(push.message, push.target, "demoapp1").body["mqtt"]["data"] == SHORT
