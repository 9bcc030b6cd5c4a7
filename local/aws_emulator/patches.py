"""Everything that is replaced in MiniStack."""

from local.aws_emulator import callers, gateway, rights, schedules, workers


def apply(*, evaluate_iam: bool) -> None:
    """Replace it; raises PatchError when MiniStack has changed."""
    callers.apply()
    gateway.apply()
    rights.apply()
    schedules.apply()
    workers.apply()
    if not evaluate_iam:
        callers.grant_everything()
