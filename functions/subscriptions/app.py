"""{scope}/topics|buckets/{id}/push/subscriptions/users|things/{subscriberID}: who gets which pushes."""

from http import HTTPStatus

from kii_push import http, route, runtime
from kii_push.errors import KiiError
from kii_push.subscriptions import Bucket, Subscriptions, Topic

subscriptions = Subscriptions(runtime.kii_client())


@http.api
def handler(event: http.Event) -> http.Answer:
    """Subscribe (PUT), ask (GET) or unsubscribe (DELETE); answer 204, or a problem."""
    scope = route.scope(event)
    source: Topic | Bucket
    if "topicID" in event["pathParameters"]:
        source = Topic(route.topic(event), scope)
    else:
        source = Bucket(route.bucket(event), scope)
    subscriber = route.subscriber(event)
    match event["httpMethod"]:
        case "PUT":
            subscriptions.subscribe(source, subscriber)
        case "DELETE":
            subscriptions.unsubscribe(source, subscriber)
        case _ if not subscriptions.is_subscribed(source, subscriber):
            raise KiiError(HTTPStatus.NOT_FOUND, "PUSH_SUBSCRIPTION_NOT_FOUND")
    return http.done()
