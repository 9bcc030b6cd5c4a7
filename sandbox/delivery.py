"""Fan-out: which installations a message or event reaches, what each network carries, and the log of it all."""

import sqlite3
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

import msgspec

from sandbox import payloads
from sandbox.broker import Broker
from sandbox.clock import Clock
from sandbox.devices import Devices
from sandbox.hub import Hub
from sandbox.operation import Effect
from sandbox.payloads import BucketEvent, Context, Network
from sandbox.store import Store

LOG_KEPT = 200_000

_COLUMNS = "i.installation_id, i.device_type, i.owner, i.development, e.username, e.topic, e.expires"
_OWNED_BY = f"""
    SELECT {_COLUMNS} FROM installations i LEFT JOIN endpoints e USING (installation_id)
    WHERE i.app_id = ? AND i.owner = ?
"""  # noqa: S608 (our names)
_SUBSCRIBED = f"""
    SELECT {_COLUMNS} FROM subscriptions s
    JOIN installations i ON i.app_id = ? AND i.owner = s.subject
    LEFT JOIN endpoints e USING (installation_id)
    WHERE s.resource = ?
"""  # noqa: S608 (our names)

_NETWORK_OF_DEVICE: dict[str, tuple[Network, ...]] = {
    "ANDROID": ("fcm", "gcm"),  # FCM wins when both are enabled
    "IOS": ("apns",),
    "JPUSH": ("jpush",),
    "MQTT": ("mqtt",),
}


class Delivery:
    """Sends to devices: for real over MQTT, into the log for every network."""

    def __init__(self, store: Store, broker: Broker, devices: Devices, clock: Clock, hub: Hub) -> None:
        self._store = store
        self._broker = broker
        self._devices = devices
        self._clock = clock
        self._hub = hub

    def direct(self, message: Mapping[str, Any], context: Context, owner: str) -> tuple[str, list[Effect]]:
        """Send an explicit message to all installations of `owner`, an ACL subject.

        Returns the pushMessageID and what is left to do once the log entries are committed.
        """
        return self._explicit(message, context, "direct", self._store.all(_OWNED_BY, context.app_id, owner))

    def to_topic(self, message: Mapping[str, Any], context: Context, topic: str) -> tuple[str, list[Effect]]:
        """Send an explicit message to the installations of all subscribers of `topic`, a resource."""
        return self._explicit(message, context, "topic", self._store.all(_SUBSCRIBED, context.app_id, topic))

    def to_bucket(self, event: BucketEvent, bucket: str) -> list[Effect]:
        """Send an event to the installations of all subscribers of `bucket`, a resource."""
        found = self._store.all(_SUBSCRIBED, event.app_id, bucket)
        targets = [(row, _NETWORK_OF_DEVICE[row["device_type"]][0]) for row in found]
        return self._carry(
            event.app_id, uuid.uuid4().hex, "bucket", targets, lambda network: payloads.event(event, network)
        )

    def _explicit(
        self, message: Mapping[str, Any], context: Context, feature: str, found: list[sqlite3.Row]
    ) -> tuple[str, list[Effect]]:
        push_message_id = uuid.uuid4().hex
        targets = []
        for row in found:
            network = _network(message, row["device_type"])
            wanted = message.get("sendToDevelopment" if row["development"] else "sendToProduction", True)
            if network is not None and wanted:
                targets.append((row, network))
        effects = self._carry(
            context.app_id,
            push_message_id,
            feature,
            targets,
            lambda network: payloads.explicit(message, network, context),
        )
        return push_message_id, effects

    def _carry(
        self,
        app_id: str,
        push_message_id: str,
        feature: str,
        targets: Iterable[tuple[sqlite3.Row, Network]],
        build: Callable[[Network], payloads.Json],
    ) -> list[Effect]:
        now = self._clock.now_ms()
        built: dict[Network, bytes] = {}
        effects: list[Effect] = []
        for row, network in targets:
            if row["expires"] is not None and row["expires"] <= now:
                effects.append(partial(self._devices.drop, row["username"]))
                continue
            if network not in built:
                built[network] = payloads.encode(build(network))
            payload = built[network]
            seq = self._log(now, push_message_id, app_id, row, feature, payload)
            if row["topic"] is not None:
                effects.append(partial(self._broker.publish, row["topic"], payload))
            if self._hub:
                effects.append(partial(self._announce, seq))
        return effects

    def _log(
        self, now: int, push_message_id: str, app_id: str, row: sqlite3.Row, feature: str, payload: bytes
    ) -> int:
        seq = self._store.insert(
            "INSERT INTO deliveries (at, push_message_id, app_id, installation_id, device_type, owner, feature,"
            " payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            now,
            push_message_id,
            app_id,
            row["installation_id"],
            row["device_type"],
            row["owner"],
            feature,
            payload.decode(),
        )
        if seq % 1000 == 0:
            self._store.run("DELETE FROM deliveries WHERE seq <= ?", seq - LOG_KEPT)
        return seq

    async def _announce(self, seq: int) -> None:
        row = self._store.one("SELECT * FROM deliveries WHERE seq = ?", seq)
        if row is not None:
            self._hub.publish("delivery", entry(row))


def entry(row: sqlite3.Row) -> dict[str, Any]:
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


def owner_fields(subject: str) -> dict[str, str]:
    """Return an owner as installations name it: `{"userID": ...}` or `{"thingID": ...}`."""
    kind, _, owner = subject.partition(":")
    return {"userID" if kind == "UserID" else "thingID": owner}


def _network(message: Mapping[str, Any], device_type: str) -> Network | None:
    """Return the enabled network that reaches the device, None when none does or it is a dry run."""
    for network in _NETWORK_OF_DEVICE[device_type]:
        block = message.get(network)
        if block is not None and block.get("enabled"):
            return None if block.get("dryRun") else network
    return None
