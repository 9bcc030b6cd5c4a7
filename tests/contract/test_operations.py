"""Every other method of the layer's client against the running sandbox."""

import pytest

from kii_push.errors import KiiError, KiiUnavailable
from kii_push.kii.accounts import resolve
from kii_push.kii.identifiers import APP, DeviceType, Principal, Scope
from kii_push.kii.installations import Installation, Installations
from kii_push.kii.objects import Objects
from kii_push.kii.subscriptions import Bucket, Subscriptions, Topic
from kii_push.kii.topics import Subject, Topics
from kii_push.kii.user_payloads import UserPayloads
from tests.contract.demo import Demo

SCOPES = [
    APP,
    Scope("group", "g-1"),
    Scope("user", "u-1"),
    Scope("user", "EMAIL:alice@example.com"),
    Scope("thing", "t-1"),
    Scope("thing", "VENDOR_THING_ID:x"),
]
SUBSCRIBERS = [Principal("user", "u-2"), Principal("thing", "t-1")]
BOB = Principal("user", "u-2")
LAMP = Principal("thing", "t-1")


def _scope(scope: Scope) -> str:
    return f"{scope.type} {scope.id}" if scope.type else "app"


def _refused(error: pytest.ExceptionInfo[KiiError]) -> tuple[int, str | None]:
    return error.value.status, error.value.error_code


@pytest.mark.parametrize("scope", SCOPES, ids=_scope)
def test_topic_lives_from_create_to_delete(demo: Demo, scope: Scope) -> None:
    topics = Topics(demo.client())
    assert not topics.exists("todo", scope)
    topics.create("todo", scope)
    assert topics.exists("todo", scope)
    assert "todo" in topics.list(scope)
    with pytest.raises(KiiError) as caught:
        topics.create("todo", scope)
    assert _refused(caught) == (409, "TOPIC_ALREADY_EXISTS")
    topics.delete("todo", scope)
    assert not topics.exists("todo", scope)
    with pytest.raises(KiiError) as caught:
        topics.delete("todo", scope)
    assert _refused(caught) == (404, "TOPIC_NOT_FOUND")


def test_topic_of_a_missing_owner_neither_exists_nor_not(demo: Demo) -> None:
    topics = Topics(demo.client())
    for scope, code in (
        (Scope("group", "none"), "GROUP_NOT_FOUND"),
        (Scope("user", "LOGIN_NAME:none"), "USER_NOT_FOUND"),
        (Scope("thing", "none"), "THING_NOT_FOUND"),
    ):
        with pytest.raises(KiiError) as caught:
            topics.exists("todo", scope)
        assert _refused(caught) == (404, code)


def test_topics_are_listed_page_by_page(odd_demo: Demo) -> None:
    topics = Topics(odd_demo.client())
    names = {f"t-{n}" for n in range(6)}
    for name in names:
        topics.create(name)
    listed = list(topics.list())
    assert len(listed) == 7
    assert set(listed) == names | {"alerts"}
    assert odd_demo.requests().count("GET /api/apps/demoapp1/topics") == 4
    first = topics.page()
    assert first.pagination_key
    assert not {topic.id for topic in first.topics} & {
        topic.id for topic in topics.page(APP, first.pagination_key).topics
    }


