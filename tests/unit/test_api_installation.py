"""The body of POST /installations."""

from typing import Any

import pytest

from kii_push.api import installation
from kii_push.api.installation import Device
from kii_push.errors import InvalidRequest
from kii_push.kii.identifiers import Principal

TOKEN = "a-device-token"
PHONE = {"deviceType": "ANDROID", "installationRegistrationID": TOKEN, "userID": "LOGIN_NAME:bob"}


BOB = Principal("user", "LOGIN_NAME:bob")


@pytest.mark.parametrize(
    ("body", "device"),
    [
        (PHONE, Device("ANDROID", BOB, TOKEN, development=False)),
        ({**PHONE, "deviceType": "IOS", "development": True}, Device("IOS", BOB, TOKEN, development=True)),
        (
            {"deviceType": "MQTT", "thingID": "t-1"},
            Device("MQTT", Principal("thing", "t-1"), None, development=False),
        ),
    ],
)
def test_a_device_that_kii_can_take(body: dict[str, Any], device: Device) -> None:
    assert installation.read(body) == device


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ([], ""),
        ({}, "deviceType"),
        ({**PHONE, "deviceType": "FAX"}, "deviceType"),
        ({**PHONE, "colour": "red"}, "colour"),
        ({**PHONE, "development": "true"}, "development"),
        ({**PHONE, "thingID": "t-1"}, ""),
        ({"deviceType": "MQTT"}, ""),
        ({**PHONE, "userID": None}, "userID"),
        ({**PHONE, "userID": "me"}, "userID"),
        ({"deviceType": "MQTT", "thingID": "a/b"}, "thingID"),
        ({"deviceType": "MQTT", "thingID": ""}, "thingID"),
        ({"deviceType": "IOS", "userID": "u"}, "installationRegistrationID"),
        ({**PHONE, "installationRegistrationID": ""}, "installationRegistrationID"),
        ({**PHONE, "installationRegistrationID": "a b"}, "installationRegistrationID"),
        ({**PHONE, "installationRegistrationID": "x" * 4097}, "installationRegistrationID"),
        ({**PHONE, "deviceType": "MQTT"}, "installationRegistrationID"),
    ],
)
def test_a_device_that_kii_cannot_take_is_refused_with_the_field_that_is_wrong(body: Any, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        installation.read(body)

    [violation] = refused.value.violations
    assert violation.field == field


def test_a_device_token_is_not_shown() -> None:
    wrong = {**PHONE, "installationRegistrationID": f"{TOKEN} {TOKEN}"}

    assert TOKEN not in repr(installation.read(PHONE))
    with pytest.raises(InvalidRequest) as refused:
        installation.read(wrong)
    assert TOKEN not in str(refused.value)
