"""Devices (Kii: installations) and the MQTT endpoint of a device (docs/kii-push-api.md §7)."""

import re
import time
from collections.abc import Callable
from typing import Any

from msgspec import Struct, field, structs

from kii_push.errors import KiiUnavailable
from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import DeviceType, Principal, encode
from kii_push.kii.response import Response, decode, number_or_none

_MEDIA_TYPE = "application/vnd.kii.InstallationCreationRequest+json"
# Pause before asking for an endpoint again, if Kii does not say how long to wait.
_PAUSE_SECONDS = 1
_SECONDS = re.compile(r"[0-9]{1,10}")


class Registration(Struct, frozen=True, omit_defaults=True):
    """The IDs of a registered device. `registration_id` is its device token: not for a log."""

    installation_id: str = field(name="installationID")
    registration_id: str | None = field(name="installationRegistrationID", default=None)

    def __repr__(self) -> str:
        return f"Registration({self.installation_id!r})"


class Installation(Struct, frozen=True, omit_defaults=True):
    """A device. `registration_id` is its device token: not for a log.

    It belongs to a user or a thing. `development`: gets what is sent to development, not to production.
    """

    id: str = field(name="installationID")
    device_type: str = field(name="deviceType")
    registration_id: str | None = field(name="installationRegistrationID", default=None)
    user_id: str | None = field(name="userID", default=None)
    thing_id: str | None = field(name="thingID", default=None)
    development: bool = False

    def __repr__(self) -> str:
        return f"Installation({self.id!r}, {self.device_type!r})"


class _Installations(Struct):
    installations: list[dict[str, Any]]


class MqttEndpoint(Struct, frozen=True, omit_defaults=True):
    """How a device connects to Kii's broker: MQTT 3.1, QoS 0, clean session (§10).

    `topic` is what to subscribe to and the client ID as well. `ttl` is how many seconds it lives from now on,
    None if Kii did not say. `port_ws` and `port_wss` are MQTT over WebSocket, without and with TLS.
    """

    installation_id: str = field(name="installationID")
    username: str
    password: str
    topic: str = field(name="mqttTopic")
    host: str
    port_tcp: int | None = field(name="portTCP", default=None)
    port_ssl: int | None = field(name="portSSL", default=None)
    port_ws: int | None = field(name="portWS", default=None)
    port_wss: int | None = field(name="portWSS", default=None)
    ttl: int | None = field(name="X-MQTT-TTL", default=None)

    def __repr__(self) -> str:
        return f"MqttEndpoint({self.installation_id!r}, {self.host!r})"


class Installations:
    """Kii's operations on installations, as the app's admin.

    `installation` is an installation ID, or a device type, a colon and the device token. Each raises
    KiiError: 404 `INSTALLATION_NOT_FOUND`. `clock` tells, and `sleep` takes, seconds.
    """

    def __init__(
        self,
        kii: KiiClient,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._kii = kii
        self._clock = clock
        self._sleep = sleep

    def register(
        self,
        device_type: DeviceType,
        owner: Principal,
        registration_id: str | None = None,
        *,
        development: bool = False,
    ) -> Registration:
        """Register a device for its owner, by IDs; a device that is registered changes hands.

        `registration_id` is the device token, None for MQTT only: there Kii makes one, and the same one each
        time. Raises KiiError: 400 `INVALID_INPUT_DATA`, 404 for a missing owner. See §7.1.
        """
        body = {"deviceType": device_type, f"{owner.type}ID": owner.id, "development": development}
        if registration_id is not None:
            body["installationRegistrationID"] = registration_id
        answer = self._kii.call("POST", "/installations", headers={"Content-Type": _MEDIA_TYPE}, json=body)
        return answer.decode(Registration)

    def get(self, installation: str) -> Installation:
        """Return a device."""
        return _installation(self._kii.call("GET", _path(installation)).decode(dict[str, Any]))

    def list(self, owner: Principal | None = None) -> list[Installation]:
        """Return the devices of a user or thing, by ID, or all of the app's. Kii gives no pages."""
        query = {} if owner is None else {f"{owner.type}ID": owner.id}
        found = self._kii.call("GET", "/installations", query=query).decode(_Installations)
        return [_installation(each) for each in found.installations]

    def delete(self, installation: str) -> None:
        """Forget a device."""
        self._kii.call("DELETE", _path(installation))

    def mqtt_endpoint(self, installation_id: str, wait: float = 0) -> MqttEndpoint:
        """Return where an MQTT device connects to, waiting up to `wait` seconds for Kii to prepare it.

        Raises KiiUnavailable with `MQTT_ENDPOINT_NOT_READY` and `retry_after` when the wait would become
        longer; KiiError 404 `MQTT_ENDPOINT_NOT_FOUND` for a device of another type. See §7.3.
        """
        deadline = self._clock() + wait
        while True:
            try:
                return _endpoint(self._kii.call("GET", f"{_path(installation_id)}/mqtt-endpoint"))
            except KiiUnavailable as error:
                pause = error.asked_wait or _PAUSE_SECONDS
                if error.error_code != "MQTT_ENDPOINT_NOT_READY" or self._clock() + pause > deadline:
                    raise
            self._sleep(pause)


def _path(installation: str) -> str:
    return f"/installations/{encode(installation)}"


def _installation(found: dict[str, Any]) -> Installation:
    # One of Kii's SDKs looks for `installationType` first (§7.2).
    given = {name: value for name, value in found.items() if value is not None}
    return decode({"deviceType": given.get("installationType")} | given, Installation)


def _endpoint(answer: Response) -> MqttEndpoint:
    endpoint = answer.decode(MqttEndpoint)
    ttl = answer.headers.get("X-MQTT-TTL", "")
    seconds = int(ttl) if _SECONDS.fullmatch(ttl) else endpoint.ttl
    return structs.replace(endpoint, ttl=number_or_none(seconds))
