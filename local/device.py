"""A device of the sandbox: installs itself as Kii's guides say and receives its pushes over MQTT."""

import json
import queue
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from local import loopback
from local.process import LocalError
from local.settings import APP_ID


@dataclass(frozen=True)
class Received:
    """A push as it reached the device: what it carried, and when (seconds since the epoch)."""

    at: float
    payload: dict[str, Any]


class Device:
    """The MQTT device of a user or thing of the sandbox; connected and subscribed while its block runs."""

    def __init__(
        self,
        base_url: str,
        username: str,
        password: str = "password",  # noqa: S107 (the seed's)
        *,
        app_id: str = APP_ID,
    ) -> None:
        """`base_url` is Kii's, ending in `/api`."""
        self._app_id = app_id
        self._api = f"{base_url}/apps/{app_id}"
        self._login = {"grant_type": "password", "username": username, "password": password}
        self._ready = threading.Event()
        self._refused = ""
        self._inbox: queue.Queue[Received] = queue.Queue()
        self.received: list[Received] = []
        self.user_id = ""
        self.installation_id = ""

    def __enter__(self) -> Self:
        endpoint = self._install()
        # Kii's broker speaks MQTT 3.1; the topic is the client identifier as well.
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id=endpoint["mqttTopic"], protocol=mqtt.MQTTv31
        )
        self._topic = endpoint["mqttTopic"]
        self._client.username_pw_set(endpoint["username"], endpoint["password"])
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message
        self._client.on_disconnect = lambda *_: self._ready.clear()
        self._client.reconnect_delay_set(max_delay=1)
        self._client.connect(endpoint["host"], endpoint["portTCP"])
        self._client.loop_start()
        if not self._ready.wait(timeout=10) or self._refused:
            self.__exit__(None, None, None)
            raise LocalError(f"The MQTT broker did not let the device in: {self._refused or 'no answer'}.")
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def wait_for(self, *, within: float = 10, **carrying: Any) -> Received | None:
        """Return the first push whose payload has these items, None when none came `within` seconds.

        Pushes that came earlier count as well; all of them stay in `received`.
        """
        for each in self.received:
            if carrying.items() <= each.payload.items():
                return each
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            try:
                each = self._inbox.get(timeout=left)
            except queue.Empty:
                break
            self.received.append(each)
            if carrying.items() <= each.payload.items():
                return each
        return None

    def reconnected(self, *, within: float) -> bool:
        """Wait until the device is connected and subscribed again after its broker went away."""
        return self._ready.wait(within)

    def _install(self) -> dict[str, Any]:
        """Log in, install the device and return its MQTT endpoint (docs/kii-push-api.md §2.1, §7.1, §7.3)."""
        with loopback.client(headers={"X-Kii-AppID": self._app_id, "X-Kii-AppKey": "any"}) as http:
            login = http.post(f"{self._api}/oauth2/token", json=self._login).raise_for_status().json()
            self.user_id = login["id"]
            http.headers["Authorization"] = f"Bearer {login['access_token']}"
            installed = http.post(
                f"{self._api}/installations",
                json={"deviceType": "MQTT"},
                headers={"Content-Type": "application/vnd.kii.InstallationCreationRequest+json"},
            )
            self.installation_id = installed.raise_for_status().json()["installationID"]
            url = f"{self._api}/installations/{self.installation_id}/mqtt-endpoint"
            deadline = time.monotonic() + 10
            while (answer := http.get(url)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
                if time.monotonic() > deadline:
                    raise LocalError("The sandbox did not prepare an MQTT endpoint within 10 s.")
                time.sleep(float(answer.headers.get("Retry-After", "0.2")))
            endpoint: dict[str, Any] = answer.raise_for_status().json()
            return endpoint

    def _on_connect(
        self,
        client: mqtt.Client,
        _data: None,
        _flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        _more: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._refused = str(reason)
            self._ready.set()
        else:
            client.subscribe(self._topic, qos=0)

    def _on_subscribe(
        self,
        _client: mqtt.Client,
        _data: None,
        _mid: int,
        reasons: list[ReasonCode],
        _more: Properties | None,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refused = str(reasons[0])
        self._ready.set()

    def _on_message(self, _client: mqtt.Client, _data: None, message: mqtt.MQTTMessage) -> None:
        self._inbox.put(Received(time.time(), json.loads(message.payload)))
