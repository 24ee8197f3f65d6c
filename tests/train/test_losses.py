"""The losses on a few pixels, by hand."""

import math

import numpy as np
import pytest
import torch

from train.losses import (
    SegmentationLoss,
    balanced_weights,
    distillation,
    focus,
    hardest,
    lovasz_hinge,
    soft_dice,
    species_at_borders,
)


def hinge(log_odds: list[float], is_object: list[int]) -> float:
    """Of one picture that is a row of pixels."""
    return lovasz_hinge(torch.tensor([[log_odds]]), torch.tensor([[is_object]], dtype=torch.bool)).item()


def test_pixels_that_are_right_by_a_margin_cost_nothing():
    assert hinge([1.0, 7.0, -1.0, -3.0], [1, 1, 0, 0]) == 0


def test_where_hinges_are_equal_the_loss_is_that_of_the_intersection_over_union():
    # One of three object pixels is missed, one of two others is found: 1 - IoU = 1 - 2 / 4 = 0.5.
    # Each of the two is wrong by 1 + 1 = 2, the others are right by a margin: 2 * 0.5.
    assert hinge([1.0, 1.0, -1.0, 1.0, -1.0], [1, 1, 1, 0, 0]) == pytest.approx(1.0)


def test_the_worst_pixel_weighs_as_it_changes_the_intersection_over_union():
    # Hinges: object at 2 gives 1 - 2 = -1; object at -0.5 gives 1.5; other at 0.25 gives 1.25.
    # The worst first, 1 - IoU rises: 1.5 alone wrong 1 - 1/2 = 1/2; with 1.25 1 - 1/3 = 2/3, by 1/6 more; the third
    # is right by a margin and counts nothing: 1.5 / 2 + 1.25 / 6 = 0.958333.
    assert hinge([2.0, -0.5, 0.25], [1, 1, 0]) == pytest.approx(0.9583333)


def test_in_a_picture_without_an_object_the_worst_pixel_counts_alone():
    # Hinges 1 + 0.5 = 1.5, 1 - 2 = -1 and 1 + 0.25: a single pixel found makes IoU 0, and more cannot make it worse.
    assert hinge([0.5, -2.0, 0.25], [0, 0, 0]) == pytest.approx(1.5)


def test_a_picture_counts_as_much_as_another_whatever_the_size_of_its_pet():
    # The first costs 1 + 0.5 = 1.5 as above, the second nothing: the mean is 0.75.
    log_odds = torch.tensor([[[0.5, -2.0]], [[3.0, 3.0]]])
    is_object = torch.tensor([[[False, False]], [[True, True]]])
    assert lovasz_hinge(log_odds, is_object).item() == pytest.approx(0.75)


def test_the_hinge_pulls_wrong_pixels_to_their_side():
    log_odds = torch.tensor([[[-0.5, 0.25, 2.0]]], requires_grad=True)
    lovasz_hinge(log_odds, torch.tensor([[[True, False, True]]])).backward()
    # The weights of the hand-worked example: 1/2 up, 1/6 down, nothing for the one that is right.
    torch.testing.assert_close(log_odds.grad, torch.tensor([[[-1 / 2, 1 / 6, 0.0]]]))


@pytest.mark.parametrize(
    ("target", "share", "expected"),
    [
        # Four equal classes: cross entropy log 4. Log-odds of "not background" log 3 = 1.0986: right by a margin for
        # an object; for background the hinge is 1 + 1.0986.
        (1, 0.0, math.log(4)),
        (1, 0.5, math.log(4)),
        (3, 0.5, math.log(4)),  # a border is no background
        (0, 0.0, math.log(4)),
        (0, 0.5, math.log(4) + 0.5 * (1 + math.log(3))),
    ],
)
def test_the_loss_is_cross_entropy_and_a_share_of_the_hinge(target, share, expected):
    loss = SegmentationLoss(share)(torch.zeros(1, 4, 2, 2), torch.full((1, 2, 2), target))
    assert loss.item() == pytest.approx(expected)


