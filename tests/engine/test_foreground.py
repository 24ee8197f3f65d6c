"""The pet's own colours at its edge, on pictures mixed by hand."""

import numpy as np

from engine.foreground import blur_weighted, box_blur, foreground, fuse

PET, GROUND = np.array([200.0, 160.0, 40.0]), np.array([20.0, 60.0, 220.0])


def mixed(size_hw: tuple[int, int] = (60, 80)) -> tuple[np.ndarray, np.ndarray]:
    """A picture of one pet colour on one ground colour with a soft edge, and its opacity."""
    opacity = np.tile(np.clip((44 - np.arange(size_hw[1])) * 32, 0, 255), (size_hw[0], 1)).astype(np.uint8)
    share = opacity[..., None] / 255
    return np.rint(PET * share + GROUND * (1 - share)).astype(np.uint8), opacity


def test_a_mixed_pixel_gets_the_colour_of_the_pet():
    image, opacity = mixed()
    pure = foreground(image, opacity).astype(int)
    edge = (opacity > 16) & (opacity < 255)
    assert edge.any()
    assert abs(image[edge] - PET).max() > 100
    np.testing.assert_allclose(pure[edge], np.broadcast_to(PET, pure[edge].shape), atol=20)


def test_what_is_all_pet_or_all_ground_stays_as_it_is():
    image, opacity = mixed()
    sure = (opacity == 0) | (opacity == 255)
    np.testing.assert_array_equal(foreground(image, opacity)[sure], image[sure])


def test_a_large_picture_is_cleaned_too():
    image, opacity = (np.repeat(np.repeat(each, 20, 0), 20, 1) for each in mixed((60, 80)))
    pure = foreground(image, opacity).astype(int)
    edge = (opacity > 100) & (opacity < 255)
    np.testing.assert_allclose(pure[edge].mean(axis=0), PET, atol=8)


def test_without_an_edge_the_picture_is_returned_as_a_copy():
    image = np.full((20, 30, 3), 7, np.uint8)
    for value in (0, 255):
        same = foreground(image, np.full((20, 30), value, np.uint8))
        np.testing.assert_array_equal(same, image)
        assert same is not image


def test_colours_are_fused_as_in_the_formula():
    # Expected 0.5 * 200 + 0.5 * 80 = 140; seen 150; so 200 + 0.5 * 10 = 205.
    assert fuse(np.array([150.0]), np.array([200.0]), np.array([80.0]), np.array([0.5])).tolist() == [205]


def test_a_weighted_blur_knows_only_what_weighs():
    colors = np.zeros((1, 5, 3), np.float32)
    colors[0, :, 0] = [10, 99, 30, 99, 99]
    weight = np.array([1, 0, 1, 0, 0], np.float32).reshape(1, 5, 1)
    # Three pixels each: around column 1 (10 + 30) / 2 = 20, around column 3 30 alone.
    blurred = blur_weighted(colors, weight, box_blur(1))[0, :, 0]
    np.testing.assert_allclose(blurred[[1, 3]], [20, 30], rtol=1e-3)


def test_where_nothing_weighs_the_mean_of_all_stands_in():
    colors = np.full((1, 9, 3), 50, np.float32)
    weight = np.zeros((1, 9, 1), np.float32)
    weight[0, 0] = 1
    colors[0, 0] = 20
    np.testing.assert_allclose(blur_weighted(colors, weight, box_blur(1))[0, 8], 20, rtol=1e-3)
    assert np.isfinite(blur_weighted(colors, weight * 0, box_blur(1))).all()
