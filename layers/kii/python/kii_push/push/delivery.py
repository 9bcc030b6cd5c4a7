"""Deliver a push request safely: claim it, check it, send it, record how it ended."""

from kii_push import runtime
from kii_push.common import observability
from kii_push.errors import Expired, InvalidRequest, LedgerError, PushError, Violation
from kii_push.kii.client import KiiClient
from kii_push.kii.objects import Objects, Written
from kii_push.message.rules import Message
from kii_push.push import ledger, preflight, stop_switch, throttle
from kii_push.push.ledger import Claim, Ledger, Receipt
from kii_push.push.request import BucketTarget, PushRequest, UserTarget
from kii_push.push.stop_switch import StopSwitch
from kii_push.push.throttle import Gate


class Delivery:
    """Delivers push requests. Safe to share between threads."""

    def __init__(self, kii: KiiClient, ledger: Ledger, gate: Gate, stop: StopSwitch) -> None:
        self._kii = kii
        self._stop = stop
        self._ledger = ledger
        self._gate = gate

    def deliver(self, request: PushRequest) -> Receipt:
        """Send the push unless it was sent before; return its receipt.

        Raises the PushError whose `outcome` is the push's end: InvalidRequest for a broken rule or a missing
        `confirm` and Expired before Kii is asked, what Ledger.claim and Gate.send raise, and what KiiClient
        raises.
        """
        claim = self._ledger.claim(request)
        if isinstance(claim, Receipt):
            return claim
        try:
            receipt = self._send(request)
        except PushError as error:
            self._settle(claim, error)
            raise
        self._settle(claim, receipt)
        return receipt

    def _send(self, request: PushRequest) -> Receipt:
        _refuse_late(request)
        if request.broadcast:
            self._stop.check(request.broadcast)
        if request.lacks_confirm:
            reason = "must be true: this goes to all subscribers of an app-wide topic"
            raise InvalidRequest(Violation("confirm", reason))
        message = preflight.checked(request.message, request.target, self._kii.app_id)
        return self._gate.send(lambda: self._ask_kii(request, message), broadcast=bool(request.broadcast))

    def _ask_kii(self, request: PushRequest, message: Message) -> Receipt:
        # Looking up the secret and waiting for a place in the rate take seconds.
        _refuse_late(request)
        kii, target = self._kii, request.target
        if isinstance(target, BucketTarget):
            return Receipt(written=_change(kii, target, message))
        if isinstance(target, UserTarget):
            return Receipt(kii.send_to_user(target.user, message))
        return Receipt(kii.send_to_topic(target.topic, message, target.scope))

    def _settle(self, claim: Claim, end: Receipt | PushError) -> None:
        """Record the end. When that fails the claim runs out and the push counts as `unknown`."""
        try:
            self._ledger.settle(claim, end)
        except LedgerError as error:
            observability.unsettled(claim.push_id, end.outcome, error)


def _refuse_late(request: PushRequest) -> None:
    if request.expired():
        raise Expired(f"notAfter ({request.not_after:%Y-%m-%dT%H:%M:%S%z}) has passed")


def _change(kii: KiiClient, target: BucketTarget, value: Message) -> Written:
    """Make the change of an object that Kii then pushes to the bucket's subscribers."""
    objects = Objects(kii)
    if target.object_id is None:
        return objects.create(target.bucket, value, target.scope)
    if target.operation == "delete":
        objects.delete(target.bucket, target.object_id, target.scope)
        return Written(created=False, object_id=target.object_id)
    write = objects.replace if target.operation == "replace" else objects.update
    return write(target.bucket, target.object_id, value, target.scope)


def from_environment() -> Delivery:
    """Return the delivery with this environment's client, ledger and gate."""
    return Delivery(
        runtime.kii_client(),
        ledger.from_environment(),
        throttle.from_environment(),
        stop_switch.from_environment(),
    )
