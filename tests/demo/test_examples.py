"""The example photos: six that may be shown, each with its photographer and licence, small enough to be sent."""

import re
from pathlib import Path

import pytest
from PIL import Image

EXAMPLES = Path(__file__).resolve().parents[2] / "demo" / "examples"
PHOTOS = sorted(path for path in EXAMPLES.iterdir() if path.name != "README.md")
ROW = re.compile(r"^\| `(?P<file>[^`]+)` \|(?P<cells>.+)\|$", re.MULTILINE)
# The ways in which a licence that lets others pass a picture on is written in the table.
FREE = re.compile(r"CC0 1\.0|CC BY(-SA)? \d\.\d|public domain")
MOST_SIDE, MOST_BYTES = 1280, 250_000


def credit_lines() -> dict[str, list[str]]:
    """What the README says of each file: what it shows, its photographer, its licence, its source."""
    rows = ROW.finditer((EXAMPLES / "README.md").read_text(encoding="utf-8"))
    return {row["file"]: [cell.strip() for cell in row["cells"].split("|")] for row in rows}


def test_there_are_six_jpegs_so_that_the_page_shows_all_of_them():
    assert len(PHOTOS) == 6
    assert {path.suffix for path in PHOTOS} == {".jpg"}


def test_every_photo_has_a_row_and_every_row_a_photo():
    assert set(credit_lines()) == {path.name for path in PHOTOS}


@pytest.mark.parametrize("name", [path.name for path in PHOTOS])
def test_a_row_names_a_photographer_a_free_licence_and_a_source(name):
    what, photographer, licence, source = credit_lines()[name]
    assert what
    assert photographer
    assert FREE.search(licence)
    assert "https://" in source


@pytest.mark.parametrize("path", PHOTOS, ids=lambda path: path.name)
def test_a_photo_is_small_and_tells_nothing_of_the_camera(path):
    assert path.stat().st_size < MOST_BYTES
    with Image.open(path) as photo:
        assert max(photo.size) <= MOST_SIDE
        assert photo.mode == "RGB"
        assert not photo.getexif()
        assert not {"exif", "icc_profile", "xmp", "photoshop", "comment"} & set(photo.info)
