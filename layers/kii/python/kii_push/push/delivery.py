"""Deliver a push request safely: claim it, check it, send it, record how it ended."""

from kii_push.errors import Exhausted, InvalidRequest, PushError, Violation
from kii_push.kii.client import KiiClient
from kii_push.kii.objects import Objects, ObjectWrite
from kii_push.message.rules import Message
from kii_push.push.ledger import Ledger, Receipt
from kii_push.push.preflight import Preflight
from kii_push.push.request import BucketTarget, PushRequest, UserTarget
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Throttle


class Delivery:
    """Delivers push requests. Safe to share between threads."""

    def __init__(
        self,
        kii: KiiClient,
        ledger: Ledger,
        throttle: Throttle,
        stop_switch: StopSwitch,
        preflight: Preflight,
    ) -> None:
        self.kii = kii
        self.preflight = preflight
        self._ledger = ledger
        self._throttle = throttle
        self._stop_switch = stop_switch

    def deliver(self, request: PushRequest, *, give_up: str | None = None) -> Receipt:
        """Send the push unless it was sent before; return its receipt.

        With `give_up` it is not sent any more: unless it was sent, is too late or was stopped, it ends
        `exhausted` for this reason. Raises the PushError whose `outcome` is the push's end, which is also
        what the ledger says: InvalidRequest for a broken rule or a missing `confirm`, Expired and Cancelled
        before Kii is asked, what Ledger.claim, Throttle.send and KiiClient raise, and what Ledger.record
        makes of it.
        """
        claim = self._ledger.claim(request)
        if isinstance(claim, Receipt):
            return claim
        end: Receipt | PushError
        try:
            end = self._send(request, give_up)
        except PushError as error:
            end = error
        end = self._ledger.record(request, claim, end)
        if isinstance(end, PushError):
            raise end
        return end

    def _send(self, request: PushRequest, give_up: str | None) -> Receipt:
        request.refuse_late()
        if request.broadcast:
            self._stop_switch.check(request.broadcast)
        if give_up:
            raise Exhausted(give_up)
        if request.lacks_confirm:
            reason = "must be true: this goes to all subscribers of an app-wide topic"
            raise InvalidRequest(Violation("confirm", reason))
        checked = self.preflight.check(request.message, request.target, self.kii.app_id)
        return self._throttle.send(
            lambda: self._call_kii(request, checked.body), broadcast=bool(request.broadcast)
        )

    def _call_kii(self, request: PushRequest, body: Message) -> Receipt:
        # Looking up the secret and waiting for room in the rate take seconds.
        request.refuse_late()
        kii, target = self.kii, request.target
        if isinstance(target, BucketTarget):
            return Receipt(written=_change(kii, target, body))
        if isinstance(target, UserTarget):
            return Receipt(kii.send_to_user(target.user, body))
        return Receipt(kii.send_to_topic(target.topic, body, target.scope))


def _change(kii: KiiClient, target: BucketTarget, value: Message) -> ObjectWrite:
    """Make the change of an object that Kii then pushes to the bucket's subscribers."""
    objects = Objects(kii)
    if target.object_id is None:
        return objects.create(target.bucket, value, target.scope)
    if target.operation == "delete":
        objects.delete(target.bucket, target.object_id, target.scope)
        return ObjectWrite(created=False, object_id=target.object_id)
    write = objects.replace if target.operation == "replace" else objects.update
    return write(target.bucket, target.object_id, value, target.scope)
