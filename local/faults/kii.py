"""The sandbox during a fault run: its faults, its clock, and what reached it."""

import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from local import loopback
from local.process import LocalError
from local.settings import APP_ID

SENDS = {"method": "POST", "path": "*/push/messages"}
USER = "LOGIN_NAME:bob"
# The lifetime for which the layer asks.
_TOKEN_LIFE_SECONDS = 3600


class Kii:
    """A running sandbox with an Android device of bob's, the one that pushes go to.

    Such a device has no connection that could break: its deliveries are what the sandbox handed to FCM.
    """

    def __init__(self, origin: str) -> None:
        """`origin` is the sandbox's, such as `http://127.0.0.1:8080`."""
        self._http = loopback.client(base_url=origin, timeout=30)
        self._counted_from = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._http.close()

    def reset(self) -> None:
        """Go back to the seed, without faults, and install the device."""
        self.fault()
        self._http.delete("/_sandbox/state").raise_for_status()
        self.install("bob")

    def install(self, user: str) -> None:
        """Install an Android device for a user of the seed."""
        api = f"/api/apps/{APP_ID}"
        headers = {"X-Kii-AppID": APP_ID, "X-Kii-AppKey": "any"}
        login = {"grant_type": "password", "username": user, "password": "password"}
        token = self._http.post(f"{api}/oauth2/token", json=login, headers=headers).raise_for_status()
        headers["Authorization"] = f"Bearer {token.json()['access_token']}"
        device = {"deviceType": "ANDROID", "installationRegistrationID": f"phone-of-{user}"}
        self._http.post(f"{api}/installations", json=device, headers=headers).raise_for_status()

    def fault(self, *rules: dict[str, Any]) -> None:
        """Put these rules in force for sends (or what their `match` says), in place of all others."""
        answer = self._http.put("/_sandbox/faults", json=[{"match": SENDS, **rule} for rule in rules])
        answer.raise_for_status()

    def exhausted(self) -> bool:
        """Say whether every rule in force has struck as many `times` as it should."""
        rules: list[dict[str, Any]] = self._http.get("/_sandbox/faults").raise_for_status().json()
        return bool(rules) and all(rule["times"] == 0 for rule in rules)

    def requests(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the requests that reached Kii after the one with this `seq`."""
        answer = self._http.get("/_sandbox/requests", params={"after": after}).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["requests"]
        return found

    def sends(self, after: int = 0) -> list[dict[str, Any]]:
        """Return those of `requests` that ask for a push; `status` is None while there is no answer."""
        return [each for each in self.requests(after) if each["path"].endswith("/push/messages")]

    def last(self) -> int:
        """Return the `seq` of the latest request."""
        return max((int(each["seq"]) for each in self.requests()), default=0)

    def token_age(self) -> float:
        """Return how many seconds old the newest token is at least, while the clock is right.

        One that was minted before the sandbox was last started is as old as the first request since.
        """
        # What was asked while the clock was ahead is not of any age.
        asked = [each for each in self.requests() if each["at"] <= time.time() * 1000]
        minted = [each for each in asked if each["path"].endswith("/oauth2/token")]
        if not asked:
            raise LocalError("Nothing has asked the sandbox for anything: no token can expire.")
        newest = minted[-1] if minted else asked[0]
        return time.time() - int(newest["at"]) / 1000

    def expire_tokens(self) -> None:
        """Set the clock ahead so that all tokens are too old; new ones live for half the newest one's age."""
        self._set_clock(_TOKEN_LIFE_SECONDS - self.token_age() / 2)

    def right_clock(self) -> None:
        """Set the clock to the machine's."""
        self._set_clock(0)

    def _set_clock(self, ahead: float) -> None:
        self._http.put("/_sandbox/clock", json={"offsetMs": int(ahead * 1000)}).raise_for_status()

    def deliveries(self) -> Counter[str]:
        """Return how often each push was handed to a device, by the ID that it carries as `push`."""
        return Counter(self.delivered())

    def delivered(self) -> list[str]:
        """Return the pushes in the order in which they were handed over."""
        return [each["payload"]["data"]["push"] for each in self._log(after=self._counted_from)]

    def delivery_times(self) -> list[float]:
        """Return when each push was handed over, in seconds since the epoch."""
        return [each["at"] / 1000 for each in self._log(after=self._counted_from)]

    def remembers(self, push_id: str) -> bool:
        """Say whether this push was delivered since the sandbox last went back to its seed.

        Others than those of this module may have been: to other devices, with other data.
        """
        payloads = [each["payload"] for each in self._log()]
        return any(
            isinstance(each.get("data"), dict) and each["data"].get("push") == push_id for each in payloads
        )

    def count_from_now(self) -> None:
        """Let `deliveries` leave out what was delivered until now."""
        self._counted_from = max((int(each["seq"]) for each in self._log(last=1)), default=0)

    def _log(self, **query: int) -> list[dict[str, Any]]:
        answer = self._http.get("/_sandbox/deliveries", params=query).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["deliveries"]
        return found


def push_request(push_id: str, **more: Any) -> dict[str, Any]:
    """Return the push request whose delivery will name its ID."""
    message = {"data": {"push": push_id}, "gcm": {"enabled": True}}
    return {"id": push_id, "target": {"user": USER}, "message": message, **more}


def wait_for(true: Callable[[], bool], what: str, *, within: float) -> None:
    """Ask until the answer is yes; raise LocalError when it is not within so many seconds."""
    deadline = time.monotonic() + within
    while not true():
        if time.monotonic() > deadline:
            raise LocalError(f"{what}: not within {within:.0f} s.")
        time.sleep(0.05)