def test_the_hinge_looks_at_every_second_pixel_of_every_second_row():
    target = torch.tensor([[[1, 0, 1], [0, 0, 0], [1, 0, 1]]])  # its corners alone are objects
    logits = torch.zeros(1, 4, 3, 3)
    # Log-odds log 3 are right by a margin at the corners; the background between them is not looked at.
    assert SegmentationLoss(1.0)(logits, target).item() == pytest.approx(math.log(4))


def test_the_default_is_cross_entropy_and_half_a_hinge():
    logits = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(0))
    target = torch.randint(0, 4, (2, 6, 6), generator=torch.Generator().manual_seed(1))
    assert SegmentationLoss()(logits, target) == SegmentationLoss(0.5)(logits, target)
    assert SegmentationLoss()(logits, target) != SegmentationLoss(0.0)(logits, target)


def test_focal_loss_dwells_on_what_is_in_doubt():
    # p = 1/4: (3/4) ** 2 * log 4; p = 1/2: (1/2) ** 2 * log 2.
    losses = focus(torch.tensor([math.log(4), math.log(2)]), 2.0)
    torch.testing.assert_close(losses, torch.tensor([9 / 16 * math.log(4), 1 / 4 * math.log(2)]))
    # Four equal logits: p = 1/4 everywhere.
    focal = SegmentationLoss(lovasz=0, focal=2.0)(torch.zeros(1, 4, 2, 2), torch.zeros(1, 2, 2, dtype=torch.long))
    assert focal.item() == pytest.approx(9 / 16 * math.log(4))


def test_focal_loss_has_a_slope_where_all_is_certain():
    logits = torch.tensor([[200.0, 0, 0, 0]]).view(1, 4, 1, 1).requires_grad_()
    SegmentationLoss(lovasz=0, focal=0.5)(logits, torch.zeros(1, 1, 1, dtype=torch.long)).backward()
    assert torch.isfinite(logits.grad).all()


def test_the_hardest_pixels_are_chosen_in_each_picture():
    # Half of four pixels: 4 and 3 in the first picture, 8 and 7 in the second; at least one where the share is tiny.
    losses = torch.tensor([[[4.0, 1], [3, 2]], [[5.0, 8], [6, 7]]])
    assert hardest(losses, 0.5).sort().values.tolist() == [[3, 4], [7, 8]]
    assert hardest(losses, 0.01).tolist() == [[4], [8]]
    assert hardest(losses, 1).shape == (2, 4)


def test_ohem_is_the_mean_of_the_hardest_share():
    # Log-odds of the two classes 0 and log 3: p of class 0 is 1/2 in one pixel and 1/4 in the other, which is harder.
    logits = torch.tensor([[[[0.0, 0.0]], [[0.0, math.log(3)]]]])
    target = torch.zeros(1, 1, 2, dtype=torch.long)
    assert SegmentationLoss(lovasz=0, ohem=0.5)(logits, target).item() == pytest.approx(math.log(4))
    assert SegmentationLoss(lovasz=0, ohem=1)(logits, target).item() == pytest.approx((math.log(4) + math.log(2)) / 2)


def test_rare_classes_weigh_more_and_a_training_pixel_weighs_one():
    # Frequencies 3/4 and 1/4. Inverted: 4/3 and 4, whose mean over pixels is 2: weights 2/3 and 2.
    torch.testing.assert_close(balanced_weights(torch.tensor([3, 1]), 1.0), torch.tensor([2 / 3, 2]))
    # Their roots 1.1547 and 2, mean 3/4 * 1.1547 + 1/4 * 2 = 1.3660: weights 0.8453 and 1.4641.
    torch.testing.assert_close(balanced_weights(torch.tensor([3, 1]), 0.5), torch.tensor([0.84530, 1.46410]))
    assert balanced_weights(torch.tensor([3, 1, 0]), 1.0)[2] == 0


