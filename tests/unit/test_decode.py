"""How the fields of a struct are named in JSON."""

import pytest

from kii_push.common.decode import wire_name


@pytest.mark.parametrize(
    ("name", "on_the_wire"),
    [("send_app_id", "sendAppID"), ("data", "data"), ("loc_args", "locArgs"), ("topic_id", "topicID")],
)
def test_names_are_kii_s_own(name: str, on_the_wire: str) -> None:
    assert wire_name(name) == on_the_wire
