"""Whatever kind of picture comes in, it is read rightly; those that are refused are in test_images_refused.py."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.images import read_picture

FIXTURES = Path(__file__).parent / "fixtures"
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


@pytest.fixture
def corners() -> Image.Image:
    """48 x 32 pixels; the quarters are red, green, blue and white, so that every turn of it looks different."""
    quarters = np.array([[RED, GREEN], [BLUE, WHITE]], np.uint8)
    return Image.fromarray(quarters.repeat(16, axis=0).repeat(24, axis=1))


def file_of(picture: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, file_format, **options)
    return file.getvalue()


def quarter_colors(image: np.ndarray) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quarters, each channel rounded to 0 or 255."""
    height, width = image.shape[:2]
    rows, columns = (height // 4, height * 3 // 4), (width // 4, width * 3 // 4)
    return [tuple(int(c > 127) * 255 for c in image[y, x]) for y in rows for x in columns]


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF"])
def test_common_formats_are_read(corners, file_format):
    picture = read_picture(file_of(corners, file_format))
    assert picture.size_hw == (32, 48)
    assert picture.image.dtype == np.uint8
    assert quarter_colors(picture.image) == [RED, GREEN, BLUE, WHITE]


def test_a_picture_of_two_frames_in_a_jpeg_gives_the_first(corners):
    picture = read_picture(file_of(corners, "MPO", save_all=True, append_images=[corners.rotate(180)]))
    assert quarter_colors(picture.image) == [RED, GREEN, BLUE, WHITE]


def test_heic_is_read():
    # The fixture is red on the left, green above blue on the right, 64 x 48 pixels.
    picture = read_picture(FIXTURES / "drawn.heic")
    assert picture.size_hw == (48, 64)
    assert quarter_colors(picture.image) == [RED, GREEN, RED, BLUE]


def test_the_first_frame_of_an_animation_is_read(corners):
    animation = file_of(corners, "GIF", save_all=True, append_images=[corners.rotate(180)])
    assert quarter_colors(read_picture(animation).image) == [RED, GREEN, BLUE, WHITE]


def test_cmyk_is_read():
    # No ink is white; all of cyan and yellow, nothing else, is green.
    inks = np.zeros((32, 48, 4), np.uint8)
    inks[:, 24:] = (255, 0, 255, 0)
    image = read_picture(file_of(Image.fromarray(inks, "CMYK"), "JPEG", quality=95)).image
    assert quarter_colors(image) == [WHITE, GREEN, WHITE, GREEN]


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_to_8_bits(file_format):
    # 255 / 256 is less than 1; 256 / 256 = 1; 32768 / 256 = 128; 65535 / 256 = 255.99, of which 255 is kept.
    grey = np.tile(np.array([255, 256, 32768, 65535], np.uint16), (16, 4))
    image = read_picture(file_of(Image.fromarray(grey), file_format)).image
    assert image.shape == (16, 16, 3)
    assert (image[0, :4] == [[0] * 3, [1] * 3, [128] * 3, [255] * 3]).all()


def test_transparency_is_laid_on_white():
    # Half-clear black (alpha 128 of 255) on white: 255 * (1 - 128 / 255) = 127.
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:, 8:, 3] = 128
    image = read_picture(file_of(Image.fromarray(rgba), "PNG")).image
    assert (image[:, :8] == 255).all()
    assert (image[:, 8:] == 127).all()


def test_grey_with_transparency_is_laid_on_white():
    grey_alpha = np.zeros((16, 16, 2), np.uint8)
    grey_alpha[:, 8:, 1] = 255
    image = read_picture(file_of(Image.fromarray(grey_alpha, "LA"), "PNG")).image
    assert (image[:, :8] == 255).all()
    assert (image[:, 8:] == 0).all()


@pytest.mark.parametrize("mode", ["P", "RGB"])
def test_a_transparent_colour_becomes_white(mode):
    picture = Image.new("RGB", (16, 16), BLUE)
    picture.paste(RED, (8, 0, 16, 16))
    transparent: object = RED
    if mode == "P":
        picture = picture.quantize(2)
        transparent = picture.getpixel((12, 8))
    image = read_picture(file_of(picture, "PNG", transparency=transparent)).image
    assert (image[:, :8] == BLUE).all()
    assert (image[:, 8:] == WHITE).all()


# How a camera stores an upright picture for each EXIF orientation: the inverse of the turn that a viewer makes.
STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright.transpose(1, 0, 2), 2),
    8: lambda upright: np.rot90(upright, -1),
}


@pytest.mark.parametrize("needed_hw", [None, (8, 12)])
@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF"])
def test_a_turned_photo_is_read_upright(corners, file_format, orientation, needed_hw):
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](np.asarray(corners))))
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"tiffinfo": {0x0112: orientation}} if file_format == "TIFF" else {"exif": exif}
    picture = read_picture(file_of(stored, file_format, **options), needed_hw)
    assert picture.size_hw == (32, 48)
    assert quarter_colors(picture.image) == [RED, GREEN, BLUE, WHITE]
    # 32 / 8 = 48 / 12 = 4: a JPEG is decoded at a quarter, other formats whole.
    assert picture.image.shape[:2] == ((8, 12) if needed_hw and file_format == "JPEG" else (32, 48))


def test_a_turned_photo_with_careless_exif_data_is_read(corners):
    # The width is said in text where a number belongs (type 4 made 2), which Pillow's own turning does not survive.
    exif = Image.Exif()
    exif[0x0112], exif[0x0100] = 6, 48
    data = file_of(corners, "JPEG", exif=exif)
    careless = data.replace(b"\x01\x00\x00\x04", b"\x01\x00\x00\x02")
    assert careless != data
    assert read_picture(careless).size_hw == (48, 32)


def test_every_kind_of_source_gives_the_same_pixels(corners, tmp_path):
    path = tmp_path / "photo.png"
    corners.save(path)
    expected = np.asarray(corners)
    with path.open("rb") as file:
        for source in (path, str(path), path.read_bytes(), file, corners, expected):
            np.testing.assert_array_equal(read_picture(source).image, expected)


@pytest.mark.parametrize(
    ("needed_hw", "decoded_hw"),
    [
        # 400 / 100 = 4 and 600 / 100 = 6: a quarter is the smallest scale that is no smaller.
        ((100, 100), (100, 150)),
        # 400 / 130 = 3.1: a quarter would be too small, a half is enough.
        ((130, 100), (200, 300)),
        # 600 / 301 = 1.99: no half is wide enough.
        ((100, 301), (400, 600)),
        # An eighth is the smallest that JPEG offers.
        ((10, 10), (50, 75)),
        ((500, 700), (400, 600)),
    ],
)
def test_a_jpeg_is_decoded_no_smaller_than_needed(drawn_pet, encoded, needed_hw, decoded_hw):
    image, _ = drawn_pet(size_hw=(400, 600))
    picture = read_picture(encoded(image, quality=90), needed_hw)
    assert picture.image.shape[:2] == decoded_hw
    assert picture.size_hw == (400, 600)


def test_a_jpeg_decoded_at_a_reduced_scale_shows_the_same(drawn_pet, encoded):
    data = encoded(drawn_pet(size_hw=(400, 600))[0], quality=90)
    reduced = read_picture(data, (100, 100)).image
    full = Image.fromarray(read_picture(data).image).resize((150, 100), Image.Resampling.BOX)
    assert np.abs(reduced.astype(int) - np.asarray(full)).mean() < 1
