"""Strokes on an answer, on drawn scenes that one can count.

The scene is 160 x 120 px (w x h): a grey pet of 40 x 40 px on a dark ground, with a grey ear of 20 x 20 px on its left
shoulder and a red toy of 30 x 40 px at its right side. The model's logits have half its size.
"""

import cv2
import numpy as np
import pytest

from engine.cutout import cut_out
from engine.edge_fit import NOT_PET, PET, left_over, nearness
from engine.errors import InputError
from engine.instances import instances_of
from engine.postprocess import mask_from_logits, softmax
from engine.segmenter import Segmentation
from engine.touch_up import (
    answer,
    blended,
    classes_of,
    edited_share,
    strokes_at,
    touch_up,
    working_size,
)

SIZE_HW = (120, 160)
BODY, EAR, TOY = np.s_[40:80, 40:80], np.s_[20:40, 40:60], np.s_[40:80, 80:110]
BACKGROUND, CAT, DOG = 0, 1, 2


@pytest.fixture
def image() -> np.ndarray:
    drawn = np.full((*SIZE_HW, 3), 40, np.uint8)
    drawn[BODY], drawn[EAR], drawn[TOY] = 200, 200, (220, 30, 30)
    return np.clip(drawn + np.random.default_rng(0).integers(-5, 6, drawn.shape), 0, 255).astype(np.uint8)


