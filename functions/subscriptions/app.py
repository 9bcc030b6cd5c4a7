"""{scope}/topics|buckets/{id}/push/subscriptions/users|things/{subscriberID}: who gets which pushes."""

from http import HTTPStatus

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import params
from kii_push.errors import KiiError
from kii_push.kii.subscriptions import Bucket, Subscriptions, Topic

subscriptions = Subscriptions(runtime.kii_client())


@api.api
def handler(event: api.Event) -> api.Answer:
    """Subscribe (PUT), ask (GET) or unsubscribe (DELETE); answer 204, or a problem."""
    scope = params.scope(event)
    source: Topic | Bucket
    if "topicID" in event["pathParameters"]:
        source = Topic(params.topic(event), scope)
    else:
        source = Bucket(params.bucket(event), scope)
    subscriber = params.subscriber(event)
    match event["httpMethod"]:
        case "PUT":
            subscriptions.subscribe(source, subscriber)
        case "DELETE":
            subscriptions.unsubscribe(source, subscriber)
        case _ if not subscriptions.is_subscribed(source, subscriber):
            raise KiiError(HTTPStatus.NOT_FOUND, "PUSH_SUBSCRIPTION_NOT_FOUND")
    return api.done()
