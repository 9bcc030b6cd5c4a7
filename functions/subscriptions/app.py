"""{scope}/topics|buckets/{id}/push/subscriptions/users|things/{subscriberID}: who gets which pushes."""

from http import HTTPStatus

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import params
from kii_push.errors import KiiError
from kii_push.kii.subscriptions import Bucket, Subscriptions, Topic

calls = runtime.call_counter()
subscriptions = Subscriptions(runtime.kii_client(calls))


def subscribe(event: api.Event) -> api.Answer:
    """Answer 204, or 409 if the user or thing is subscribed."""
    subscriptions.subscribe(_source(event), params.subscriber(event))
    return api.no_content()


def get_subscription(event: api.Event) -> api.Answer:
    """Answer 204 if the user or thing is subscribed, else 404."""
    if not subscriptions.is_subscribed(_source(event), params.subscriber(event)):
        raise KiiError(HTTPStatus.NOT_FOUND, "PUSH_SUBSCRIPTION_NOT_FOUND")
    return api.no_content()


def unsubscribe(event: api.Event) -> api.Answer:
    """Answer 204, or 404."""
    subscriptions.unsubscribe(_source(event), params.subscriber(event))
    return api.no_content()


def _source(event: api.Event) -> Topic | Bucket:
    scope = params.scope(event)
    if "topicID" in event["pathParameters"]:
        return Topic(params.topic(event), scope)
    return Bucket(params.bucket(event), scope)


PATHS = (
    "/topics/{topicID}/push/subscriptions/users/{subscriberID}",
    "/topics/{topicID}/push/subscriptions/things/{subscriberID}",
    "/buckets/{bucketID}/push/subscriptions/users/{subscriberID}",
    "/buckets/{bucketID}/push/subscriptions/things/{subscriberID}",
)
OPERATIONS = {
    f"{method} {path}": api.Operation(call)
    for path in PATHS
    for method, call in (("PUT", subscribe), ("GET", get_subscription), ("DELETE", unsubscribe))
}
handler = api.dispatch(OPERATIONS, calls)
