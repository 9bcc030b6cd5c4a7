"""Who makes a call: the app's admin, a user, a thing or nobody in particular."""

from dataclasses import dataclass
from typing import Literal

ANY_AUTHENTICATED = "UserID:ANY_AUTHENTICATED_USER"
ANONYMOUS = "UserID:ANONYMOUS_USER"

PrincipalKind = Literal["admin", "user", "thing", "anonymous"]


@dataclass(frozen=True, slots=True)
class Principal:
    """An authenticated caller. `id` is the userID, thingID or administrator ID; None when anonymous."""

    kind: PrincipalKind
    app_id: str
    id: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether this is the app's admin, who may do anything."""
        return self.kind == "admin"

    @property
    def subject(self) -> str:
        """The caller as ACL paths name them: `UserID:...`, `ThingID:...`. The admin has no such name."""
        match self.kind:
            case "user":
                return f"UserID:{self.id}"
            case "thing":
                return f"ThingID:{self.id}"
            case _:
                return ANONYMOUS

    @property
    def uri(self) -> str:
        """The caller as messages name it (docs/kii-push-api.md §8.4)."""
        match self.kind:
            case "admin":
                return "kiicloud://admins/APP_ADMIN"
            case "thing":
                return f"kiicloud://things/{self.id}"
            case _:
                return f"kiicloud://users/{self.id}"

    @property
    def sender(self) -> str | None:
        """The user or thing ID that messages carry; None for the admin."""
        return None if self.is_admin else self.id