def test_class_weights_multiply_the_loss_of_their_pixels():
    # Cross entropy log 2 in both pixels: (2/3 + 2) / 2 of it, not divided by the weights that happen to be there.
    loss = SegmentationLoss(lovasz=0, class_weights=torch.tensor([2 / 3, 2.0]))
    assert loss(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])).item() == pytest.approx(4 / 3 * math.log(2))


def test_a_border_is_of_the_species_beside_it():
    # 16 x 16, in columns: 8 px of background, 4 of border and 4 of a cat, so the border is a quarter. Equal logits
    # give log 2 there; 1 for the dog gives log(1 + e).
    target = torch.zeros(1, 16, 16, dtype=torch.long)
    target[:, :, 8:12], target[:, :, 12:] = 3, 1
    logits = torch.zeros(1, 4, 16, 16)
    assert species_at_borders(logits, target).item() == pytest.approx(math.log(2) / 4)
    logits[:, 2] = 1.0
    assert species_at_borders(logits, target).item() == pytest.approx(math.log1p(math.exp(1)) / 4)
    assert species_at_borders(logits, torch.where(target == 1, 2, target)).item() == pytest.approx(
        math.log1p(math.exp(-1)) / 4
    )
    # As a share beside cross entropy, of log 4 where all are equal.
    loss = SegmentationLoss(lovasz=0, border_species=0.5)(torch.zeros(1, 4, 16, 16), target)
    assert loss.item() == pytest.approx(math.log(4) + 0.5 * math.log(2) / 4)


def test_a_border_between_two_species_or_of_none_says_nothing():
    logits = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0)).requires_grad_()
    both = torch.zeros(1, 32, 32, dtype=torch.long)
    both[:, :, :4], both[:, :, 4:8], both[:, :, 8:12] = 1, 3, 2
    far = torch.zeros(1, 32, 32, dtype=torch.long)
    far[:, :, :4], far[:, :, 16:] = 1, 3  # 12 px between them
    for target in (both, far):
        loss = species_at_borders(logits, target)
        assert loss.item() == 0
        assert not torch.autograd.grad(loss, logits)[0].any()


def test_only_cat_and_dog_learn_from_the_species_of_a_border():
    target = torch.ones(1, 8, 8, dtype=torch.long)
    target[:, :, 4:] = 3
    logits = torch.zeros(1, 4, 8, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(species_at_borders(logits, target), logits)
    assert not gradient[:, [0, 3]].any()
    assert not gradient[:, :, :, :4].any()
    assert (gradient[:, 1, :, 4:] < 0).all()
    assert (gradient[:, 2, :, 4:] > 0).all()


def test_dice_of_two_undecided_pixels():
    # p = 1/2 everywhere, one pixel of each class. Overlap 1/2, sum of squares 1/4 + 1/4, annotated 1, smoothed by 1:
    # 1 - (2 * 1/2 + 1) / (1/2 + 1 + 1) = 1 - 2 / 2.5 = 0.2 for either class.
    assert soft_dice(torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])).item() == pytest.approx(0.2)
    assert SegmentationLoss(lovasz=0, dice=0.5)(
        torch.zeros(1, 2, 1, 2), torch.tensor([[[0, 1]]])
    ).item() == pytest.approx(math.log(2) + 0.1)


def test_dice_of_a_certain_and_right_answer_is_nothing():
    target = torch.tensor([[[0, 1], [1, 1]]])
    logits = 100.0 * torch.nn.functional.one_hot(target, 4).movedim(-1, 1)  # classes 2 and 3 are absent from both
    assert soft_dice(logits, target).item() == pytest.approx(0, abs=1e-6)


