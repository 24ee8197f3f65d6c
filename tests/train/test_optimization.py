"""How weights change, on a few of them."""

import pytest
import torch

from engine.errors import InputError
from train import networks
from train.optimization import frozen_blocks, make_optimizer, make_scheduler, moving_average
from train.recipe import Recipe

OPTIONS = Recipe(epochs=10, warmup_epochs=1.0, learning_rate=1e-3, encoder_rate=0.3, weight_decay=0.01)


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make_scheduler(optimizer, steps_per_epoch=4, recipe=OPTIONS)
    rates = []
    for _ in range(41):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    # Four steps of warm-up to 1; half a cosine over the other 36, in whose middle lies 0.01 + 0.99 / 2.
    assert rates[:4] == pytest.approx([0.25, 0.5, 0.75, 1.0])
    assert rates[22] == pytest.approx(0.505)
    assert rates[40] == pytest.approx(0.01)


def test_the_moving_average_forgets_its_start():
    # At first (1 + 0) / (10 + 0) of the old is kept: 0.1 * 0 + 0.9 * 10 = 9. Later 0.5, the decay: (9 + 1) / 2 = 5.
    update, mean = moving_average(decay=0.5), torch.tensor([0.0])
    update([mean], [torch.tensor([10.0])], torch.tensor(0))
    assert mean.item() == pytest.approx(9)
    update([mean], [torch.tensor([1.0])], torch.tensor(1000))
    assert mean.item() == pytest.approx(5)


def test_without_decay_the_average_is_the_weights():
    mean, value = torch.tensor([0.3, 7.0]), torch.tensor([0.1, -2.0])
    moving_average(decay=0.0)([mean], [value], torch.tensor(5))
    assert torch.equal(mean, value)


def test_pretrained_parts_learn_slower_and_vectors_do_not_decay():
    network = networks.build("fastsegnet-cnn")
    groups = make_optimizer(network, OPTIONS).param_groups
    rates = {id(parameter): (group["lr"], group["weight_decay"]) for group in groups for parameter in group["params"]}
    wanted = {
        "encoder.0.0.weight": (3e-4, 0.01),  # 0.3 * 1e-3
        "encoder.0.1.bias": (3e-4, 0),
        "fuse4.conv.0.weight": (1e-3, 0.01),
        "fuse4.conv.1.weight": (1e-3, 0),
    }
    parameters = dict(network.named_parameters())
    assert len(rates) == len(parameters)
    for name, expected in wanted.items():
        assert rates[id(parameters[name])] == pytest.approx(expected)


def test_frozen_blocks_are_left_out_of_the_optimizer():
    network = networks.build("fastsegnet-cnn")
    assert len(frozen_blocks(network, 4)) == 4
    learnt = {id(p) for group in make_optimizer(network, OPTIONS).param_groups for p in group["params"]}
    named = dict(network.named_parameters())
    frozen = [name for name, parameter in named.items() if id(parameter) not in learnt]
    assert frozen
    assert all(name.startswith(("encoder.0.", "encoder.1.", "encoder.2.", "encoder.3.")) for name in frozen)


def test_more_blocks_than_there_are_cannot_be_frozen():
    with pytest.raises(InputError, match=r"--freeze is 19, but the network's encoder has 18 blocks. Give fewer"):
        frozen_blocks(networks.build("fastsegnet-cnn"), 19)
