"""The contract rate before a handler: beyond it the answer is 429, and the handler does not run."""

from sandbox.rest.call import Call, Handler
from sandbox.rest.response import Response


def rate_limited(handler: Handler) -> Handler:
    """Return the handler behind the app's contract rate, which is asked before the caller's token."""

    def within_rate(call: Call) -> Response:
        counter = call.sandbox.rate
        if counter.take(call.app_id, call.sandbox.clock.now_ms()):
            return handler(call)
        wait = counter.rate.retry_after
        return Response(429, headers={} if wait is None else {"Retry-After": str(wait)})

    return within_rate
