"""MQTT endpoints: each MQTT installation's credentials and topic, and its account on the broker.

See docs/kii-push-api.md §7.3.
"""

import secrets
import sqlite3

from sandbox.mqtt.broker import Broker
from sandbox.settings.clock import Clock
from sandbox.settings.policy import Policy
from sandbox.store import Store


class Devices:
    """The endpoints in the store and their accounts on the broker."""

    def __init__(self, store: Store, broker: Broker, clock: Clock, policy: Policy) -> None:
        self._store = store
        self._broker = broker
        self._clock = clock
        self._policy = policy
        self._admitted: set[str] = set()

    async def restore(self) -> None:
        """Let in every stored device whose endpoint has not expired: a broker starts out knowing none."""
        for endpoint in self._store.all("SELECT * FROM endpoints WHERE expires > ?", self._clock.now_ms()):
            await self.admit(endpoint)

    def issue(self, installation_id: str) -> sqlite3.Row:
        """Store a fresh endpoint for the installation, in place of the one it may have had."""
        now = self._clock.now_ms()
        self._store.run(
            "INSERT OR REPLACE INTO endpoints VALUES (?, ?, ?, ?, ?, ?)",
            installation_id,
            secrets.token_hex(12),
            secrets.token_urlsafe(24),
            secrets.token_hex(11),  # also the client ID, which MQTT 3.1 limits to 23 characters
            now + self._policy.mqtt_endpoint_delay_ms,
            now + self._policy.mqtt_endpoint_ttl_seconds * 1000,
        )
        endpoint = self.endpoint(installation_id)
        if endpoint is None:
            raise AssertionError("a row just written is there")
        return endpoint

    def endpoint(self, installation_id: str) -> sqlite3.Row | None:
        """Return the installation's endpoint, None when it has none."""
        return self._store.one("SELECT * FROM endpoints WHERE installation_id = ?", installation_id)

    def ready_in_ms(self, endpoint: sqlite3.Row) -> int:
        """Return how long until the endpoint can be used; 0 when it can be now."""
        wait: int = max(0, endpoint["ready"] - self._clock.now_ms())
        return wait if endpoint["username"] in self._admitted else max(wait, 1)

    def has_expired(self, endpoint: sqlite3.Row) -> bool:
        """Whether the endpoint's mqttTopic has outlived X-MQTT-TTL."""
        return bool(endpoint["expires"] <= self._clock.now_ms())

    def all_usernames(self) -> list[str]:
        """Return the broker accounts of all installations."""
        return [row["username"] for row in self._store.all("SELECT username FROM endpoints")]

    async def admit(self, endpoint: sqlite3.Row) -> None:
        """Make the endpoint's account on the broker, unless the endpoint is given up meanwhile."""
        username = endpoint["username"]
        await self._broker.add_device(username, endpoint["password"], endpoint["topic"])
        self._admitted.add(username)
        current = self.endpoint(endpoint["installation_id"])
        if current is None or current["username"] != username:
            await self.drop(username)

    async def drop(self, username: str) -> None:
        """Remove an account from the broker; its connection ends."""
        if username in self._admitted:
            self._admitted.discard(username)
            await self._broker.remove_device(username)

    async def drop_expired(self) -> None:
        """Remove the accounts of all endpoints that have expired."""
        now = self._clock.now_ms()
        for row in self._store.all("SELECT username FROM endpoints WHERE expires <= ?", now):
            await self.drop(row["username"])
