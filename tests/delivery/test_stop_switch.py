"""The stop switch: one question for all threads, and one failure."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from kii_push.errors import Cancelled, LedgerError
from kii_push.push import stop_switch
from kii_push.push.stop_switch import StopSwitch


class Table:
    """DynamoDB, as far as the switch reads it: slowly, and not at all while `fails`."""

    def __init__(self) -> None:
        self.reads: list[str] = []
        self.stopped: set[str] = set()
        self.fails = False

    def get_item(self, TableName: str, Key: dict[str, dict[str, str]]) -> Any:  # noqa: N803 (boto3's)
        assert TableName == "ledger"
        name = Key["pk"]["S"].removeprefix("broadcast#")
        self.reads.append(name)
        time.sleep(0.2)
        if self.fails:
            raise ReadTimeoutError(endpoint_url="https://dynamodb")
        return {"Item": {"phase": {"S": "stopped" if name in self.stopped else "queued"}}}


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def switch(table: Table) -> StopSwitch:
    return StopSwitch(table, "ledger")  # type: ignore[arg-type]


def checked_by_ten(switch: StopSwitch, names: list[str]) -> list[str]:
    """Check from ten threads at once; return what each came to."""
    together = threading.Barrier(10)

    def check(name: str) -> str:
        together.wait()
        try:
            switch.check(name)
        except (Cancelled, LedgerError) as error:
            return type(error).__name__
        return "goes on"

    with ThreadPoolExecutor(10) as threads:
        return list(threads.map(check, names))


def test_ten_threads_ask_once_and_are_all_told(switch: StopSwitch, table: Table) -> None:
    table.stopped = {"sale"}
    assert checked_by_ten(switch, ["sale"] * 10) == ["Cancelled"] * 10
    assert table.reads == ["sale"]


def test_ten_threads_share_the_failure(switch: StopSwitch, table: Table) -> None:
    table.fails = True
    assert checked_by_ten(switch, ["sale"] * 10) == ["LedgerError"] * 10
    assert len(table.reads) < 4, "one for all, but for those that came too late to wait"
    table.fails = False
    switch.check("sale")


def test_one_broadcast_does_not_wait_for_another(switch: StopSwitch, table: Table) -> None:
    names = [f"sale-{number}" for number in range(10)]
    began = time.monotonic()
    assert checked_by_ten(switch, names) == ["goes on"] * 10
    assert time.monotonic() - began < 1.5, "ten times 0.2 s in a row would be 2 s"
    assert sorted(table.reads) == names


def test_an_answer_is_good_for_two_seconds(
    switch: StopSwitch, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    monkeypatch.setattr(time, "sleep", lambda _: None)
    switch.check("sale")
    table.stopped = {"sale"}
    now[0] = 2
    switch.check("sale")
    now[0] = 2.1
    with pytest.raises(Cancelled, match="sale"):
        switch.check("sale")


def test_it_remembers_the_last_broadcasts_only(
    switch: StopSwitch, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stop_switch, "_MAX_CACHED_BROADCASTS", 2)
    for name in ("a", "b", "b", "c", "b", "a"):
        switch.check(name)
    assert table.reads == ["a", "b", "c", "a"]
