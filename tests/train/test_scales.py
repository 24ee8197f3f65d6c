"""A batch at another size shows the same picture; what is drawn hangs on the seed, the epoch and the batch alone."""

import pytest
import torch

from engine.errors import InputError
from train.scales import drawn_side, parse_scales, resize_images, resize_masks


def test_a_side_is_the_nearest_multiple_of_32():
    # 0.7 * 256 = 179.2, between 160 and 192; 1.25 * 192 = 240, midway between 224 and 256: up.
    assert drawn_side(256, (0.7,), 0, 0, 0) == 192
    assert drawn_side(192, (1.25,), 0, 0, 0) == 256
    assert drawn_side(64, (0.1,), 0, 0, 0) == 32


def test_sides_are_drawn_anew_for_every_batch_and_alike_in_every_process():
    scales = parse_scales("0.75,1,1.25")
    sides = [drawn_side(256, scales, 0, epoch, batch) for epoch in range(3) for batch in range(20)]
    assert set(sides) == {192, 256, 320}
    assert sides == [drawn_side(256, scales, 0, epoch, batch) for epoch in range(3) for batch in range(20)]
    assert sides[:20] != sides[20:40]
    assert sides[:20] != [drawn_side(256, scales, 1, 0, batch) for batch in range(20)]


def test_one_scale_changes_nothing():
    images, masks = torch.zeros(1, 32, 32, 3, dtype=torch.uint8), torch.zeros(1, 32, 32, dtype=torch.uint8)
    assert drawn_side(250, parse_scales("1"), 0, 0, 0) == 250
    assert resize_images(images, 32) is images
    assert torch.equal(resize_masks(masks, 32), masks.long())


def test_a_picture_is_halved_by_weights_of_its_neighbours():
    # Antialiased bilinear weighs the four columns around each new centre, -0.25, 0.25, 0.75, 1.25 halves from it:
    # (1, 3, 3, 1) / 8. Columns 0, 0, 80, 80: the left one sees 0, 0, 80 with 3, 3, 1 of 7 (one is outside): 80 / 7 =
    # 11.4, the right one its mirror, 80 - 11.4 = 68.6.
    image = torch.tensor([0, 0, 80, 80], dtype=torch.uint8).view(1, 1, 4, 1).expand(1, 4, 4, 3)
    halved = resize_images(image, 2)
    assert (halved.shape, halved.dtype) == ((1, 2, 2, 3), torch.uint8)
    assert halved[0, 0, :, 0].tolist() == [11, 69]


def test_a_mask_keeps_its_ids_and_its_place():
    # Tripled and back: every id is taken at its pixel's centre.
    mask = torch.tensor([[[0, 1], [3, 2]]], dtype=torch.uint8)
    tripled = resize_masks(mask, 6)
    assert tripled.dtype == torch.int64
    assert torch.equal(tripled, mask.long().repeat_interleave(3, 1).repeat_interleave(3, 2))
    # Five columns to three: centres at 5/6, 2.5 and 4 1/6, which lie in columns 0, 2 and 4.
    assert resize_masks(torch.arange(5, dtype=torch.uint8).expand(1, 5, 5), 3)[0, 0].tolist() == [0, 2, 4]


@pytest.mark.parametrize("text", ["", "1,,2", "large", "0", "-1", "nan", "inf", "1;2"])
def test_scales_that_are_none_are_refused(text):
    with pytest.raises(InputError, match=r"--scales is '.*'; expected numbers above 0, such as 0.75,1,1.25"):
        parse_scales(text)
