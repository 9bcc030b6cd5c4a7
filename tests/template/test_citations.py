"""What code and documents cite is there: documents, their headings, the sections of docs/kii-push-api.md.

A section of that document is cited as `§` and its number. The first citation in a file names the document.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.settings import ROOT
from tests.template import markdown

KII = ROOT / "docs/kii-push-api.md"
SUFFIXES = {".css", ".html", ".in", ".js", ".json", ".md", ".py", ".sh", ".toml", ".yaml", ".yml"}
# A line break within a citation, in a comment or out of one.
_GAP = r"\s[\s#]*"
_SECTION = re.compile(rf"(?:§|kii-push-api\.md,?{_GAP}(?:sections?{_GAP})?)(\d+[a-z]?(?:\.\d+)?)")
_DOCUMENT = re.compile(r"(?<![\w/.-])docs/[\w.-]+\.(?:md|json|svg|png)\b")
_HEADING = re.compile(rf'(?<![\w/.-])((?:docs/)?[\w-]+\.md),{_GAP}"([^"]+)"')
# The names of these documents before they were in the repository.
_OUTSIDE = re.compile(rf"fact{_GAP}sheet|design{_GAP}section", re.IGNORECASE)


def _written() -> dict[str, str]:
    """Return the text files that people write, by their path in the repository."""
    tops = [path for path in ROOT.iterdir() if not path.name.startswith(".") or path.name == ".github"]
    paths = [path for top in tops for path in ([top] if top.is_file() else top.rglob("*"))]
    return {
        str(path.relative_to(ROOT)): path.read_text()
        for path in sorted(paths)
        if path.is_file() and (path.suffix in SUFFIXES or path.name == "Makefile")
        if "node_modules" not in path.parts
    }


WRITTEN = _written()
MARKDOWN = [name for name in WRITTEN if name.endswith(".md")]


def dangling(text: str) -> Iterator[str]:
    """Yield each citation in `text` that leads nowhere."""
    numbers = {found[1] for each in markdown.headings(KII) if (found := re.match(r"(\d\w*(?:\.\d+)?)", each))}
    yield from (f"§{section}" for section in _SECTION.findall(text) if section not in numbers)
    yield from (path for path in _DOCUMENT.findall(text) if not (ROOT / path).exists())
    for path, heading in _HEADING.findall(text):
        file = ROOT / path
        if not file.exists() or heading.replace("\n", " ") not in markdown.headings(file):
            yield f'{path}, "{heading}"'


@pytest.mark.parametrize(
    "text",
    [
        "§8.6",
        "§8.5 and §99",
        "docs/kii-push-api.md 8.6",
        "docs/kii-push-api.md, section 15",
        "docs/nothing.md",
        'docs/operations.md, "Dead fish"',
        'See docs/operations.md,\n  # "Dead fish".',
        'CHANGELOG.md, "1492"',
    ],
)
def test_a_dangling_citation_is_found(text: str) -> None:
    assert list(dangling(text))


def test_a_citation_that_leads_somewhere_is_none_of_them() -> None:
    text = '§8.5, §13a and docs/kii-push-api.md 9. See docs/operations.md,\n    # "Dead letters".'

    assert not list(dangling(text))


def test_every_citation_leads_somewhere() -> None:
    # This file quotes some that do not.
    others = {name: text for name, text in WRITTEN.items() if ROOT / name != Path(__file__)}

    assert [f"{name}: {each}" for name, text in others.items() for each in dangling(text)] == []


def test_a_file_that_cites_sections_names_their_document() -> None:
    unnamed = [name for name, text in WRITTEN.items() if re.search(r"§\d", text) and KII.name not in text]

    assert unnamed == [str(KII.relative_to(ROOT))]


def test_no_document_outside_of_the_repository_is_cited() -> None:
    cited = [f"{name}: {each}" for name, text in WRITTEN.items() for each in _OUTSIDE.findall(text)]

    assert cited == []


@pytest.mark.parametrize("document", MARKDOWN)
def test_a_link_leads_somewhere(document: str) -> None:
    lost = [
        f"{file.relative_to(ROOT)}#{anchor}"
        for file, anchor in markdown.links(ROOT / document)
        if not file.exists() or (anchor and anchor not in markdown.anchors(file))
    ]

    assert lost == []
