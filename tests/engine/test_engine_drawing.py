"""Colours, grounds and lines, pixel by pixel."""

import numpy as np
import pytest

from engine.drawing import blend, blurred_step, cover, draw_edge, line_opacity, overlay_mask, plain, rgb
from engine.errors import InputError

RED = (255, 0, 0)


def half(size_hw: tuple[int, int] = (60, 60), columns: int = 30) -> np.ndarray:
    """255 in the columns to the left, 0 elsewhere."""
    where = np.zeros(size_hw, np.uint8)
    where[:, :columns] = 255
    return where


def test_rgb_reads_a_colour():
    assert rgb("#E69F00") == (230, 159, 0)
    assert rgb("#e69f00") == (230, 159, 0)


@pytest.mark.parametrize("color", ["red", "#12345", "#1234567", "#GG0000", "", "123456#", "# 12345"])
def test_what_is_no_colour_is_refused(color):
    with pytest.raises(InputError, match=r"is not a colour we can read\. Give it as #RRGGBB"):
        rgb(color)


def test_a_plain_ground_has_one_colour():
    ground = plain("#E69F00", (3, 5))
    assert ground.shape == (3, 5, 3)
    assert (ground == (230, 159, 0)).all()


def test_blend_weighs_by_opacity():
    front, back = np.full((1, 3, 3), 200, np.uint8), np.full((1, 3, 3), 100, np.uint8)
    # A fifth of 200 and four fifths of 100: 40 + 80 = 120.
    assert blend(front, back, np.array([[0, 51, 255]], np.uint8))[0, :, 0].tolist() == [100, 120, 200]


def test_blending_a_picture_with_itself_changes_nothing():
    image = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, axis=2).repeat(256, axis=0)
    opacity = np.arange(256, dtype=np.uint8)[:, None].repeat(256, axis=1)
    np.testing.assert_array_equal(blend(image, image, opacity), image)


def test_a_background_covers_the_picture_with_its_middle():
    # 40 x 20 px (w x h): left quarter 10, middle 20, right quarter 30. To cover 10 x 10, the middle 20 x 20 halves.
    background = np.full((20, 40, 3), 20, np.uint8)
    background[:, :10], background[:, 30:] = 10, 30
    assert (cover(background, (10, 10)) == 20).all()
    # To cover 40 x 10 at its own scale, the middle 10 rows: nothing is cut off at the sides.
    wide = cover(background, (10, 40))
    assert wide.shape == (10, 40, 3)
    assert (wide[:, :10] == 10).all()
    assert (wide[:, 30:] == 30).all()
    # The same lying on its side.
    assert (cover(background.transpose(1, 0, 2), (10, 10)) == 20).all()


@pytest.mark.parametrize("size_hw", [(1, 1), (500, 3), (3, 500), (77, 91)])
def test_a_background_covers_a_picture_of_any_shape(size_hw):
    assert cover(np.full((16, 300, 3), 7, np.uint8), size_hw).shape == (*size_hw, 3)


@pytest.mark.parametrize("width", [2, 3, 4, 7])
def test_a_line_has_its_width_and_lies_on_the_edge(width):
    reach = 2 * width
    line = line_opacity(blurred_step(half(), reach), reach, width) / 255
    # The edge lies between columns 29 and 30: the pixels' centres are half a pixel away from it.
    np.testing.assert_allclose(line.sum(axis=1), width, atol=0.25)
    np.testing.assert_allclose(line[:, :30], line[:, 59:29:-1], atol=0.1)  # the step has 8 bits
    assert line[30, 29] > 0.9


def test_the_frame_of_the_picture_is_no_edge():
    reach = 8
    line = line_opacity(blurred_step(half(), reach), reach, 4)
    assert (line[0] == line[30]).all()  # the line runs into the frame
    assert (line[:, :20] == 0).all()
    assert (line[:, 40:] == 0).all()


def test_lines_are_drawn_one_over_the_other():
    image = np.full((60, 60, 3), 100, np.uint8)
    draw_edge(image, half(), ((0, 0, 0), 12), (RED, 4))
    assert image[30, 30].tolist() == [255, 0, 0]
    assert image[30, 34].tolist() == [0, 0, 0]
    assert image[30, 40].tolist() == [100, 100, 100]


def test_nothing_has_no_edge():
    image = np.full((60, 60, 3), 100, np.uint8)
    draw_edge(image, np.zeros((60, 60), np.uint8), (RED, 4))
    assert (image == 100).all()


def test_an_overlay_tints_a_pet_and_leaves_the_background_alone(model):
    image = np.full((60, 60, 3), 100, np.uint8)
    mask = np.zeros((60, 60), np.uint8)
    mask[20:40, 10:25], mask[20:40, 35:50] = 1, 2
    drawn = overlay_mask(image, mask, model.spec)
    assert drawn[0, 0].tolist() == [100, 100, 100]
    assert drawn[30, 30].tolist() == [100, 100, 100]
    # Cat is #E69F00 = (230, 159, 0), laid over at 45 %: 100 * 0.55 + (230, 159, 0) * 0.45 = (158.5, 126.55, 55);
    # dog is #0072B2 = (0, 114, 178): (55, 106.3, 135.1).
    assert drawn[30, 17].tolist() in ([158, 127, 55], [159, 127, 55])
    assert drawn[30, 42].tolist() == [55, 106, 135]
    assert drawn[30, 10].max() < 40  # the line is dark
    assert (image == 100).all()


def test_an_overlay_of_no_pet_is_the_picture(model):
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    np.testing.assert_array_equal(overlay_mask(image, np.zeros((20, 30), np.uint8), model.spec), image)