@pytest.fixture
def seen(model):
    """`seen(cat=[BODY])` is the answer of a model that sees a cat there, with log-odds of 6, and nothing elsewhere."""

    def segmentation(cat=(), dog=(), size_hw: tuple[int, int] = SIZE_HW) -> Segmentation:
        logits = np.zeros((4, 60, 80), np.float32)
        logits[BACKGROUND], logits[3] = 6, -10
        for (rows, columns), class_id in [(box, CAT) for box in cat] + [(box, DOG) for box in dog]:
            half = slice(rows.start // 2, rows.stop // 2), slice(columns.start // 2, columns.stop // 2)
            logits[(BACKGROUND, *half)], logits[(class_id, *half)] = 0, 6
        timings = {"read": 1.0, "preprocess": 1.0, "infer": 1.0, "postprocess": 1.0}
        return Segmentation(mask_from_logits(logits, size_hw, 2), logits, timings, model.spec, logits)

    return segmentation


def strokes(*dabs: tuple[int, int, int, int], size_hw: tuple[int, int] = SIZE_HW) -> np.ndarray:
    """Round dabs (x, y, radius, value), the later over the earlier."""
    drawn = np.zeros(size_hw, np.uint8)
    for x, y, radius, value in dabs:
        cv2.circle(drawn, (x, y), radius, value, -1)
    return drawn


def test_an_erased_toy_is_gone_and_the_pet_stays(image, seen):
    before = seen(cat=[np.s_[40:80, 40:110]])
    after = touch_up(image, before, strokes((95, 60, 9, NOT_PET)))
    assert before.areas["cat"] == pytest.approx(2800 / 19200, abs=1e-3)
    # What is left is the body, 40 x 40 px: the toy went as a whole, though the stroke covers a fifth of it.
    assert after.areas["cat"] == pytest.approx(1600 / 19200, rel=0.03)
    assert not after.mask[40:80, 83:].any()
    assert (after.mask[41:79, 41:77] == CAT).all()


def test_an_ear_is_added_up_to_its_edge(image, seen):
    after = touch_up(image, seen(cat=[BODY]), strokes((50, 30, 5, PET)))
    assert after.areas["cat"] == pytest.approx((1600 + 400) / 19200, rel=0.03)
    assert (after.mask[22:40, 42:58] == CAT).all()
    assert not after.mask[:18].any()


def test_far_from_the_strokes_every_pixel_of_the_mask_is_the_old_one(image, seen):
    before = seen(cat=[np.s_[40:80, 40:110]], dog=[np.s_[90:110, 20:30]])
    after = touch_up(image, before, strokes((95, 60, 9, NOT_PET)))
    # Changed are the toy's columns from 80 on; half a border band (1.5 * 10 px of the model, 20 px each) beside them.
    np.testing.assert_array_equal(after.mask[:, :45], before.mask[:, :45])
    assert (after.mask == DOG).sum() == (before.mask == DOG).sum() > 0


def test_the_mask_follows_from_the_logits_around_the_strokes(image, seen):
    after = touch_up(image, seen(cat=[BODY]), strokes((50, 30, 5, PET)))
    again = mask_from_logits(after.logits, SIZE_HW, 2)
    np.testing.assert_array_equal(after.mask[15:50, 35:65], again[15:50, 35:65])
    assert np.mean(after.mask != again) < 1e-3


@pytest.mark.parametrize("scale", [0.4, 1, 2.5])
def test_under_a_stroke_the_answer_is_certain_whatever_the_size_of_the_strokes(image, seen, scale):
    size_hw = round(SIZE_HW[0] * scale), round(SIZE_HW[1] * scale)
    rng = np.random.default_rng(1)
    dabs = [(*rng.integers(10, size_hw[0] - 10, 2).tolist(), round(3 * scale) + 1, 1 + i % 2) for i in range(8)]
    drawn = strokes(*dabs, size_hw=size_hw)
    after = touch_up(image, seen(cat=[BODY], dog=[TOY]), drawn)
    inner = [cv2.erode((drawn == kind).view(np.uint8), np.ones((3, 3), np.uint8)) for kind in (PET, NOT_PET)]
    pet, ground = (cv2.resize(each, SIZE_HW[::-1], interpolation=cv2.INTER_NEAREST) > 0 for each in inner)
    assert pet.any()
    assert ground.any()
    assert (after.mask[pet] > 0).all()
    assert (after.mask[ground] == 0).all()


def test_the_picture_may_be_larger_than_what_is_worked_at(image, seen):
    large = cv2.resize(image, (1600, 1200), interpolation=cv2.INTER_CUBIC)
    after = touch_up(large, seen(cat=[BODY], size_hw=(1200, 1600)), strokes((50, 30, 5, PET)))
    assert after.mask.shape == (1200, 1600)
    assert after.logits.shape == (4, 768, 1024)
    assert after.areas["cat"] == pytest.approx((1600 + 400) / 19200, rel=0.04)


def test_a_stroke_on_what_is_right_already_moves_no_edge(image, seen):
    before = seen(cat=[np.s_[20:80, 40:60], np.s_[40:80, 40:80]])
    after = touch_up(image, before, strokes((60, 60, 6, PET), (20, 100, 6, NOT_PET)))
    assert np.count_nonzero(after.mask != before.mask) <= 6  # a pixel at each corner of the pet: the new edge is round


def test_without_strokes_it_is_the_answer_itself(image, seen):
    before = seen(cat=[BODY])
    assert touch_up(image, before, np.zeros((30, 40), np.uint8)) is before


def test_the_untouched_answer_stays_as_it_is(image, seen):
    before = seen(cat=[BODY])
    mask, logits = before.mask.copy(), before.logits.copy()
    touch_up(image, before, strokes((95, 60, 9, PET), (50, 50, 5, NOT_PET)))
    np.testing.assert_array_equal(before.mask, mask)
    np.testing.assert_array_equal(before.logits, logits)


def test_the_same_strokes_give_the_same_answer(image, seen):
    first, second = (touch_up(image, seen(cat=[BODY]), strokes((50, 30, 5, PET))) for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)


@pytest.mark.parametrize("kind", [PET, NOT_PET])
def test_all_may_be_painted(image, seen, kind):
    after = touch_up(image, seen(dog=[BODY]), np.full((12, 16), kind, np.uint8))
    assert (after.mask == (DOG if kind == PET else BACKGROUND)).all()


# What is made from an answer follows it.


def test_the_cut_out_is_opaque_under_pet_and_clear_under_not_pet(image, seen):
    drawn = strokes((50, 30, 5, PET), (95, 60, 9, NOT_PET))
    after = touch_up(image, seen(cat=[np.s_[40:80, 40:110]]), drawn)
    for edge in ("fine", "fast"):
        alpha = cut_out(image, softmax(after.logits), after.spec, edge)[..., 3]
        assert alpha[drawn == PET].min() == 255
        assert alpha[drawn == NOT_PET].max() == 0


@pytest.mark.parametrize("edge", ["fine", "fast"])
def test_even_a_thin_stroke_that_the_picture_does_not_bear_out_is_cut_out(seen, edge):
    flat = np.full((*SIZE_HW, 3), 90, np.uint8)
    drawn = strokes((50, 30, 2, PET), (60, 60, 2, NOT_PET))
    after = touch_up(flat, seen(cat=[BODY]), drawn)
    alpha = cut_out(flat, softmax(after.logits), after.spec, edge)[..., 3]
    assert (alpha[drawn == PET] == 255).all()
    assert (alpha[drawn == NOT_PET] == 0).all()


def test_no_seam_is_left_where_the_old_edge_was(image, seen):
    before = seen(cat=[BODY])
    before.logits[3, 18:22, 20:30] = 8  # the model calls the edge between body and ear border, as it has learnt
    after = touch_up(image, before, strokes((50, 30, 5, PET)))
    alpha = cut_out(image, softmax(after.logits), after.spec)[..., 3]
    assert alpha[25:60, 44:56].min() >= 250


def test_confidence_and_instances_follow(image, seen):
    before = seen(cat=[BODY])
    after = touch_up(image, before, strokes((50, 30, 5, PET), (130, 100, 10, PET)))
    assert 0.9 < after.confidence <= 1
    assert [pet.class_id for pet in instances_of(after)] == [CAT, CAT]
    assert instances_of(after)[1].box[0] == pytest.approx(120, abs=12)
    gone = touch_up(image, before, strokes((60, 60, 24, NOT_PET)))
    assert gone.areas == {"cat": 0, "dog": 0}
    assert gone.confidence is None
    assert gone.timings == before.timings


# The species of what is added.


def test_a_new_piece_is_of_the_species_of_the_nearest_pet(image, seen):
    before = seen(cat=[BODY], dog=[np.s_[90:110, 130:150]])
    after = touch_up(image, before, strokes((50, 30, 5, PET), (140, 70, 6, PET)))
    assert after.mask[30, 50] == CAT
    assert after.mask[70, 140] == DOG


def test_where_there_is_no_pet_the_likelier_species_is_taken(image, seen):
    before = seen()
    before.logits[DOG] += 1  # background 6, cat 0, dog 1, border -10
    after = touch_up(image, before, strokes((60, 60, 10, PET)))
    assert after.mask[60, 60] == DOG
    assert after.areas["cat"] == 0


def test_an_erased_pet_has_no_say_in_the_species():
    new, old = np.zeros((5, 9), bool), np.zeros((5, 9), np.uint8)
    old[:, 0], old[:, 8], new[:, 2], new[:, 8] = CAT, DOG, True, True  # the cat beside the new piece was erased
    logits = np.stack([np.full((5, 9), value, np.float32) for value in (1, 0)])
    logits[1, :, 8] = 2
    assert (classes_of(new, old, logits)[:, 2] == DOG).all()


# By hand.


@pytest.mark.parametrize(
    ("size_hw", "expected"),
    [
        ((3000, 4000), (768, 1024)),
        ((120, 160), (120, 160)),
        ((4000, 4000), (887, 887)),
        ((1, 5_000_000), (1, 1_983_092)),
    ],
)
def test_the_working_size_has_the_pictures_aspect(size_hw, expected):
    # 4000 x 4000: sqrt(786432) = 886.8. 1 x 5000000: sqrt(786432 / 5000000) = 0.39659 of it.
    found = working_size(size_hw)
    assert found[0] == expected[0]
    assert found[1] == pytest.approx(expected[1], rel=1e-4)


def test_a_stroke_reaches_as_far_as_its_brush_is_wide():
    stroke = np.zeros((101, 401), bool)
    stroke[45:56, 50:350] = True  # 11 px wide: its middle is 6 px from the ground, so its reach is 1.8 * 6 = 10.8 px
    near = nearness(stroke)
    assert near[50, 200] == 0
    assert near[60, 200] == pytest.approx(5 / 10.8, rel=0.02)  # rows 56 to 60
    assert np.isinf(nearness(np.zeros((4, 4), bool))).all()


def test_a_thin_stroke_reaches_the_least_there_is():
    stroke = np.zeros((100, 1000), bool)
    stroke[50] = True  # 1.8 * 1 px is less than 0.012 * 1000 = 12 px
    assert nearness(stroke)[56, 500] == pytest.approx(0.5, rel=0.02)


def test_where_two_strokes_meet_each_keeps_its_own():
    drawn = np.array([[0, 1, 1, 2, 2, 0, 0, 0]], np.uint8)
    assert strokes_at(drawn, (1, 8)).tolist() == [[1, 1, 1, 2, 2, 2, 0, 0]]


def test_logits_say_background_or_the_class_and_nothing_else():
    odds, classes = np.array([[4, -4]], np.float32), np.array([[1, 2]], np.uint8)
    assert answer(odds, classes, 4)[:, 0].T.tolist() == [[-2, 2, -10, -10], [2, -10, -2, -10]]


def test_halfway_between_two_answers_the_log_odds_are_halfway():
    # Old: background 10, cat 6 (log-odds -4, around 0: 2 and -2). New: 4. Halfway: 0 and 0.
    old = np.array([10, 6, 3, 0], np.float32).reshape(4, 1, 1)
    new = np.array([-2, 2, -10, -10], np.float32).reshape(4, 1, 1)
    half = blended(old, new, np.full((1, 1), 0.5, np.float32), 2)
    assert half.ravel().tolist() == [0, 0, (3 - 8 - 10) / 2, (0 - 8 - 10) / 2]
    np.testing.assert_array_equal(blended(old, new, np.zeros((1, 1), np.float32), 2), old)


def test_the_edit_fades_out_beside_what_changed():
    changed = np.zeros((1, 40), bool)
    changed[0, 0] = True
    # Reach 10 px: 1 up to 10 px, 3 - 2 * 12 / 10 = 0.6 at 12 px, 0 from 15 px on.
    assert edited_share(changed, 10)[0, [0, 10, 12, 15, 30]] == pytest.approx([1, 1, 0.6, 0, 0], abs=1e-5)


def test_crumbs_beside_what_was_turned_turn_as_well():
    turned, others = np.zeros((10, 30), bool), np.zeros((10, 30), bool)
    turned[:, :10] = True  # 100 px, so less than 15 px is a crumb
    others[0:2, 10:13] = True  # 6 px beside it
    others[4:9, 10:13] = True  # 15 px beside it
    others[0:2, 20:22] = True  # 4 px elsewhere
    assert left_over(turned, others, np.zeros_like(turned)).sum() == 6
    assert not left_over(turned, others, others).any()  # a stroke says that they stay


# What cannot be used.


@pytest.mark.parametrize(
    ("drawn", "words"),
    [
        (np.zeros(SIZE_HW, np.float32), "Strokes are float32 (120, 160). Give uint8 (height, width)."),
        (np.zeros((*SIZE_HW, 4), np.uint8), "Strokes are uint8 (120, 160, 4)"),
        (np.zeros((0, 0), np.uint8), "Strokes are uint8 (0, 0)"),
        (np.full(SIZE_HW, 255, np.uint8), "Strokes hold the value 255"),
        (np.ones((160, 120), np.uint8), "Strokes of 120 x 160 px do not fit a picture of 160 x 120 px"),
        (np.ones((120, 165), np.uint8), "Strokes of 165 x 120 px do not fit"),
    ],
)
def test_strokes_of_another_kind_are_refused(image, seen, drawn, words):
    with pytest.raises(InputError) as refused:
        touch_up(image, seen(cat=[BODY]), drawn)
    assert words in str(refused.value)


def test_sides_that_were_rounded_are_taken(image, seen):
    touch_up(image, seen(cat=[BODY]), np.ones((122, 160), np.uint8))


@pytest.mark.parametrize(
    "wrong", [np.zeros((120, 160), np.uint8), np.zeros((60, 80, 3), np.uint8), np.zeros((120, 160, 3))]
)
def test_another_picture_is_refused(seen, wrong):
    with pytest.raises(InputError, match="The picture to touch up is"):
        touch_up(wrong, seen(cat=[BODY]), strokes((5, 5, 2, PET)))
