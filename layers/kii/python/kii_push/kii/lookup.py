"""Ask Kii whether something is there."""

from http import HTTPStatus

from kii_push.errors import KiiError
from kii_push.kii.client import KiiClient


def found(kii: KiiClient, path: str, *missing: str) -> bool:
    """Say whether a GET of `path` succeeds: any 2xx will do, Kii's sources name different ones.

    False is a 404 with one of the `missing` codes, or without a code; any other KiiError is raised.
    """
    try:
        kii.call("GET", path)
    except KiiError as error:
        if error.status == HTTPStatus.NOT_FOUND and error.error_code in {*missing, None}:
            return False
        raise
    return True
