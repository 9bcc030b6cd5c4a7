"""Scopes: the app, or one of its groups, users or things (docs/kii-push-api.md §4.1)."""

from dataclasses import dataclass
from typing import Literal

ScopeType = Literal["APP", "APP_AND_GROUP", "APP_AND_USER", "APP_AND_THING"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where a topic or bucket lives: the app, or one of its groups, users or things."""

    type: ScopeType
    app_id: str
    group_id: str | None = None
    user_id: str | None = None
    thing_id: str | None = None

    @property
    def path(self) -> str:
        """The scope as it is written after `kiicloud://`, empty for the app."""
        for kind, owner in (("groups", self.group_id), ("users", self.user_id), ("things", self.thing_id)):
            if owner is not None:
                return f"{kind}/{owner}"
        return ""

    @property
    def key(self) -> str:
        """The scope as the store's `scope` and `resource` columns name it."""
        return f"{self.app_id}/{self.path}" if self.path else self.app_id

    def uri(self, below: str) -> str:
        """Return the `kiicloud://` URI of something in the scope, such as `topics/alerts`."""
        return f"kiicloud://{self.path}/{below}" if self.path else f"kiicloud://{below}"
