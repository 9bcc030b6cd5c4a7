"""Pushes taken through the ledger by hand: claimed, ended, looked up."""

from typing import Any

from kii_push.errors import PushError
from kii_push.push.ledger import Claim, Ledger, PushRecord, Receipt
from tests.delivery.push_requests import push


def claimed(ledger: Ledger, **more: Any) -> Claim:
    """Return the claim on the push `p-1`, or on the one that `more` says."""
    claim = ledger.claim(push(**more))
    assert isinstance(claim, Claim)
    return claim


def ended(ledger: Ledger, end: Receipt | PushError, **more: Any) -> Receipt | PushError:
    """Claim a push and let it come to this end; return the end that is on record."""
    return ledger.record(push(**more), claimed(ledger, **more), end)


def found(ledger: Ledger, push_id: str = "p-1") -> PushRecord:
    """Return what the ledger knows of a push, which is something."""
    record = ledger.find(push_id)
    assert record
    return record