def test_a_student_that_answers_as_its_teacher_has_nothing_to_learn():
    logits = torch.randn(2, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    target = torch.zeros(2, 3, 3, dtype=torch.long)
    for temperature in (1.0, 3.0):
        assert distillation(logits, logits.softmax(1), target, temperature).item() == pytest.approx(0, abs=1e-6)


def test_distillation_is_the_divergence_at_a_temperature():
    # Teacher 9/10 and 1/10, student 1/2 and 1/2. T = 1: 0.9 log(0.9 / 0.5) + 0.1 log(0.1 / 0.5) = 0.368064.
    # T = 2: roots 3 : 1, so 3/4 and 1/4: 0.75 log 1.5 + 0.25 log 0.5 = 0.130812, times 2 ** 2.
    taught = torch.tensor([0.9, 0.1]).view(1, 2, 1, 1)
    target = torch.zeros(1, 1, 1, dtype=torch.long)
    assert distillation(torch.zeros(1, 2, 1, 1), taught, target, 1.0).item() == pytest.approx(0.368064, abs=1e-6)
    assert distillation(torch.zeros(1, 2, 1, 1), taught, target, 2.0).item() == pytest.approx(0.523248, abs=1e-6)


def test_a_teacher_without_a_border_says_nothing_of_it():
    # The student's border takes all of its answer, yet background, cat and dog are as the teacher has them: nothing to
    # learn where one of these is annotated; and where the border is, nothing is taught.
    logits = torch.tensor([0.0, 0, 0, 50]).view(1, 4, 1, 1).expand(1, 4, 1, 2)
    taught = torch.full((1, 3, 1, 2), 1 / 3)
    assert distillation(logits, taught, torch.tensor([[[0, 2]]]), 1.0).item() == pytest.approx(0, abs=1e-6)
    # Sure of the cat in both pixels, but one is a border: log 3 for one of two pixels.
    taught = torch.tensor([0.0, 1, 0]).view(1, 3, 1, 1).expand(1, 3, 1, 2)
    loss = distillation(logits, taught, torch.tensor([[[1, 3]]]), 1.0)
    assert loss.item() == pytest.approx(math.log(3) / 2, abs=1e-4)


def test_the_teacher_gives_its_share_of_the_loss():
    logits, target = torch.zeros(1, 4, 1, 1), torch.zeros(1, 1, 1, dtype=torch.long)
    taught = torch.tensor([0.0, 1, 0, 0]).view(1, 4, 1, 1)
    # Both are log 4, which is left whatever the share; a teacher as undecided as the student teaches nothing.
    loss = SegmentationLoss(lovasz=0, teacher_share=0.25)
    assert loss(logits, target, taught).item() == pytest.approx(math.log(4), abs=1e-4)
    assert loss(logits, target, torch.full_like(taught, 0.25)).item() == pytest.approx(0.75 * math.log(4))


@pytest.mark.parametrize(
    "options",
    [
        {"lovasz": 0.5},
        {"lovasz": 0, "dice": 1.0},
        {"lovasz": 0, "border_species": 1.0},
        {"lovasz": 0, "focal": 2.0},
        {"lovasz": 0, "ohem": 0.3},
        {"lovasz": 0, "class_weights": torch.tensor([0.5, 1, 2, 4])},
        {"lovasz": 0, "teacher_share": 1.0, "temperature": 2.0},
    ],
    ids=lambda options: "-".join(options),
)
def test_the_loss_of_a_batch_is_the_mean_of_its_halves(options):
    # What several processes rely on.
    generator = torch.Generator().manual_seed(0)
    logits, taught = (torch.randn(4, 4, 8, 8, generator=generator) for _ in range(2))
    target = torch.randint(0, 4, (4, 8, 8), generator=generator)
    loss = SegmentationLoss(**options)
    taught = taught[:, :3].softmax(1) if "temperature" in options else None
    halves = [
        loss(logits[half], target[half], None if taught is None else taught[half]) for half in (np.s_[:2], np.s_[2:])
    ]
    whole = loss(logits, target, taught)
    torch.testing.assert_close(whole, (halves[0] + halves[1]) / 2)
