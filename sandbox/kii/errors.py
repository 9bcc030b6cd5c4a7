"""Kii's error answers: each `errorCode` with its status, content type and extra fields.

See docs/kii-push-api.md §9.1 to §9.3.

Content type names that are not documented follow the pattern of those that are.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from sandbox.kii.principal import Principal
from sandbox.kii.scope import Scope


class KiiError(Exception):
    """A refusal on its way to the caller: HTTP status, JSON body, content type name and extra headers."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        type_name: str,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.type_name = type_name
        self.headers = headers or {}
        self.body = {"errorCode": code, "message": message, **extra}


class OAuthError(KiiError):
    """A refusal by a token endpoint, which answers in OAuth's words as well as Kii's (§2.4)."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(
            HTTPStatus.BAD_REQUEST, code, description, type_name="", error_description=description
        )
        self.body["error"] = code


def unauthorized(principal: Principal | None) -> KiiError:
    """Refuse who is not logged in, and who is not allowed: Kii has one code for both."""
    extra: dict[str, Any] = {}
    if principal is not None:
        extra["authenticatedAppID"] = principal.app_id
        if principal.id is not None:
            extra["authenticatedPrincipalID"] = principal.id
    message = "The user is not authorized to execute the operation"
    return KiiError(401, "UNAUTHORIZED", message, type_name="UnauthorizedAccessException", **extra)


def wrong_token(app_id: str, token: str) -> KiiError:
    """Refuse a token that is unknown, expired or superseded. Kii echoes it, to whoever sent it."""
    return KiiError(
        403,
        "WRONG_TOKEN",
        "The provided token is not valid",
        type_name="WrongTokenException",
        accessToken=token,
        appID=app_id,
    )


def wrong_refresh_token(app_id: str) -> KiiError:
    """Refuse a refresh token that is unknown or used up."""
    return KiiError(
        403,
        "WRONG_REFRESH_TOKEN",
        "The provided refresh token is not valid",
        type_name="WrongRefreshTokenException",
        appID=app_id,
    )


def invalid_input(fields: Mapping[str, str]) -> KiiError:
    """Refuse a request that breaks a rule; `fields` maps each field to what is wrong with it."""
    listed = "; ".join(f"{field}: {reason}" for field, reason in fields.items())
    return KiiError(
        400,
        "INVALID_INPUT_DATA",
        f"There are validation errors: {listed}",
        type_name="InvalidInputDataException",
        invalidFields=dict(fields),
    )


def invalid_json(reason: str) -> KiiError:
    """Refuse a body that is not JSON."""
    return KiiError(
        400, "INVALID_JSON", f"The body is not valid JSON: {reason}", type_name="InvalidJsonException"
    )


def app_not_found(app_id: str) -> KiiError:
    """Miss an app that is not in the seed."""
    message = f"The application {app_id} was not found"
    return KiiError(404, "APP_NOT_FOUND", message, type_name="AppNotFoundException", appID=app_id)


def user_not_found(app_id: str, field: str, value: str) -> KiiError:
    """Miss a user whose `field` (`userID`, `loginName`, ...) is `value`."""
    message = f"The user with {field} {value} was not found"
    return KiiError(
        404,
        "USER_NOT_FOUND",
        message,
        type_name="UserNotFoundException",
        field=field,
        value=value,
        appID=app_id,
    )


def thing_not_found(app_id: str, field: str, value: str) -> KiiError:
    """Miss a thing whose `field` (`thingID` or `vendorThingID`) is `value`."""
    message = f"The thing with {field} {value} was not found"
    return KiiError(
        404,
        "THING_NOT_FOUND",
        message,
        type_name="ThingNotFoundException",
        field=field,
        value=value,
        appID=app_id,
    )


def group_not_found(app_id: str, group_id: str) -> KiiError:
    """Miss a group."""
    message = f"The group {group_id} was not found"
    return KiiError(
        404, "GROUP_NOT_FOUND", message, type_name="GroupNotFoundException", groupID=group_id, appID=app_id
    )


def object_scope(scope: Scope) -> dict[str, str]:
    """Return §9.2's `objectScope`."""
    ids = {"userID": scope.user_id, "groupID": scope.group_id, "thingID": scope.thing_id}
    given = {name: value for name, value in ids.items() if value is not None}
    return {"appID": scope.app_id, **given, "type": scope.type}


