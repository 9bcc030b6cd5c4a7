"""The schemas of the public document: the layer's own structs, refined by what public.yaml says of them."""

import json
from typing import Any

import msgspec

from kii_push.api.installation import NewInstallation
from kii_push.broadcast.request import BroadcastShape
from kii_push.broadcast.store import Progress
from kii_push.kii.installations import Installation, MqttEndpoint, Registration
from kii_push.kii.topics import TopicPage
from kii_push.message.fields import Message
from kii_push.message.short_form import ShortMessage
from kii_push.push.dry_run import DryRunReport
from kii_push.push.ledger import PushRecord
from kii_push.push.request import RequestShape

type Schema = dict[str, Any]

_STRUCTS = (
    *(Message, ShortMessage, RequestShape),
    *(DryRunReport, TopicPage, NewInstallation, Registration, Installation, MqttEndpoint),
    *(BroadcastShape, Progress, PushRecord),
)
# What the document calls a struct where Python's name would puzzle its readers.
_NAMES = {
    "RequestShape": "PushRequest",
    "TargetShape": "Target",
    "DryRunReport": "DryRun",
    "Registration": "InstallationIDs",
    "MqttEndpoint": "MQTTEndpoint",
    "TopicPage": "Topics",
    "TopicEntry": "Topic",
    "BroadcastShape": "Broadcast",
    "RecipientShape": "Recipient",
    "Progress": "BroadcastProgress",
}
_PREFIX = "#/components/schemas/"
# Over HTTP the path says the target, and a bucket's body is the object itself.
_NOT_IN_HTTP = ("target", "object", "objectID", "operation", "broadcast")


def schemas(refinements: dict[str, Schema]) -> dict[str, Schema]:
    """Return all schemas, by name: those of the structs merged with the refinements of the same name."""
    _, own = msgspec.json.schema_components(_STRUCTS, ref_template=_PREFIX + "{name}")
    text = json.dumps({_NAMES.get(name, name): schema for name, schema in own.items()})
    for name, public in _NAMES.items():
        text = text.replace(f'"{_PREFIX}{name}"', f'"{_PREFIX}{public}"')
    found: dict[str, Schema] = json.loads(text)
    http = json.loads(json.dumps(found["PushRequest"]))
    for name in _NOT_IN_HTTP:
        del http["properties"][name]
    found["HTTPPush"] = http
    for schema in found.values():
        schema.pop("title")
        _without_null(schema)
    for name, refinement in refinements.items():
        found[name] = _merged(found.get(name, {}), refinement)
    return dict(sorted(found.items()))


def push_request(found: dict[str, Schema]) -> Schema:
    """Return the JSON Schema of a push request as the queue and a schedule take it, complete in itself."""
    needed: dict[str, Schema] = {}
    open_ = ["PushRequest"]
    while open_:
        name = open_.pop()
        if name not in needed:
            needed[name] = found[name]
            parts = json.dumps(found[name]).split(f'"{_PREFIX}')[1:]
            open_ += [part.partition('"')[0] for part in parts]
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Push request",
        **needed.pop("PushRequest"),
        "$defs": dict(sorted(needed.items())),
    }
    standalone: Schema = json.loads(json.dumps(schema).replace(_PREFIX, "#/$defs/"))
    return standalone


def _without_null(schema: Schema) -> None:
    """Take null from optional fields: the structs leave them out rather than say null."""
    for name, field in schema["properties"].items():
        if "default" in field and field["default"] is None:
            schema["properties"][name] = field["anyOf"][0]


def _merged(schema: Schema, refinement: Schema) -> Schema:
    """Return a schema with more said about it and its properties; a reference replaces a property."""
    merged = {**schema, **refinement}
    properties = dict(schema.get("properties", {}))
    for name, more in refinement.get("properties", {}).items():
        known = properties.get(name, {})
        properties[name] = more if "$ref" in more or "anyOf" in more else {**known, **more}
    if properties:
        merged["properties"] = properties
    return merged
