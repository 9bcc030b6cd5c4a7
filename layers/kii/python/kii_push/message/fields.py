"""The fields of Kii's push message and their types; the source of the JSON Schema.

See docs/kii-push-api.md §8.1, §8.2.

Values of a `data` object are left open here: `message.py` checks them, so that the answer can name the key.
So are fields whose type none of Kii's own sources confirms.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from kii_push.common.decode import wire_name

type Flag = bool | UnsetType
type Text = str | UnsetType
type Number = int | UnsetType
type Data = dict[str, Any] | UnsetType
# Kii's guides and SDKs disagree on whether these two are booleans or integers (§8.2).
type Switch = bool | int | UnsetType
type Unconfirmed = Any | UnsetType


class _Fields(Struct, forbid_unknown_fields=True, omit_defaults=True, rename=wire_name, kw_only=True):
    pass


class Notification(_Fields):
    """`gcm.notification`: what Android shows by itself."""

    title: Text = UNSET
    body: Text = UNSET
    icon: Text = UNSET
    sound: Text = UNSET
    tag: Text = UNSET
    color: Text = UNSET
    click_action: Text = UNSET


class Gcm(_Fields):
    """Legacy Android. `time_to_live` is in seconds and needs `collapse_key`."""

    enabled: bool
    data: Data = UNSET
    notification: Notification | UnsetType = UNSET
    collapse_key: Text = UNSET
    delay_while_idle: Flag = UNSET
    time_to_live: Number = UNSET
    restricted_package_name: Text = UNSET
    dry_run: Flag = UNSET


class Fcm(_Fields):
    """Android. Only the first three fields are documented; Kii's reserved keys hint at the others."""

    enabled: bool
    data: Data = UNSET
    notification: dict[str, Any] | UnsetType = UNSET
    collapse_key: Unconfirmed = UNSET
    priority: Unconfirmed = UNSET
    ttl: Unconfirmed = UNSET
    restricted_package_name: Unconfirmed = UNSET
    fcm_options: Unconfirmed = UNSET
    direct_boot_ok: Unconfirmed = UNSET


class Alert(_Fields):
    """`apns.alert`: what iOS shows by itself."""

    title: Text = UNSET
    subtitle: Text = UNSET
    body: Text = UNSET
    action_loc_key: Text = UNSET
    loc_key: Text = UNSET
    loc_args: list[str] | UnsetType = UNSET
    launch_image: Text = UNSET


class Apns(_Fields):
    """Apple devices."""

    enabled: bool
    data: Data = UNSET
    alert: Alert | UnsetType = UNSET
    sound: Text = UNSET
    badge: Number = UNSET
    content_available: Switch = UNSET
    mutable_content: Switch = UNSET
    category: Text = UNSET


class Jpush(_Fields):
    """JPush (Android in China)."""

    enabled: Flag = UNSET
    data: Data = UNSET


class Mqtt(_Fields):
    """Devices connected to Kii's MQTT broker. The last three fields are seen in one third-party SDK only."""

    enabled: Flag = UNSET
    data: Data = UNSET
    qos: Unconfirmed = UNSET
    retain: Unconfirmed = UNSET
    dry_run: Unconfirmed = UNSET


class Message(_Fields):
    """Kii's `SendPushMessageRequest`."""

    data: Data = UNSET
    send_to_development: Flag = UNSET
    send_to_production: Flag = UNSET
    push_message_type: Text = UNSET
    send_app_id: Flag = UNSET
    send_sender: Flag = UNSET
    send_when: Flag = UNSET
    send_origin: Flag = UNSET
    send_object_scope: Flag = UNSET
    send_topic_id: Flag = UNSET
    gcm: Gcm | UnsetType = UNSET
    fcm: Fcm | UnsetType = UNSET
    apns: Apns | UnsetType = UNSET
    jpush: Jpush | UnsetType = UNSET
    mqtt: Mqtt | UnsetType = UNSET