def topic_not_found(scope: Scope, topic_id: str) -> KiiError:
    """Miss a topic in a scope."""
    return KiiError(
        404,
        "TOPIC_NOT_FOUND",
        f"The topic {topic_id} was not found",
        type_name="TopicNotFoundException",
        topicID=topic_id,
        objectScope=object_scope(scope),
    )


def topic_already_exists(scope: Scope, topic_id: str) -> KiiError:
    """Refuse to make a topic that the scope has already."""
    return KiiError(
        409,
        "TOPIC_ALREADY_EXISTS",
        f"The topic {topic_id} already exists",
        type_name="TopicAlreadyExistsException",
        topicID=topic_id,
        objectScope=object_scope(scope),
    )


def subscription_already_exists(scope: Scope, name: str, subject: str, *, status: int = 409) -> KiiError:
    """Refuse to subscribe `subject` twice; buckets' filters answer with the topics' exception (§6)."""
    return KiiError(
        status,
        "PUSH_SUBSCRIPTION_ALREADY_EXISTS",
        f"The subject {subject} is already subscribed to {name}",
        type_name="PushSubscriptionAlreadyExistsException",
        topicID=name,
        objectScope=object_scope(scope),
        subject=subject,
    )


def subscription_not_found(scope: Scope, name: str, subject: str) -> KiiError:
    """Miss a subscription of `subject`."""
    return KiiError(
        404,
        "PUSH_SUBSCRIPTION_NOT_FOUND",
        f"The subject {subject} is not subscribed to {name}",
        type_name="PushSubscriptionNotFoundException",
        topicID=name,
        objectScope=object_scope(scope),
        subject=subject,
    )


def installation_not_found(
    app_id: str,
    installation_id: str | None = None,
    *,
    device_type: str | None = None,
    registration_id: str | None = None,
) -> KiiError:
    """Miss an installation, looked for by its ID or by device type and registration ID."""
    return KiiError(
        404,
        "INSTALLATION_NOT_FOUND",
        "The installation was not found",
        type_name="InstallationNotFoundException",
        installationID=installation_id,
        appID=app_id,
        installationRegistrationID=registration_id,
        deviceType=device_type,
    )


def endpoint_not_ready(app_id: str, installation_id: str, retry_after: int) -> KiiError:
    """Put off who asks for an MQTT endpoint that is being prepared, by `retry_after` seconds."""
    return KiiError(
        503,
        "MQTT_ENDPOINT_NOT_READY",
        "The MQTT endpoint is being prepared",
        type_name="MQTTEndpointNotReadyException",
        headers={"Retry-After": str(retry_after)},
        installationID=installation_id,
        appID=app_id,
        retryAfter=retry_after,
    )


def endpoint_not_found(app_id: str, installation_id: str) -> KiiError:
    """Miss the MQTT endpoint of an installation that is not an MQTT one."""
    return KiiError(
        404,
        "MQTT_ENDPOINT_NOT_FOUND",
        f"The installation {installation_id} has no MQTT endpoint",
        type_name="MQTTEndpointNotFoundException",
        installationID=installation_id,
        appID=app_id,
    )


def simple(status: int, code: str, message: str, **extra: Any) -> KiiError:
    """Return an error without a shape of its own; the content type name follows from the code."""
    name = "".join(word.capitalize() for word in code.split("_")) + "Exception"
    return KiiError(status, code, message, type_name=name, **extra)
