"""What becomes of a function's environments when the function is updated."""

from collections.abc import Iterable

from ministack.core import lambda_runtime
from ministack.core.lambda_runtime import Worker
from ministack.services import lambda_svc

from local.aws_emulator.patching import replace

_kill_workers = lambda_runtime.kill_workers
_release_worker = lambda_runtime.release_worker


def apply() -> None:
    """Let an invocation that has begun come to its end, as on AWS; MiniStack kills it at an update."""
    replace(lambda_runtime, "kill_workers", kill_idle)
    for module in (lambda_runtime, lambda_svc):
        replace(module, "release_worker", release)


def kill_idle(workers: Iterable[Worker | None]) -> None:
    """End workers that nothing invokes any more; `release` ends the others."""
    _kill_workers([each for each in workers if each and not each.in_use])


def release(worker: Worker | None) -> None:
    """Give a worker back once its invocation is over; one of a function that was updated meanwhile ends."""
    _release_worker(worker)
    if worker:
        with lambda_runtime._lock:
            kept = any(worker in pool for pool in lambda_runtime._workers.values())
        if not kept:
            _kill_workers([worker])
