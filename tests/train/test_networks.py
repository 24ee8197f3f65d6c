"""The head's sixteen logits a class lie where they belong; weights of another run are taken over where they fit."""

import pytest
import torch

from engine.errors import InputError
from train import networks
from train.networks import take_over
from train.networks.fastsegnet import PixelShuffle


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return networks.build("fastsegnet").eval()


@torch.inference_mode()
def test_there_are_logits_for_every_pixel_of_the_picture(network):
    assert network(torch.zeros(2, 64, 96, 3, dtype=torch.uint8)).shape == (2, 4, 64, 96)


@torch.inference_mode()
def test_the_head_gives_each_pixel_of_a_block_its_own_logit():
    network = networks.build("fastsegnet").eval()
    last = network.segmentation_head[2]
    last.weight.zero_()
    last.bias.copy_(torch.arange(64.0))
    logits = network(torch.zeros(1, 32, 32, 3, dtype=torch.uint8))
    # Class 2 has the logits 32 to 47, row by row of every block of 4 x 4 pixels.
    block = torch.arange(32.0, 48.0).view(4, 4)
    torch.testing.assert_close(logits[0, 2], block.repeat(8, 8))


def test_weights_that_fit_are_taken_over(network):
    target = networks.build("fastsegnet")
    count = len(network.state_dict())
    assert take_over(target, network.state_dict()) == f"took over {count} of {count} tensors"
    for name, value in target.state_dict().items():
        assert torch.equal(value, network.state_dict()[name])


def test_what_does_not_fit_stays_as_it_was_and_is_named(network):
    target = networks.build("fastsegnet", num_classes=3)
    before = {name: value.clone() for name, value in target.state_dict().items()}
    count = len(before)
    head = "segmentation_head.2"
    said = take_over(target, network.state_dict())
    assert said == f"took over {count - 2} of {count} tensors; new: {head}.weight, {head}.bias"
    after = target.state_dict()
    assert torch.equal(after[f"{head}.weight"], before[f"{head}.weight"])
    assert torch.equal(after["fuse4.conv.0.weight"], network.state_dict()["fuse4.conv.0.weight"])


@pytest.mark.parametrize("state", [{}, {"layer1.weight": torch.zeros(3)}])
def test_weights_of_another_architecture_are_refused(network, state):
    with pytest.raises(InputError, match=r"None of the initial weights fits the network. Give those of the same"):
        take_over(network, state)


def test_pixel_shuffle_is_that_of_torch():
    features = torch.randn(2, 4 * 9, 5, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(PixelShuffle(4, 3)(features), torch.nn.functional.pixel_shuffle(features, 3))
