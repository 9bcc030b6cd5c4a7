"""The sandbox's parts, and the acts that concern all of them: start, stop, back to the seed."""

from sandbox.event_bus import EventBus
from sandbox.messages.delivery import Delivery
from sandbox.mqtt.broker import Broker
from sandbox.mqtt.devices import Devices
from sandbox.people.seed import Seed, plant
from sandbox.people.tokens import Tokens
from sandbox.request_log import RequestLog
from sandbox.settings.clock import Clock
from sandbox.settings.faults import Faults
from sandbox.settings.policy import Policy
from sandbox.settings.rate import NO_RATE, RateCounter
from sandbox.store import Store


class Sandbox:
    """One running sandbox."""

    def __init__(self, store: Store, broker: Broker, seed: Seed, policy: Policy) -> None:
        self.store = store
        self.broker = broker
        self.policy = policy
        self.clock = Clock()
        self.event_bus = EventBus()
        self.faults = Faults()
        self.rate = RateCounter()
        self.requests = RequestLog()
        self.tokens = Tokens(store, self.clock, policy)
        self.devices = Devices(store, broker, self.clock, policy)
        self.delivery = Delivery(store, broker, self.devices, self.event_bus, policy)
        self.bundle_url: str | None = None
        self.ready = False
        self._seed = seed
        broker.on_presence(self._tell_presence)

    async def start(self) -> None:
        """Start the broker, plant the seed in a new store, and let the stored devices in."""
        if self.store.one("SELECT 1 FROM apps") is None:
            with self.store.transaction():
                plant(self.store, self._seed, self.clock.now_ms())
        stored = self.store.one("SELECT value FROM settings WHERE name = 'clockOffsetMs'")
        self.clock.offset_ms = int(stored["value"]) if stored else 0
        await self.broker.start()
        await self.devices.restore()
        self.ready = True

    async def stop(self) -> None:
        """End the broker and close the store."""
        self.ready = False
        self.event_bus.close()
        await self.broker.stop()
        self.store.close()

    def _tell_presence(self, topic: str) -> None:
        row = self.store.one("SELECT installation_id FROM endpoints WHERE topic = ?", topic)
        if row is not None:
            self.event_bus.publish("device", {"installationID": row["installation_id"]})

    def move_clock(self, offset_ms: int) -> None:
        """Set the clock ahead of the machine's, here and for the next start."""
        self.clock.offset_ms = offset_ms
        with self.store.transaction():
            self.store.run("INSERT OR REPLACE INTO settings VALUES ('clockOffsetMs', ?)", str(offset_ms))

    async def reset(self) -> None:
        """Go back to the seed: all data, logs, faults, the rate and the clock. The bundle's URL stays."""
        dropped = self.devices.all_usernames()
        with self.store.transaction():
            self.store.clear()
            self.clock.offset_ms = 0
            plant(self.store, self._seed, self.clock.now_ms())
        self.faults.set([])
        self.rate.set(NO_RATE)
        self.requests.entries.clear()
        for username in dropped:
            await self.devices.drop(username)
        self.event_bus.publish("reset", {})
