"""The sandbox as one ASGI application: Kii's REST API, the control calls and the console."""

from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from sandbox.control import calls
from sandbox.rest.gateway import Gateway
from sandbox.routes import (
    acl,
    buckets,
    groups,
    installations,
    messages,
    oauth2,
    object_bodies,
    objects,
    payloads,
    subscriptions,
    things,
    topics,
    users,
)
from sandbox.runtime import Sandbox

# Sends first: the hottest paths are found soonest.
ROUTES: list[BaseRoute] = [
    *messages.ROUTES,
    *oauth2.ROUTES,
    *installations.ROUTES,
    *subscriptions.ROUTES,
    *topics.ROUTES,
    *objects.ROUTES,
    *object_bodies.ROUTES,
    *buckets.ROUTES,
    *acl.ROUTES,
    *users.ROUTES,
    *groups.ROUTES,
    *things.ROUTES,
    *payloads.ROUTES,
]


class App:
    """Sends each request to the API below `/api`, or to the sandbox's own pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._gateway = Gateway(sandbox, ROUTES)
        self._control = calls.application(sandbox)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["path"].startswith("/api/"):
            await self._gateway(scope, receive, send)
        else:
            await self._control(scope, receive, send)
