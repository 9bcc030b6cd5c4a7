"""Every function in the template starts with the layer alone and takes its example event."""

from typing import TYPE_CHECKING

import pytest

from local.events import example_event
from local.template import functions

if TYPE_CHECKING:
    from tests.functions.conftest import Run


@pytest.mark.parametrize("folder", sorted(functions()))
def test_the_example_event_is_taken(run: "Run", folder: str) -> None:
    event = example_event(folder)
    function = run(folder)

    answer = function.invoke(event)

    if "httpMethod" in event:
        # The example may name what this sandbox does not have.
        assert answer["statusCode"] in {200, 201, 202, 204, 404}
    assert '"level":"ERROR"' not in function.log.read_text()
