"""A HEIC that is written is one that the engine reads, of the same size and colours."""

import numpy as np
import pytest

from benchmarks import heic
from engine.images import read_picture

pytestmark = pytest.mark.skipif(not heic.can_be_written(), reason="PyAV was built without x265")


@pytest.mark.parametrize("size_hw", [(64, 96), (520, 601)])
def test_a_heic_is_read_as_what_was_written(size_hw):
    image = np.full((*size_hw, 3), (250, 90, 20), np.uint8)
    image[:, size_hw[1] // 2 :] = (0, 60, 200)
    picture = read_picture(heic.heic_bytes(image))
    assert picture.size_hw == size_hw
    left, right = (picture.image[:, part].reshape(-1, 3).mean(axis=0) for part in (slice(0, 20), slice(-20, None)))
    assert left == pytest.approx((250, 90, 20), abs=4)
    assert right == pytest.approx((0, 60, 200), abs=4)


def test_a_picture_is_cut_into_tiles_row_by_row_and_its_edge_is_repeated():
    image = np.zeros((513, 1024, 3), np.uint8)
    image[512:, :512], image[512:, 512:] = 7, 8
    assert heic.grid_of(image.shape) == (2, 2)
    tiles = heic.tiles_of(image)
    assert [tile.shape for tile in tiles] == [(512, 512, 3)] * 4
    assert [int(tile.min()) for tile in tiles] == [0, 0, 7, 8]
    assert heic.grid_of((4000, 3000)) == (8, 6)


def test_units_are_what_stands_between_start_codes_of_three_or_four_bytes():
    # Types in bits 1 to 6 of the first byte: 0x40 is 32 (VPS), 0x28 is 20 (a picture by itself).
    units = heic.nal_units(b"\0\0\0\1\x40\1\0\0\1\x28\1\2")
    assert units == [b"\x40\1", b"\x28\1\2"]
    assert [heic.kind(unit) for unit in units] == [32, 20]


def test_a_box_tells_its_length_and_name():
    assert heic.box(b"free", b"abc") == b"\0\0\0\x0bfreeabc"
    assert heic.full_box(b"infe", b"a", version=2) == b"\0\0\0\x0dinfe\2\0\0\0a"
