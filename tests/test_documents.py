"""The texts for readers: short where they promise it, no link into nothing, no figure that nobody writes."""

import re
from pathlib import Path

import pytest

from benchmarks import publish

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "models").glob("*/README.md")),
]
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
ELSEWHERE = ("https://", "http://", "mailto:")


def prose(path: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def links(path: Path) -> list[str]:
    """Where a document points to, other sites left out."""
    found = [link or image for link, image in LINK.findall(prose(path))]
    return [link for link in found if not link.startswith(ELSEWHERE)]


def anchors(path: Path) -> set[str]:
    """The headings of a document as a link names them: "What INT8 buys" is "what-int8-buys"."""
    headings = re.findall(r"^#+ (.+)$", prose(path), flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("name", "most"), [("README.md", 150), ("CONTRIBUTING.md", 90), ("CHANGELOG.md", 120)])
def test_a_page_is_a_page(name, most):
    assert len((ROOT / name).read_text().splitlines()) <= most


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    for link in links(path):
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), f"{path.name} links to {link}, which is not there"
        assert not anchor or anchor in anchors(target), f"{path.name} links to {link}, which has no such heading"


def test_links_are_found_in_prose_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text('# A page: one\n[a](b.md#c) ![d](e.png)\n<img src="f.png">\n```\n# [g](h)\n```\n[i](https://j)\n')
    assert links(page) == ["b.md#c", "e.png", "f.png"]
    assert anchors(page) == {"a-page-one"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_figure_has_a_command_that_writes_it(path):
    known = publish.blocks(*publish.kept_results())
    text = path.read_text()
    assert set(re.findall(r"<!-- /?numbers:(\S+) -->", text)) <= set(known)
    assert len(re.findall("<!-- numbers:", text)) == len(publish.BLOCK.findall(text)), "a block is not closed"
