"""Run the SAM command line for the local stack."""

from collections.abc import Mapping
from pathlib import Path

from local.process import LocalError, finish
from local.settings import ARCHITECTURE, ROOT, SAM

# What the template's parameters must be here. MiniStack refuses a stack that has an alarm with metric math.
PARAMETERS = {"Architecture": ARCHITECTURE, "MetricMathAlarms": "DISABLED"}


def sam(
    command: str,
    *options: str | Path,
    log: Path,
    env: Mapping[str, str],
    parameters: Mapping[str, str] | None = None,
) -> None:
    """Run a SAM command with samconfig.toml's environment `local`; raises LocalError when it fails.

    `parameters` are the template's, where neither PARAMETERS nor its defaults will do.
    """
    if not SAM.exists():
        raise LocalError("The SAM command line is not installed: run `make setup`.")
    common: list[str | Path] = ["--config-file", ROOT / "samconfig.toml", "--config-env", "local"]
    chosen = {**PARAMETERS, **(parameters or {})}
    common += ["--parameter-overrides", *(f"{name}={value}" for name, value in chosen.items())]
    # SAM's telemetry and update check would call out; neither is wanted in a build.
    quiet = {**env, "SAM_CLI_TELEMETRY": "0"}
    finish([SAM, command, *options, *common], name=f"sam {command}", log=log, env=quiet, cwd=ROOT)