@pytest.mark.parametrize("scope", SCOPES, ids=_scope)
@pytest.mark.parametrize(
    "subject",
    [Subject("UserID", "u-2"), Subject("GroupID", "g-1"), Subject("ThingID", "t-1")],
    ids=str,
)
def test_topic_acl_is_granted_and_revoked(demo: Demo, scope: Scope, subject: Subject) -> None:
    topics = Topics(demo.client())
    topics.create("todo", scope)
    if topics.granted("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope):  # by default, to the scope's owner
        topics.revoke("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    assert subject not in topics.acl("todo", scope).get("SEND_MESSAGE_TO_TOPIC", [])
    topics.grant("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    assert topics.granted("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    assert subject in topics.acl("todo", scope)["SEND_MESSAGE_TO_TOPIC"]
    with pytest.raises(KiiError) as caught:
        topics.grant("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    assert _refused(caught) == (409, "ACL_ALREADY_EXISTS")
    topics.revoke("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    assert not topics.granted("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    with pytest.raises(KiiError) as caught:
        topics.revoke("todo", "SEND_MESSAGE_TO_TOPIC", subject, scope)
    assert _refused(caught) == (404, "ACL_NOT_FOUND")


@pytest.mark.parametrize("scope", SCOPES, ids=_scope)
@pytest.mark.parametrize("subscriber", SUBSCRIBERS, ids=lambda each: each.type)
@pytest.mark.parametrize("kind", [Topic, Bucket])
def test_subscription_lives_from_subscribe_to_unsubscribe(
    demo: Demo, kind: type[Topic | Bucket], subscriber: Principal, scope: Scope
) -> None:
    kii = demo.client()
    subscriptions, source = Subscriptions(kii), kind("todo", scope)
    if kind is Topic:
        Topics(kii).create("todo", scope)
    assert not subscriptions.is_subscribed(source, subscriber)
    subscriptions.subscribe(source, subscriber)
    assert subscriptions.is_subscribed(source, subscriber)
    with pytest.raises(KiiError) as caught:
        subscriptions.subscribe(source, subscriber)
    assert _refused(caught) == (409, "PUSH_SUBSCRIPTION_ALREADY_EXISTS")
    subscriptions.unsubscribe(source, subscriber)
    assert not subscriptions.is_subscribed(source, subscriber)
    with pytest.raises(KiiError) as caught:
        subscriptions.unsubscribe(source, subscriber)
    assert _refused(caught) == (404, "PUSH_SUBSCRIPTION_NOT_FOUND")


def test_subscription_to_what_is_missing_is_kiis_refusal(demo: Demo) -> None:
    subscriptions = Subscriptions(demo.client())
    with pytest.raises(KiiError) as caught:
        subscriptions.is_subscribed(Topic("none"), BOB)
    assert _refused(caught) == (404, "TOPIC_NOT_FOUND")
    with pytest.raises(KiiError) as caught:
        subscriptions.subscribe(Topic("alerts"), Principal("user", "none"))
    assert _refused(caught) == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize("scope", SCOPES, ids=_scope)
def test_each_change_of_an_object_is_pushed_to_the_buckets_subscribers(demo: Demo, scope: Scope) -> None:
    kii = demo.client()
    objects = Objects(kii)
    Installations(kii).register("ANDROID", BOB, "tok")
    Subscriptions(kii).subscribe(Bucket("notes", scope), BOB)

    made = objects.create("notes", {"text": "é", "n": 1}, scope)
    assert made.created
    assert made.object_id
    assert made.created_at
    replaced = objects.replace("notes", made.object_id, {"text": "b"}, scope)
    assert (replaced.created, replaced.object_id) == (False, made.object_id)
    assert objects.get("notes", made.object_id, scope)["text"] == "b"
    updated = objects.update("notes", made.object_id, {"n": 2}, scope, if_match=replaced.version)
    assert not updated.created
    found = objects.get("notes", made.object_id, scope)
    assert (found["text"], found["n"], found["_id"]) == ("b", 2, made.object_id)
    with pytest.raises(KiiError) as caught:
        objects.update("notes", made.object_id, {"n": 3}, scope, if_match=replaced.version)
    assert caught.value.status == 409
    objects.delete("notes", made.object_id, scope, if_match=updated.version)
    with pytest.raises(KiiError) as caught:
        objects.get("notes", made.object_id, scope)
    assert _refused(caught) == (404, "OBJECT_NOT_FOUND")
    named = objects.replace("notes", "named", {}, scope)
    assert (named.created, named.object_id) == (True, "named")

    sent = [each["payload"]["data"] for each in demo.control("GET", "/deliveries")["deliveries"]]
    assert [(each["type"], each["objectID"]) for each in sent] == [
        ("DATA_OBJECT_CREATED", made.object_id),
        ("DATA_OBJECT_UPDATED", made.object_id),
        ("DATA_OBJECT_UPDATED", made.object_id),
        ("DATA_OBJECT_DELETED", made.object_id),
        ("DATA_OBJECT_CREATED", "named"),
    ]


@pytest.mark.parametrize("owner", SUBSCRIBERS, ids=lambda each: each.type)
@pytest.mark.parametrize("device_type", ["ANDROID", "IOS", "JPUSH"])
def test_device_is_registered_found_by_both_its_names_and_deleted(
    demo: Demo, device_type: DeviceType, owner: Principal
) -> None:
    installations = Installations(demo.client())
    token = "a:b+c=_é"
    made = installations.register(device_type, owner, token, development=True)
    assert made.registration_id == token
    user, thing = (owner.id, None) if owner.type == "user" else (None, owner.id)
    device = Installation(made.installation_id, device_type, token, user, thing, development=True)
    assert installations.get(made.installation_id) == device
    assert installations.get(f"{device_type}:{token}") == device
    assert installations.list(owner) == installations.list() == [device]
    installations.delete(f"{device_type}:{token}")
    with pytest.raises(KiiError) as caught:
        installations.get(made.installation_id)
    assert _refused(caught) == (404, "INSTALLATION_NOT_FOUND")


def test_device_that_is_registered_again_changes_hands(demo: Demo) -> None:
    installations = Installations(demo.client())
    made = installations.register("ANDROID", BOB, "tok")
    assert installations.register("ANDROID", LAMP, "tok") == made
    assert installations.list(BOB) == []
    assert [device.thing_id for device in installations.list(LAMP)] == ["t-1"]
    installations.delete(made.installation_id)
    assert installations.list() == []


def test_device_that_breaks_kiis_rules_is_refused(demo: Demo) -> None:
    installations = Installations(demo.client())
    with pytest.raises(KiiError) as caught:
        installations.register("ANDROID", BOB)
    assert _refused(caught) == (400, "INVALID_INPUT_DATA")
    with pytest.raises(KiiError) as caught:
        installations.register("ANDROID", Principal("user", "none"), "tok")
    assert _refused(caught) == (404, "USER_NOT_FOUND")


def test_mqtt_device_gets_its_endpoint(demo: Demo) -> None:
    installations = Installations(demo.client())
    made = installations.register("MQTT", LAMP)
    assert installations.register("MQTT", LAMP) == made
    endpoint = installations.mqtt_endpoint(made.installation_id, wait=10)
    assert endpoint.installation_id == made.installation_id
    assert endpoint.username
    assert endpoint.password
    assert endpoint.topic
    assert endpoint.port_tcp
    assert endpoint.ttl == 2_592_000


def test_endpoint_is_waited_for_as_long_as_wanted(odd_demo: Demo) -> None:
    installations = Installations(odd_demo.client(), clock=odd_demo.clock, sleep=odd_demo.later)
    made = installations.register("MQTT", BOB)
    with pytest.raises(KiiUnavailable) as caught:
        installations.mqtt_endpoint(made.installation_id)
    assert _refused(caught) == (503, "MQTT_ENDPOINT_NOT_READY")
    assert 58 <= (caught.value.retry_after or 0) <= 60
    with pytest.raises(KiiUnavailable):
        installations.mqtt_endpoint(made.installation_id, wait=30)
    assert installations.mqtt_endpoint(made.installation_id, wait=61).host == "127.0.0.1"


def test_endpoint_of_another_device_type_is_missing(demo: Demo) -> None:
    installations = Installations(demo.client())
    made = installations.register("ANDROID", BOB, "tok")
    for installation, code in (
        (made.installation_id, "MQTT_ENDPOINT_NOT_FOUND"),
        ("none", "INSTALLATION_NOT_FOUND"),
    ):
        with pytest.raises(KiiError) as caught:
            installations.mqtt_endpoint(installation, wait=60)
        assert _refused(caught) == (404, code)


@pytest.mark.parametrize(
    ("address", "found"),
    [
        (Principal("user", "LOGIN_NAME:bob"), BOB),
        (Principal("user", "EMAIL:bob@example.com"), BOB),
        (Principal("user", "PHONE:+819012345678"), BOB),
        (BOB, BOB),
        (Principal("thing", "VENDOR_THING_ID:x"), LAMP),
        (LAMP, LAMP),
    ],
    ids=lambda each: each.id,
)
def test_address_becomes_an_id(demo: Demo, address: Principal, found: Principal) -> None:
    assert resolve(demo.client(), address) == found


def test_address_of_nobody_is_kiis_refusal(demo: Demo) -> None:
    with pytest.raises(KiiError) as caught:
        resolve(demo.client(), Principal("user", "LOGIN_NAME:nobody"))
    assert _refused(caught) == (404, "USER_NOT_FOUND")


def test_payload_that_was_too_large_is_fetched_and_deleted(odd_demo: Demo) -> None:
    kii = odd_demo.client()
    payloads = UserPayloads(kii)
    Installations(kii).register("IOS", BOB, "tok")
    text = "é" * 2000
    kii.send_to_user("u-2", {"data": {"k": text}, "gcm": {"enabled": False}, "apns": {"enabled": True}})
    [delivery] = odd_demo.control("GET", "/deliveries")["deliveries"]
    payload_id = delivery["payload"]["payloadID"]
    assert payloads.get("LOGIN_NAME:bob", payload_id)["k"] == text
    payloads.delete("u-2", payload_id)
    with pytest.raises(KiiError) as caught:
        payloads.get("u-2", payload_id)
    assert _refused(caught) == (404, "PAYLOAD_ID_NOT_FOUND")
