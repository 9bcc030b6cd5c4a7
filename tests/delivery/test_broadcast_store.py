"""What is kept of a broadcast, and what is said of one that cannot be kept or found."""

from typing import TYPE_CHECKING

import pytest

from kii_push.broadcast.store import SourceGone
from kii_push.errors import InvalidRequest, LedgerError
from kii_push.push.stop_switch import StopSwitch
from tests.delivery.broadcasting import Sale, request_for, request_for_list
from tests.doubles.aws_clients import patched, refused, unreachable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def test_a_recipient_who_would_be_read_in_pieces_is_refused(sale: Sale) -> None:
    with pytest.raises(InvalidRequest, match="65536 bytes"):
        sale.broadcasts.accept(request_for("u-1", {"user": "u-2", "values": {"text": "x" * 65_536}}))
    assert sale.broadcasts.progress("sale") is None


def test_a_list_that_is_not_there_is_refused(sale: Sale, s3: "S3Client") -> None:
    s3.put_object(Bucket=sale.bucket, Key="lists/all.ndjson", Body=b"")
    with pytest.raises(InvalidRequest) as caught:
        sale.broadcasts.accept(request_for_list())
    assert caught.value.violations[0].field == "recipientsKey"
    assert sale.broadcasts.progress("sale") is None


def test_a_list_that_may_not_be_read_says_nothing_of_the_list(sale: Sale, s3: "S3Client") -> None:
    broadcasts = sale.store(s3=patched(s3, head_object=refused("403")))
    with pytest.raises(LedgerError, match="403"):
        broadcasts.accept(request_for_list())


def test_unheard_of_broadcasts(sale: Sale) -> None:
    assert sale.broadcasts.progress("sale") is None
    assert not sale.broadcasts.stop("sale")
    with pytest.raises(SourceGone, match="the message is not there any more"):
        sale.broadcasts.job("sale")
    sale.broadcasts.set_phase("sale", "queueing")
    assert sale.broadcasts.progress("sale") is None, "forgotten meanwhile, it does not come up again"


def test_without_connection_nothing_is_kept_or_known(sale: Sale, table: str) -> None:
    dynamodb = unreachable("dynamodb")
    with pytest.raises(LedgerError, match="EndpointConnectionError"):
        sale.store(dynamodb=dynamodb).progress("sale")
    with pytest.raises(LedgerError, match="EndpointConnectionError"):
        StopSwitch(dynamodb, table).check("sale")
