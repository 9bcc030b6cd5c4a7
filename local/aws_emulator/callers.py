"""Who a caller is: the one root key, the sessions of functions, and what SQS says about senders."""

import os
import secrets
import signal
from typing import Any

from ministack.core import iam_evaluator, lambda_runtime
from ministack.core.iam_evaluator import EvalContext, EvalResult
from ministack.core.responses import get_account_id
from ministack.services import iam, lambda_svc, sqs, sts

from local.aws_emulator.guard import caller
from local.aws_emulator.patching import replace

_build_send_sys_attrs = sqs._build_send_sys_attrs


def apply() -> None:
    """Take one root key, give functions sessions that nobody can guess, tell queues who sent."""
    replace(iam_evaluator, "is_root_access_key", is_root_access_key)
    for module in (lambda_runtime, lambda_svc):
        replace(module, "execution_credentials", execution_credentials)
    replace(sqs, "_build_send_sys_attrs", sent_by)


def grant_everything() -> None:
    """Let every caller who is known do everything, until this process gets a SIGUSR1."""
    evaluate = replace(iam_evaluator, "evaluate", _allow)
    signal.signal(signal.SIGUSR1, lambda _number, _frame: replace(iam_evaluator, "evaluate", evaluate))


def is_root_access_key(access_key_id: str) -> bool:
    """Return whether this is the one root key. MiniStack's own takes `test` and numbers, too."""
    return access_key_id == os.environ["AWS_ACCESS_KEY_ID"]


def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
    """Return a session of a function's role, under the function's name.

    Those of MiniStack can be computed from the function's name.
    """
    account, _region = lambda_runtime._account_region_from_function_config(config)
    role_name = config["Role"].rpartition("/")[2]
    # A role of the stack has an ID; a function may also be made with one that does not exist.
    role = iam._roles.get_scoped(account, None, role_name) or {"RoleId": role_name}
    session = config["FunctionName"][:64]
    key = f"ASIA{secrets.token_hex(8).upper()}"
    secret, token = secrets.token_urlsafe(30), secrets.token_urlsafe(60)
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role_name}/{session}",
            "UserId": f"{role['RoleId']}:{session}",
            "SecretAccessKey": secret,
            "SessionToken": token,
        },
    )
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}


def sent_by(now: float, sys_attrs_input: dict[str, Any]) -> dict[str, Any]:
    """Return a message's system attributes: MiniStack's with the sender's ID instead of the account's."""
    sender = caller.get()
    attributes: dict[str, Any] = _build_send_sys_attrs(now, sys_attrs_input)
    return attributes | {"SenderId": sender.principal_id if sender else get_account_id()}


def _allow(
    ctx: EvalContext,
    policies: list[Any],  # noqa: ARG001 (MiniStack's parameters)
    *limits: list[Any],  # noqa: ARG001
) -> EvalResult:
    return EvalResult("Allow", ctx.principal_arn)
