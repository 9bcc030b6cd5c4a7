"""Random waits, so that those who failed together do not come back together.

The names are those of AWS's "Exponential Backoff And Jitter":
https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
"""

import random


def full_jitter(longest: float) -> float:
    """Return a wait from 0 to `longest`, in its unit: calls spread the most, and some come at once."""
    return random.uniform(0, longest)  # noqa: S311 (no secret)


def equal_jitter(longest: float) -> float:
    """Return a wait from half of `longest` to all of it, in its unit: none comes at once."""
    return random.uniform(longest / 2, longest)  # noqa: S311 (no secret)
