"""A file that is no picture we can use is refused in one sentence of what came and one of what to do."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import images
from engine.errors import InputError
from engine.images import read_picture

REPOSITORY = Path(__file__).resolve().parents[2]


def png_of(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def assert_refused(source: object, match: str) -> None:
    """Refused in one sentence of what came and one of what to do."""
    with pytest.raises(InputError, match=match) as caught:
        read_picture(source)
    message = str(caught.value)
    assert "\n" not in message
    assert message.endswith(".")


def test_a_jpeg_cut_short_is_refused(drawn_pet, encoded):
    data = encoded(drawn_pet()[0])
    assert_refused(data[: len(data) // 2], "The picture is damaged or cut short .* Save or download it again")


def test_an_opened_picture_whose_file_is_cut_short_is_refused(drawn_pet, encoded):
    data = encoded(drawn_pet()[0])
    assert_refused(Image.open(io.BytesIO(data[: len(data) // 2])), "The picture is damaged or cut short")


def test_an_avif_with_damaged_pixels_is_refused(drawn_pet, encoded):
    data = encoded(drawn_pet()[0], "AVIF")
    assert_refused(data[:-10] + bytes(10), "The picture is damaged or cut short")


def test_text_named_as_a_photo_is_refused(tmp_path):
    path = tmp_path / "letter.jpg"
    path.write_text("Dear cat,")
    assert_refused(path, "letter.jpg is not a picture we can read. Expected JPEG, PNG")


@pytest.mark.parametrize("source", [b"", io.BytesIO()])
def test_an_empty_file_is_refused(source):
    assert_refused(source, r"The picture is empty \(0 bytes\). Choose a photo")


@pytest.mark.parametrize("size", [(1, 1), (15, 300)])
def test_a_tiny_picture_is_refused(size):
    message = f"is {size[0]} x {size[1]} pixels; at least 16 x 16 are needed"
    assert_refused(png_of(Image.new("RGB", size)), message)


@pytest.mark.parametrize("side", [20_000, 10_000])
def test_a_picture_of_too_many_pixels_is_refused(side):
    # 400 megapixels are beyond Pillow's limit (179); of 100 it only warns, which is an error in these tests.
    data = png_of(Image.new("1", (side, side)))
    assert len(data) < 100_000
    assert_refused(data, "over 89 megapixels; at most 80 are read. Shrink it")


def test_a_picture_between_our_limit_and_pillows_is_refused_without_a_warning(tmp_path):
    # In a process of its own, since pytest sets the filters of warnings anew.
    path = tmp_path / "large.png"
    Image.new("1", (10_000, 10_000)).save(path)
    code = "import sys; from engine.images import read_picture; read_picture(sys.argv[1])"
    done = subprocess.run([sys.executable, "-c", code, path], cwd=REPOSITORY, capture_output=True, text=True)
    assert "InputError: large.png is 10000 x 10000 pixels (100 megapixels); at most 80" in done.stderr
    assert "Warning" not in done.stderr


def test_a_file_of_too_many_bytes_is_refused(monkeypatch, tmp_path, drawn_pet, encoded):
    monkeypatch.setattr(images, "MAX_MEGABYTES", 0.001)
    path = tmp_path / "heavy.png"
    path.write_bytes(encoded(drawn_pet()[0]))
    for source in (path, path.read_bytes()):
        assert_refused(source, r"has over 0.001 MB, the most that is read. Save it smaller")


def test_floating_point_pixels_are_refused(encoded):
    data = encoded(np.zeros((16, 16), np.float32), "TIFF")
    assert_refused(data, "floating-point pixels, whose range is unknown. Save it as 8-bit JPEG or PNG")


def test_grey_beyond_16_bits_is_refused(encoded):
    data = encoded(np.full((16, 16), 65536, np.int32), "TIFF")
    assert_refused(data, "grey values beyond 16 bits. Save it as 8-bit JPEG or PNG")


def test_a_missing_file_is_refused(tmp_path):
    assert_refused(tmp_path / "gone.jpg", r"gone.jpg cannot be opened \(No such file or directory\). Give the path")


def test_a_folder_is_refused(tmp_path):
    assert_refused(tmp_path, r"cannot be opened \(Is a directory\). Give the path of a photo")


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((32, 32, 3), np.float32),
        np.zeros((32, 32), np.uint8),
        np.zeros((32, 32, 4), np.uint8),
        np.zeros((1, 32, 32, 3), np.uint8),
    ],
)
def test_an_array_of_another_type_or_shape_is_refused(array):
    assert_refused(array, r"The array is .* expected uint8 \(H, W, 3\) RGB")
