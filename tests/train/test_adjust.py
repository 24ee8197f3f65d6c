"""Constants on logits, against arithmetic done by hand."""

import numpy as np
import pytest
import torch

from engine.spec import Model
from train import checkpoint, networks
from train.__main__ import main
from train.adjust import Pixels, adjust, best_adjustment, overlaps

BACKGROUND, PET, BORDER = range(3)


def pixels(*groups: tuple[int, tuple[float, float, float], int]) -> Pixels:
    """So many pixels with these powers and this annotation, group after group."""
    counts = [count for count, _, _ in groups]
    powers = np.repeat(np.array([each for _, each, _ in groups], np.float32), counts, axis=0).T
    return Pixels(powers, np.repeat(np.array([target for _, _, target in groups], np.uint8), counts))


# Of the pixels that are more likely pet than border, half are border.
DOUBTFUL = pixels(
    (40, (1, 0, 0), BACKGROUND), (40, (0, 1, 0), PET), (10, (0, 0.52, 0.48), PET), (10, (0, 0.52, 0.48), BORDER)
)  # fmt: skip


def test_overlaps_are_those_of_the_likeliest_class():
    # Background 40 of 40, pet 50 of 60, border 0 of 10; the pet with its border is found whole.
    assert overlaps([DOUBTFUL], 0, 0) == pytest.approx((1, 1, (1 + 50 / 60 + 0) / 3))
    # All twenty are called border: pet 40 of 50, border 10 of 20.
    assert overlaps([DOUBTFUL], 0, 0.1) == pytest.approx((1, 1, (1 + 40 / 50 + 10 / 20) / 3))
    # 0.5 * e > 1 is pet no longer: 40 of 60 pixels, and none of another picture's ten.
    halves = pixels((40, (0, 1, 0), PET), (20, (0.5, 0.5, 0), PET))
    other = pixels((10, (0.5, 0.5, 0), PET), (10, (1, 0, 0), BACKGROUND))
    binary, mean_image, _ = overlaps([halves, other], 0.1, 0)
    assert binary == pytest.approx(40 / 70)
    assert mean_image == pytest.approx((40 / 60 + 0) / 2)


def test_the_search_stops_at_the_first_step_that_gains_all():
    # 0.48 * exp(0.1) = 0.530 is more than 0.52, and the next step changes nothing.
    assert best_adjustment([DOUBTFUL]) == (0, 0.1)


def test_what_is_right_is_left_alone():
    right = pixels((10, (0.6, 0.4, 0), BACKGROUND), (10, (0.1, 0.8, 0.1), PET), (10, (0.2, 0.2, 0.6), BORDER))
    assert best_adjustment([right]) == (0, 0)


@pytest.mark.parametrize("name", ["fastsegnet", "fastsegnet-cnn"])
def test_the_logits_of_two_classes_move_by_the_constants_everywhere(name):
    network = networks.build(name).eval()
    batch = torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8)
    with torch.inference_mode():
        before = network(batch)
        adjust(network, 0.3, -0.2)
        moved = network(batch) - before
    expected = torch.tensor([0.3, 0, 0, -0.2]).reshape(1, 4, 1, 1).expand_as(moved)
    torch.testing.assert_close(moved, expected, atol=1e-5, rtol=0)


def test_the_command_writes_weights_that_the_model_tells_about(tiny_run, shared_dataset, cache, tmp_path, capsys):
    run = tiny_run
    into, model = tmp_path / "adjusted", tmp_path / "drawn"
    words = ["adjust", "--run", run, "--into", into, "--data", shared_dataset, "--cache", cache]
    assert main([str(word) for word in words]) == 0
    printed = capsys.readouterr().out
    before, after = (checkpoint.load(folder / "weights.pt") for folder in (run, into))
    added = after["adjustment"]
    assert f"the background's logit {added['background']:+.1f}, the border's {added['border']:+.1f}" in printed
    assert f"-> {after['history'][-1]['trimap']:.4f}" in printed
    bias = "segmentation_head.2.bias"
    moved = (after["state_dict"][bias] - before["state_dict"][bias]).reshape(4, -1)
    expected = torch.tensor([added["background"], 0, 0, added["border"]])[:, None].expand_as(moved)
    torch.testing.assert_close(moved, expected)
    assert main(["export", "--run", str(into), "--model", str(model)]) == 0
    assert Model.open(model).spec.training["adjustment"] == added
    assert main([str(word) for word in words]) == 2
    assert "is there already. Name another place, or add --force" in capsys.readouterr().err
    words[words.index(run)] = into
    for command, step in (("adjust", []), ("interpolate", ["--other", run / "weights.pt"])):
        again = [command, *words[1:], "--into", tmp_path / "again", *step]
        assert main([str(word) for word in again]) == 2
        said = capsys.readouterr().err
        assert f"{into / 'weights.pt'} is of a run after its adjustment. Name the --run before it." in said
