"""The losses on a few pixels, by hand."""

import math

import pytest
import torch

from train.losses import lovasz_hinge, segmentation_loss


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
    loss = segmentation_loss(torch.zeros(1, 4, 2, 2), torch.full((1, 2, 2), target), share)
    assert loss.item() == pytest.approx(expected)


def test_the_hinge_looks_at_every_second_pixel_of_every_second_row():
    target = torch.tensor([[[1, 0, 1], [0, 0, 0], [1, 0, 1]]])  # its corners alone are objects
    logits = torch.zeros(1, 4, 3, 3)
    # Log-odds log 3 are right by a margin at the corners; the background between them is not looked at.
    assert segmentation_loss(logits, target, 1.0).item() == pytest.approx(math.log(4))
