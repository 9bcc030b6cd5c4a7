"""A running sandbox for the REST tests, back to its seed before each; a certificate for the broker's."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sandbox.kii import Kii, sandbox


@pytest.fixture(scope="session")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one sandbox for all tests that need no other settings."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as origin:
        yield origin


@pytest.fixture(scope="session")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """Run asynchronous tests on the event loop that the sandbox runs on."""
    return "asyncio", {"use_uvloop": True}


@pytest.fixture
def kii(origin: str) -> Iterator[Kii]:
    with Kii(origin) as kii:
        kii.reset()
        yield kii


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    openssl = shutil.which("openssl")
    assert openssl, "openssl is needed to make a certificate"
    command = [openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 (our own arguments)
    return certificate, key
