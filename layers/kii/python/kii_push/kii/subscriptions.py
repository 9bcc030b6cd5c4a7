"""Who gets the pushes of a topic (docs/kii-push-api.md §5) or of a bucket's changes (§6)."""

from dataclasses import dataclass

from kii_push.kii.client import KiiClient
from kii_push.kii.identifiers import APP, Principal, Scope, encode


@dataclass(frozen=True)
class Topic:
    """A topic that can be subscribed to: Push to User."""

    id: str
    scope: Scope = APP

    @property
    def path(self) -> str:
        """The path of its subscriptions below the app."""
        return f"{self.scope.path}/topics/{encode(self.id)}/push/subscriptions"


@dataclass(frozen=True)
class Bucket:
    """A bucket whose changes can be subscribed to: Push to App. Kii's one filter is `all`."""

    id: str
    scope: Scope = APP

    @property
    def path(self) -> str:
        """The path of its subscriptions below the app."""
        return f"{self.scope.path}/buckets/{encode(self.id)}/filters/all/push/subscriptions"


class Subscriptions:
    """Kii's operations on subscriptions, as the app's admin. Kii lists no subscribers.

    Each raises KiiError 404 for a missing topic (`TOPIC_NOT_FOUND`), scope owner, user or thing.
    """

    def __init__(self, kii: KiiClient) -> None:
        self._kii = kii

    def subscribe(self, source: Topic | Bucket, subscriber: Principal) -> None:
        """Subscribe a user or thing; a missing bucket is made.

        Raises KiiError: 409 `PUSH_SUBSCRIPTION_ALREADY_EXISTS`.
        """
        self._kii.call("PUT", source.path + subscriber.path)

    def is_subscribed(self, source: Topic | Bucket, subscriber: Principal) -> bool:
        """Say whether the user or thing is subscribed. A missing bucket has no subscribers."""
        path = source.path + subscriber.path
        return self._kii.exists(path, missing=("PUSH_SUBSCRIPTION_NOT_FOUND", "FILTER_NOT_FOUND"))

    def unsubscribe(self, source: Topic | Bucket, subscriber: Principal) -> None:
        """End a subscription.

        Raises KiiError: 404 `PUSH_SUBSCRIPTION_NOT_FOUND`, for a missing bucket `FILTER_NOT_FOUND`.
        """
        self._kii.call("DELETE", source.path + subscriber.path)
