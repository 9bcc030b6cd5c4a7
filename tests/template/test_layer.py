"""The layer as it is deployed: small, compiled, and without what the runtime brings."""

import importlib.util
import io
import marshal
import re
import zipfile
from pathlib import Path

import pytest

from local.build import build
from local.progress import silent
from local.settings import ROOT
from tests.template.model import folder, functions

pytestmark = pytest.mark.slow

# Bytes zipped.
LARGEST = 6_000_000
# PEP 552: the flags of bytecode that is never compared with its source.
UNCHECKED_HASH = b"\x01\x00\x00\x00"
RUNTIMES_OWN = {"boto3", "botocore", "s3transfer", "urllib3", "awslambdaric"}


@pytest.fixture(scope="module")
def built() -> Path:
    """The folder that `sam build` filled."""
    return build(silent)


@pytest.fixture(scope="module")
def layer(built: Path) -> Path:
    """The built layer, which Lambda puts at /opt."""
    [found] = [path for path in built.iterdir() if (path / "python").is_dir()]
    return found


def test_every_module_has_bytecode_for_the_runtime_that_is_taken_without_a_look_at_its_source(
    layer: Path,
) -> None:
    modules = sorted(layer.rglob("*.py"))
    assert any(path.parent.name == "kii_push" for path in modules)
    for path in modules:
        compiled = Path(importlib.util.cache_from_source(str(path))).read_bytes()
        assert compiled[:4] == importlib.util.MAGIC_NUMBER, path
        assert compiled[4:8] == UNCHECKED_HASH, path


def test_bytecode_names_the_file_where_lambda_has_it(layer: Path) -> None:
    path = layer / "python/kii_push/kii/client.py"

    code = marshal.loads(Path(importlib.util.cache_from_source(str(path))).read_bytes()[16:])  # noqa: S302 (ours)

    assert code.co_filename == "/opt/python/kii_push/kii/client.py"


def test_the_layer_is_small(layer: Path) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(layer.rglob("*")):
            archive.write(path, path.relative_to(layer))

    assert target.tell() < LARGEST


def test_what_the_runtime_brings_is_not_in_the_layer(layer: Path) -> None:
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / "layers/kii/requirements.txt").read_text(), re.MULTILINE)

    assert pinned
    assert RUNTIMES_OWN.isdisjoint(pinned)
    assert RUNTIMES_OWN.isdisjoint(path.name for path in (layer / "python").iterdir())


def test_the_command_line_is_not_in_the_layer(layer: Path) -> None:
    package = ROOT / "layers/kii/python/kii_push"
    command_line = {path.relative_to(package) for path in (package / "cli").glob("*.py")}
    command_line.add(Path("__main__.py"))

    deployed = {path.relative_to(layer / "python/kii_push") for path in layer.glob("python/kii_push/**/*.py")}
    assert deployed == {path.relative_to(package) for path in package.rglob("*.py")} - command_line


def test_the_layer_holds_its_package_and_what_is_pinned_by_hash(layer: Path) -> None:
    pins = (ROOT / "layers/kii/requirements.txt").read_text().replace("\\\n", " ").splitlines()
    assert all("--hash=sha256:" in pin for pin in pins if "==" in pin)

    distributions = {path.name.split("-")[0] for path in (layer / "python").glob("*.dist-info")}
    assert distributions == {
        pin.split("==")[0].replace("-", "_") for pin in pins if "==" in pin and applies(pin)
    }


def applies(pin: str) -> bool:
    """Whether the pin is for Lambda and not, by its marker, for another system."""
    return "sys_platform == 'win32'" not in pin


def test_a_built_function_is_its_own_code_and_nothing_else(built: Path) -> None:
    for name in functions():
        sources = {path.relative_to(folder(name)) for path in files(folder(name))}
        assert {path.relative_to(built / name) for path in files(built / name)} == sources


def files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
