"""Pictures with a transparent ground."""

import cv2
import numpy as np

from engine.cutout import cut_out, on_nothing, paper, sticker


def draw() -> tuple[np.ndarray, np.ndarray]:
    """A white square cat at 40..80 of 120 x 120 on black, and its probabilities."""
    image = np.zeros((120, 120, 3), np.uint8)
    image[40:80, 40:80] = 255
    probabilities = np.zeros((4, 120, 120), np.float32)
    probabilities[0] = 1
    probabilities[0, 40:80, 40:80], probabilities[1, 40:80, 40:80] = 0, 1
    return image, probabilities


def test_a_cutout_is_opaque_on_the_pet_and_clear_around_it(model):
    rgba = cut_out(*draw(), model.spec)
    assert rgba.shape == (120, 120, 4)
    assert rgba.dtype == np.uint8
    assert rgba[60, 60].tolist() == [255, 255, 255, 255]
    assert rgba[10, 10].tolist() == [0, 0, 0, 0]


def test_a_cutout_has_no_dark_fringe(model):
    image, probabilities = draw()
    image = cv2.GaussianBlur(image, (0, 0), 2)  # so that white pet and black ground mix to grey
    rgba = cut_out(image, probabilities, model.spec)
    edge = (rgba[..., 3] > 60) & (rgba[..., 3] < 255)
    assert image[edge].min() < 125
    assert rgba[edge][:, :3].min() > 170
    assert rgba[rgba[..., 3] == 255][:, :3].min() > 170  # nor at the first pixels that are all pet


def test_nothing_of_the_old_ground_is_left_where_it_is_clear():
    image = np.full((20, 20, 3), 99, np.uint8)
    alpha = np.zeros((20, 20), np.uint8)
    alpha[:, 10:] = 255
    rgba = on_nothing(image, alpha)
    assert not rgba[:, :10].any()
    assert (rgba[:, 10:] == (99, 99, 99, 255)).all()


def test_a_sticker_has_paper_around_the_pet():
    alpha = np.zeros((120, 600), np.uint8)
    alpha[50:70, 200:400] = 255
    margin = paper(alpha)
    # 600 / 60 = 10 px: at columns 390 to 399 there is pet, from 400 to 409 paper.
    assert (margin[60, 190:410] == 255).all()
    assert not margin[60, :189].any()
    assert not margin[60, 412:].any()
    # Round corners: 9 px down and 9 px right of one is 12.7 px away.
    assert margin[72, 401] == 255
    assert margin[78, 408] == 0


def test_a_single_hair_gets_no_paper_of_its_own():
    alpha = np.zeros((120, 600), np.uint8)
    alpha[50:70, 200:400] = 255
    alpha[60, 400:415] = 255
    hair = paper(alpha)
    assert hair[60, 414] == 255  # it is not cut off
    assert not hair[:59, 414:].any()


def test_a_sticker_is_white_between_pet_and_nothing(model):
    image, probabilities = draw()
    image[40:80, 40:80] = (200, 30, 30)
    rgba = sticker(image, probabilities, model.spec)
    assert rgba[60, 60].tolist() == [200, 30, 30, 255]
    assert rgba[60, 37, 3] == 255
    assert rgba[60, 37, :3].min() > 200
    assert rgba[60, 10, 3] == 0


def test_without_a_pet_all_is_clear(model):
    image, probabilities = draw()
    probabilities[0], probabilities[1] = 1, 0
    assert not cut_out(image, probabilities, model.spec)[..., 3].any()
    assert not sticker(image, probabilities, model.spec)[..., 3].any()


def test_a_picture_that_is_all_pet_is_a_sticker_without_a_margin(model):
    image, probabilities = draw()
    probabilities[0], probabilities[1] = 0, 1
    rgba = sticker(image, probabilities, model.spec)
    np.testing.assert_array_equal(rgba[..., :3], image)
    assert (rgba[..., 3] == 255).all()
