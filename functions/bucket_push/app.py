"""POST, PUT, PATCH, DELETE {scope}/buckets/{bucketID}/objects: Push to App, by the change of an object.

Kii tells the bucket's subscribers of each change. The answers are Kii's own, or a problem.
"""

from kii_push import runtime
from kii_push.api import handler as api
from kii_push.api import push

calls = runtime.call_counter()
delivery = runtime.delivery(runtime.kii_client(calls))


def create_object(event: api.Event) -> api.Answer:
    """Answer 201 with the new object's ID."""
    return push.change_object(event, delivery, "create")


def replace_object(event: api.Event) -> api.Answer:
    """Answer 200, or 201 if the object is new."""
    return push.change_object(event, delivery, "replace")


def update_object(event: api.Event) -> api.Answer:
    """Answer 200; the fields that are not in the body stay."""
    return push.change_object(event, delivery, "update")


def delete_object(event: api.Event) -> api.Answer:
    """Answer 204."""
    return push.change_object(event, delivery, "delete")


ONE = "/buckets/{bucketID}/objects/{objectID}"
OPERATIONS = {
    "POST /buckets/{bucketID}/objects": api.Operation(create_object, query=("dryRun",)),
    f"PUT {ONE}": api.Operation(replace_object, query=("dryRun",)),
    f"PATCH {ONE}": api.Operation(update_object, query=("dryRun",)),
    f"DELETE {ONE}": api.Operation(delete_object, query=("dryRun",)),
}
handler = api.dispatch(OPERATIONS, calls)
