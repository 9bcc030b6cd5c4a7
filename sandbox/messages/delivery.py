"""Fan-out: which installations a message or event reaches, what each is handed, and the log of it all."""

import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import msgspec

from sandbox.event_bus import EventBus
from sandbox.kii.installation import owner_fields
from sandbox.messages import payloads
from sandbox.messages.payloads import BucketEvent, Context, Network
from sandbox.mqtt.broker import Broker
from sandbox.mqtt.devices import Devices
from sandbox.settings.policy import Policy
from sandbox.store import Effect, Store

MAX_LOGGED_DELIVERIES = 200_000

_COLUMNS = "i.installation_id, i.device_type, i.owner, i.development, e.username, e.topic, e.expires"
_OWNED = f"""
    SELECT {_COLUMNS} FROM installations i LEFT JOIN endpoints e USING (installation_id)
    WHERE i.app_id = ? AND i.owner = ?
"""  # noqa: S608 (our columns)
_SUBSCRIBED = f"""
    SELECT {_COLUMNS} FROM subscriptions s
    JOIN installations i ON i.app_id = ? AND i.owner = s.subject
    LEFT JOIN endpoints e USING (installation_id)
    WHERE s.resource = ?
"""  # noqa: S608 (our columns)

_NETWORKS_OF_DEVICE: dict[str, tuple[Network, ...]] = {
    "ANDROID": ("fcm", "gcm"),  # FCM wins when both are enabled
    "IOS": ("apns",),
    "JPUSH": ("jpush",),
    "MQTT": ("mqtt",),
}


Feature = Literal["direct", "topic", "bucket"]


@dataclass(frozen=True, slots=True)
class _Push:
    """What all deliveries of one push have in common. `at` is in Unix milliseconds."""

    app_id: str
    feature: Feature
    at: int
    id: str


class Delivery:
    """Sends to devices: for real over MQTT, into the log for every network."""

    def __init__(
        self, store: Store, broker: Broker, devices: Devices, event_bus: EventBus, policy: Policy
    ) -> None:
        self._store = store
        self._broker = broker
        self._devices = devices
        self._event_bus = event_bus
        # The device fetches a larger payload (policy `largeApns`).
        self._apns_limit_bytes = policy.apns_limit_bytes

    def direct(self, message: Mapping[str, Any], context: Context, owner: str) -> tuple[str, list[Effect]]:
        """Send an explicit message to all installations of `owner`, an ACL subject.

        Returns the pushMessageID and what is left to do once the log entries are committed.
        """
        push = _push(context.app_id, "direct", context.when_ms)
        return push.id, self._explicit(push, message, context, self._store.all(_OWNED, push.app_id, owner))

    def to_topic(self, message: Mapping[str, Any], context: Context, topic: str) -> tuple[str, list[Effect]]:
        """Send an explicit message to the installations of all subscribers of `topic`, a resource."""
        push = _push(context.app_id, "topic", context.when_ms)
        found = self._store.all(_SUBSCRIBED, push.app_id, topic)
        return push.id, self._explicit(push, message, context, found)

    def to_bucket(self, event: BucketEvent, bucket: str) -> list[Effect]:
        """Send an event to the installations of all subscribers of `bucket`, a resource."""
        found = self._store.all(_SUBSCRIBED, event.app_id, bucket)
        targets = [(row, _NETWORKS_OF_DEVICE[row["device_type"]][0]) for row in found]
        push = _push(event.app_id, "bucket", event.when_ms)
        return self._carry(push, targets, partial(payloads.event, event))

    def _explicit(
        self, push: _Push, message: Mapping[str, Any], context: Context, found: list[sqlite3.Row]
    ) -> list[Effect]:
        targets = []
        for row in found:
            network = _network(message, row["device_type"])
            wanted = message.get("sendToDevelopment" if row["development"] else "sendToProduction", True)
            if network is not None and wanted:
                targets.append((row, network))
        return self._carry(push, targets, lambda network: payloads.explicit(message, network, context))

    def _carry(
        self,
        push: _Push,
        targets: Iterable[tuple[sqlite3.Row, Network]],
        build: Callable[[Network], payloads.Json],
    ) -> list[Effect]:
        built: dict[Network, bytes] = {}
        effects: list[Effect] = []
        for row, network in targets:
            if row["expires"] is not None and row["expires"] <= push.at:
                effects.append(partial(self._devices.drop, row["username"]))
                continue
            if network not in built:
                built[network] = payloads.encode(build(network))
            payload = built[network]
            too_large = network == "apns" and len(payload) > self._apns_limit_bytes
            if too_large and row["owner"].startswith("UserID:"):
                payload = self._store_large_payload(push.app_id, row["owner"], payload)
            seq = self._log(push, row, payload)
            if row["topic"] is not None:
                effects.append(partial(self._broker.publish, row["topic"], payload))
            if self._event_bus:
                effects.append(partial(self._announce, seq))
        return effects

    def _store_large_payload(self, app_id: str, owner: str, payload: bytes) -> bytes:
        """Store a payload that is too large; return the one that tells the device to fetch it."""
        payload_id = uuid.uuid4().hex
        user_id = owner.removeprefix("UserID:")
        self._store.run(
            "INSERT INTO payloads VALUES (?, ?, ?, ?)", app_id, user_id, payload_id, payload.decode()
        )
        return payloads.encode({"aps": {"content-available": 1}, "payloadID": payload_id})

    def _log(self, push: _Push, row: sqlite3.Row, payload: bytes) -> int:
        seq = self._store.insert(
            "INSERT INTO deliveries (at, push_message_id, app_id, installation_id, device_type, owner,"
            " feature, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            push.at,
            push.id,
            push.app_id,
            row["installation_id"],
            row["device_type"],
            row["owner"],
            push.feature,
            payload.decode(),
        )
        if seq % 1000 == 0:
            self._store.run("DELETE FROM deliveries WHERE seq <= ?", seq - MAX_LOGGED_DELIVERIES)
        return seq

    async def _announce(self, seq: int) -> None:
        row = self._store.one("SELECT * FROM deliveries WHERE seq = ?", seq)
        if row is not None:
            self._event_bus.publish("delivery", log_entry(row))


def log_entry(row: sqlite3.Row) -> dict[str, Any]:
    """Return a row of the log as `/_sandbox/deliveries` shows it; `at` is in Unix milliseconds."""
    return {
        "seq": row["seq"],
        "at": row["at"],
        "pushMessageID": row["push_message_id"],
        "appID": row["app_id"],
        "installationID": row["installation_id"],
        "deviceType": row["device_type"],
        "owner": owner_fields(row["owner"]),
        "feature": row["feature"],
        "payload": msgspec.Raw(row["payload"].encode()),
    }


def _push(app_id: str, feature: Feature, at: int) -> _Push:
    return _Push(app_id, feature, at, uuid.uuid4().hex)


def _network(message: Mapping[str, Any], device_type: str) -> Network | None:
    """Return the enabled network that reaches the device, None when none does or it is a dry run."""
    for network in _NETWORKS_OF_DEVICE[device_type]:
        block = message.get(network)
        if block is not None and block.get("enabled"):
            return None if block.get("dryRun") else network
    return None
