"""House rules for an update of a stack that is at work: who reads is updated before who writes."""

import pytest

from tests.template.model import as_list, resources


@pytest.mark.parametrize(
    ("writer", "reader"),
    [
        pytest.param("BroadcastsFunction", "FanOutFunction", id="the job of a broadcast"),
        pytest.param("FanOutFunction", "QueuePushFunction", id="the broadcast queue"),
        pytest.param("QueuePushFunction", "RedriveFunction", id="dead letters"),
    ],
)
def test_a_function_is_updated_after_those_that_read_what_it_writes(writer: str, reader: str) -> None:
    assert reader in as_list(resources()[writer]["DependsOn"])
