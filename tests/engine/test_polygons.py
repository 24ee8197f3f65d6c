"""Outlines along the edges of pixels, drawn again by pycocotools."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as run_lengths

from engine.polygons import Part, signed_area, tolerance, trace, with_slits

# pycocotools decodes in a way that numpy 2 warns of.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy:DeprecationWarning")


def drawn(parts: list[Part], size_hw: tuple[int, int]) -> np.ndarray:
    rings = [with_slits(part).ravel().tolist() for part in parts]
    return run_lengths.decode(run_lengths.merge(run_lengths.frPyObjects(rings, *size_hw)))


def blobs(seed: int, size_hw: tuple[int, int] = (120, 150), sigma: float = 4) -> np.ndarray:
    """Smooth shapes with holes, shapes in holes, and shapes cut by the frame."""
    noise = cv2.GaussianBlur(np.random.default_rng(seed).normal(size=size_hw), (0, 0), sigma)
    return (noise > 0).astype(np.uint8)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.sum(one & other) / np.sum(one | other))


def test_a_pixel_is_a_square():
    mask = np.zeros((4, 5), np.uint8)
    mask[1, 2] = 1
    (part,) = trace(mask, within=0)
    corners = part.outer.tolist()
    assert sorted(corners) == [[2, 1], [2, 2], [3, 1], [3, 2]]
    assert signed_area(part.outer) == 1
    assert part.holes == ()


def test_a_rectangle_has_four_corners_where_its_pixels_end():
    mask = np.zeros((10, 12), np.uint8)
    mask[2:7, 3:9] = 1
    (part,) = trace(mask, left=100, top=50)
    assert sorted(part.outer.tolist()) == [[103, 52], [103, 57], [109, 52], [109, 57]]
    assert signed_area(part.outer) == 30  # 6 x 5


def test_a_hole_belongs_to_the_part_around_it():
    mask = np.zeros((40, 80), np.uint8)
    mask[5:35, 5:35], mask[5:35, 45:76] = 1, 1
    mask[10:20, 50:70] = 0
    mask[12:18, 54:60] = 1  # an island in the hole
    parts = trace(mask)
    assert [len(part.holes) for part in parts] == [1, 0, 0]
    assert [signed_area(part.outer) for part in parts] == [930, 900, 36]
    assert signed_area(parts[0].holes[0]) == -200
    np.testing.assert_array_equal(drawn(parts, mask.shape), mask)


def test_pixels_that_touch_by_a_corner_are_two_parts():
    assert len(trace(np.eye(2, dtype=np.uint8), within=0)) == 2
    ring = np.ones((3, 3), np.uint8)
    ring[0, 0] = ring[1, 1] = 0  # the hole touches the outside by a corner
    np.testing.assert_array_equal(drawn(trace(ring, within=0), (3, 3)), ring)


@pytest.mark.parametrize("seed", range(8))
def test_an_outline_that_follows_each_pixel_gives_the_mask_back(seed):
    mask = blobs(seed, sigma=1.5)
    parts = trace(mask, within=0)
    assert sum(len(part.holes) for part in parts) > 5
    np.testing.assert_array_equal(drawn(parts, mask.shape), mask)


@pytest.mark.parametrize("size_hw", [(120, 160), (480, 640), (1500, 2000)])
@pytest.mark.parametrize("seed", range(3))
def test_a_simplified_outline_of_a_pet_gives_nearly_the_mask_back(seed, size_hw):
    small = blobs(seed, (30, 40), sigma=7)
    mask = (cv2.resize(small.astype(np.float32), size_hw[::-1], interpolation=cv2.INTER_CUBIC) > 0.5).astype(np.uint8)
    parts = trace(mask, within=tolerance(size_hw))
    assert iou(drawn(parts, size_hw), mask) > 0.98
    exact = trace(mask, within=0)
    assert sum(len(part.outer) for part in parts) < sum(len(part.outer) for part in exact) / 2


def test_nothing_has_no_outline():
    assert trace(np.zeros((5, 5), np.uint8)) == []
    assert trace(np.zeros((0, 0), np.uint8)) == []


def test_the_tolerance_grows_with_large_pictures():
    assert tolerance((480, 640)) == 0.75
    assert tolerance((3000, 4000)) == 2  # 4000 / 2000
