"""Every choice the sandbox makes where Kii's sources disagree, are silent, or let the app's owner decide.

Set by `--policy name=value` and by the seed file's `policy` object; the defaults take the side that
docs/kii-push-api.md recommends.
"""

from typing import Annotated, Final, Literal

import msgspec

NON_EXPIRING_SECONDS: Final = 2_147_483_647

Status = Annotated[int, msgspec.Meta(ge=200, le=599)]
Count = Annotated[int, msgspec.Meta(ge=0, le=10**12)]
Positive = Annotated[int, msgspec.Meta(ge=1, le=10**12)]


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """The switches; `HELP` says what each does. Field names are camelCase outside of Python."""

    message_rules: Literal["new", "strict-old"] = "new"
    topic_page_size: Positive = 50
    unsubscribe_status: Literal[200, 204] = 204
    bucket_auto_create: bool = True
    bucket_subscribed_status: Literal[404, 409] = 409
    anonymous_in_topic_acl: Literal["reject", "accept"] = "reject"
    acl_change_status: Literal[200, 201, 204] = 204
    installation_delete_status: Literal[200, 204] = 204
    reinstall: Literal["move", "conflict"] = "move"
    mqtt_reinstall_status: Literal[200, 201] = 201
    mqtt_endpoint_delay_ms: Count = 0
    mqtt_endpoint_ttl_seconds: Positive = 2_592_000
    refresh_tokens: bool = True
    non_expiring_expires_in: Literal[2147483647, 9223372036854775] = NON_EXPIRING_SECONDS
    max_login_attempts: Count = 0
    login_lock_period_seconds: Positive = 300
    apns_limit_bytes: Literal[2048, 4096] = 2048
    large_apns: Literal["reject", "store"] = "reject"
    foreign_token_status: Literal[401, 403] = 401


HELP = {
    "messageRules": "rules for messages to topics (docs/kii-push-api.md §8.5): those of the `new` page,"
    " or `strict-old`, which want every network block",
    "topicPageSize": "topics in one answer before it carries a paginationKey",
    "unsubscribeStatus": "answer to DELETE of a topic subscription: 204 (live test) or 200 (guide)",
    "bucketAutoCreate": "subscribing to a missing bucket makes it (reference); false: 404 FILTER_NOT_FOUND",
    "bucketSubscribedStatus": "subscribing twice to a bucket: 409 (reference, live test) or 404 (guide)",
    "anonymousInTopicAcl": "ANONYMOUS_USER in a topic ACL: `reject` with 400 (reference) or `accept` (guide)",
    "aclChangeStatus": "answer to PUT and DELETE of an ACL entry",
    "installationDeleteStatus": "answer to DELETE of an installation",
    "reinstall": "POST of an installed device: `move` it to the caller (reference) or `conflict` with 409",
    "mqttReinstallStatus": "answer to an owner's second MQTT installation, which returns the first one's IDs",
    "mqttEndpointDelayMs": "time an MQTT endpoint stays 503 MQTT_ENDPOINT_NOT_READY after it is issued",
    "mqttEndpointTtlSeconds": "lifetime of an mqttTopic (header X-MQTT-TTL)",
    "refreshTokens": "whether token answers carry a refresh_token",
    "nonExpiringExpiresIn": "expires_in without expiresAt: 2147483647 (documents) or 9223372036854775 (SDKs)",
    "maxLoginAttempts": "wrong passwords in a row that lock a login; 0: never",
    "loginLockPeriodSeconds": "how long a login stays locked",
    "apnsLimitBytes": "the largest APNs payload: 2048 (reference) or 4096 (guide)",
    "largeApns": "a larger APNs payload: `reject` the message (rule k), or `store` the payload"
    " and have the device fetch it by the payloadID it gets instead",
    "foreignTokenStatus": "a token of another app: 401 UNAUTHORIZED or 403 WRONG_TOKEN",
}


class PolicyError(Exception):
    """A policy that does not exist or a value it does not take; the message says which."""


def parse(settings: list[str], base: Policy) -> Policy:
    """Return `base` with command-line settings `name=value` applied. Raises PolicyError."""
    given: dict[str, str] = {}
    for setting in settings:
        name, separator, value = setting.partition("=")
        if not separator:
            raise PolicyError(f"a policy is set by name=value, not {setting!r}")
        given[name] = value
    try:
        return msgspec.convert(as_fields(base) | given, Policy, strict=False)
    except msgspec.ValidationError as error:
        raise PolicyError(f"policy: {error}") from error


def as_fields(policy: Policy) -> dict[str, str | int | bool]:
    """Return the policy by the names it is set by."""
    fields: dict[str, str | int | bool] = msgspec.to_builtins(policy)
    return fields
