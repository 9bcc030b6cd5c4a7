"""The repository's Markdown: the headings that can be cited, and the links to follow."""

import functools
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

_FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (.+?)\s*$", re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:")


@functools.cache
def headings(path: Path) -> list[str]:
    """Return the text of each heading, from top to bottom."""
    return _HEADING.findall(_prose(path))


@functools.cache
def anchors(path: Path) -> set[str]:
    """Return what a link can name after `#`, by GitHub's rules."""
    seen = Counter[str]()
    found = set()
    for heading in headings(path):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def links(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield the file and the anchor (may be empty) of each link that stays in the repository."""
    for target in _LINK.findall(_prose(path)):
        if not _ELSEWHERE.match(target):
            file, _, anchor = target.partition("#")
            yield (path.parent / file).resolve() if file else path, anchor


def _prose(path: Path) -> str:
    return _FENCED.sub("", path.read_text())
