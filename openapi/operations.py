"""The table of everything the HTTPS door does: which method of which path is served by which function.

Paths are Kii's own after `/apps/{appID}`. The gateway routes by this table. Each function dispatches by a
table of its own, which tests/template/test_operations.py compares with this one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

# Scopes of topics and buckets (docs/kii-push-api.md §4.1): what goes into an operation's ID and summary, and
# the prefix.
SCOPES = (
    ("", "the app's", ""),
    ("InGroup", "a group's", "/groups/{groupID}"),
    ("InUser", "a user's", "/users/{userID}"),
    ("InThing", "a thing's", "/things/{thingID}"),
)

# Statuses of success: the schema of the answer, None for an answer without a body.
type Answers = dict[int, str | None]

_DONE: Answers = {204: None}
_BODY = (413, 415)
_SEND = (409, 410, *_BODY)


@dataclass(frozen=True)
class Operation:
    """One method of one path, served by the function in the folder `function` of `functions/`.

    `problems` are the statuses of failure beyond those that every operation can answer; `body` and `query`
    name components of the public document.
    """

    id: str
    method: str
    path: str
    function: str
    summary: str
    answers: Answers
    problems: tuple[int, ...] = ()
    body: str | None = None
    query: tuple[str, ...] = ()


def _in_all_scopes(*operations: Operation) -> Iterator[Operation]:
    """Yield each operation in each scope, with `{scope}` in its summary filled in."""
    for each in operations:
        for suffix, whose, prefix in SCOPES:
            summary = each.summary.replace("{scope}", whose)
            yield replace(each, id=each.id + suffix, path=prefix + each.path, summary=summary)


def _sends() -> Iterator[Operation]:
    to_user = Operation(
        "sendToUser",
        "POST",
        "/users/{userID}/push/messages",
        "direct_push",
        "Send to all devices of a user (Direct Push)",
        {200: "DryRun", 201: "Sent"},
        _SEND,
        body="Push",
        query=("dryRun",),
    )
    yield to_user
    yield from _in_all_scopes(
        replace(
            to_user,
            id="sendToTopic",
            path="/topics/{topicID}/push/messages",
            function="topic_push",
            summary="Send to the subscribers of {scope} topic (Push to User)",
            query=("dryRun", "confirm"),
        )
    )


def _objects() -> Iterator[Operation]:
    def change(method: str, path: str, verb: str, answers: Answers, body: str | None) -> Operation:
        return Operation(
            f"{verb}Object",
            method,
            f"/buckets/{{bucketID}}/objects{path}",
            "bucket_push",
            f"{verb.capitalize()} an object in {{scope}} bucket: Kii tells its subscribers (Push to App)",
            {200: "DryRun", **answers},
            _SEND if body else (409, 410),
            body,
            ("dryRun",),
        )

    one = "/{objectID}"
    yield from _in_all_scopes(
        change("POST", "", "create", {201: "ObjectChange"}, "Object"),
        change("PUT", one, "replace", {200: "ObjectChangeOrDryRun", 201: "ObjectChange"}, "Object"),
        change("PATCH", one, "update", {200: "ObjectChangeOrDryRun"}, "ObjectFields"),
        change("DELETE", one, "delete", _DONE, None),
    )


def _topics() -> Iterator[Operation]:
    def topic(name: str, method: str, path: str, summary: str, answers: Answers, *problems: int) -> Operation:
        return Operation(name, method, f"/topics{path}", "topics", summary, answers, problems)

    one, acl, grant = "/{topicID}", "/{topicID}/acl", "/{topicID}/acl/{verb}/{subject}"
    listed = topic("listTopics", "GET", "", "List {scope} topics, a page at a time", {200: "Topics"})
    yield from _in_all_scopes(
        replace(listed, query=("paginationKey",)),
        topic("createTopic", "PUT", one, "Create {scope} topic", _DONE, 409),
        topic("getTopic", "GET", one, "Ask whether {scope} topic exists", _DONE),
        topic("headTopic", "HEAD", one, "Ask whether {scope} topic exists", _DONE),
        topic("deleteTopic", "DELETE", one, "Delete {scope} topic", _DONE),
        topic("getTopicACL", "GET", acl, "Who may do what with {scope} topic", {200: "TopicACL"}),
        topic(
            "getTopicGrants",
            "GET",
            f"{acl}/{{verb}}",
            "Who may subscribe, or send, to {scope} topic",
            {200: "Subjects"},
        ),
        topic("getTopicGrant", "GET", grant, "Ask for one permission on {scope} topic", {200: "Subject"}),
        topic("grantTopic", "PUT", grant, "Grant a permission on {scope} topic", _DONE, 409),
        topic("revokeTopic", "DELETE", grant, "Revoke a permission on {scope} topic", _DONE),
    )


def _subscriptions() -> Iterator[Operation]:
    for what in ("topic", "bucket"):
        for subscriber in ("user", "thing"):
            path = f"/{what}s/{{{what}ID}}/push/subscriptions/{subscriber}s/{{subscriberID}}"
            for method, name, summary, problems in (
                ("PUT", "subscribe{}To{}", "Subscribe a {} to {{scope}} {}", (409,)),
                ("GET", "get{}SubscriptionTo{}", "Ask whether a {} is subscribed to {{scope}} {}", ()),
                ("DELETE", "unsubscribe{}From{}", "Unsubscribe a {} from {{scope}} {}", ()),
            ):
                yield from _in_all_scopes(
                    Operation(
                        name.format(subscriber.capitalize(), what.capitalize()),
                        method,
                        path,
                        "subscriptions",
                        summary.format(subscriber, what),
                        _DONE,
                        problems,
                    )
                )


def _installations() -> Iterator[Operation]:
    def installation(name: str, method: str, path: str, summary: str, answers: Answers) -> Operation:
        return Operation(name, method, f"/installations{path}", "installations", summary, answers)

    one = "/{installationID}"
    yield replace(
        installation("registerInstallation", "POST", "", "Install a device", {201: "InstallationIDs"}),
        problems=_BODY,
        body="NewInstallation",
    )
    yield replace(
        installation("listInstallations", "GET", "", "List installed devices", {200: "Installations"}),
        query=("ofUser", "ofThing"),
    )
    yield installation("getInstallation", "GET", one, "Look an installation up", {200: "Installation"})
    yield installation("deleteInstallation", "DELETE", one, "Uninstall a device", _DONE)
    yield installation(
        "getMQTTEndpoint",
        "GET",
        f"{one}/mqtt-endpoint",
        "Where an MQTT device connects to",
        {200: "MQTTEndpoint"},
    )


def _broadcasts() -> Iterator[Operation]:
    one = "/broadcasts/{broadcastID}"
    yield Operation(
        "startBroadcast",
        "POST",
        "/broadcasts",
        "broadcasts",
        "Send to many users",
        {202: "BroadcastStarted"},
        (409, *_BODY),
        body="Broadcast",
    )
    yield Operation(
        "getBroadcast", "GET", one, "broadcasts", "How far a broadcast is", {200: "BroadcastProgress"}
    )
    stop = "Send no more of a broadcast; one that is done stays so"
    yield Operation("stopBroadcast", "DELETE", one, "broadcasts", stop, _DONE)


def _pushes() -> Iterator[Operation]:
    yield Operation(
        "getPush", "GET", "/pushes/{pushID}", "pushes", "What became of a push", {200: "PushRecord"}
    )


def _document() -> Iterator[Operation]:
    yield Operation("getOpenAPI", "GET", "/openapi.json", "openapi", "This document", {200: "OpenAPI"})


OPERATIONS = (
    *_sends(),
    *_objects(),
    *_topics(),
    *_subscriptions(),
    *_installations(),
    *_broadcasts(),
    *_pushes(),
    *_document(),
)
