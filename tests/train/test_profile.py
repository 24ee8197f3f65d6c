"""Parameters and multiply-adds, by hand."""

import json

import pytest
import torch
from torch import nn

from train import networks
from train.__main__ import main
from train.profile import multiply_adds, profile, table


class Small(nn.Module):
    """An encoder of two blocks and a head."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1, stride=2), nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=4), nn.ReLU())
        )
        self.head = nn.Conv2d(4, 2, 1, bias=False)

    def forward(self, batch):
        return self.head(self.encoder(batch.permute(0, 3, 1, 2).float()))


def test_each_part_is_counted_by_itself():
    # At 8 px, 4 x 4 after the stride: 16 * 4 * 27 multiply-adds and 4 * 27 + 4 parameters; depthwise 16 * 4 * 9 and
    # 4 * 9 + 4; 16 * 2 * 4 and 2 * 4.
    parts = profile(Small(), 8)
    assert [part.name for part in parts] == ["encoder.0", "encoder.1", "head"]
    assert [part.output for part in parts] == [(4, 4, 4), (4, 4, 4), (2, 4, 4)]
    assert [part.parameters for part in parts] == [112, 40, 8]
    assert [part.multiply_adds for part in parts] == [1728, 576, 128]
    assert multiply_adds(Small(), 8) == 1728 + 576 + 128


def test_a_batch_costs_as_often_as_it_has_pictures():
    assert [part.multiply_adds for part in profile(Small(), 8, batch=3)] == [3 * 1728, 3 * 576, 3 * 128]


def test_a_table_ends_with_the_sum():
    assert table(profile(Small(), 8)).splitlines()[2:] == [
        "| encoder.0 | 4 x 4 x 4 | 112 | 0.00 M | 71.1% |",
        "| encoder.1 | 4 x 4 x 4 | 40 | 0.00 M | 23.7% |",
        "| head | 2 x 4 x 4 | 8 | 0.00 M | 5.3% |",
        "| all | | 160 | 0.00 M | |",
    ]


@pytest.mark.parametrize("name", networks.NETWORKS)
def test_the_parts_of_a_network_add_up_to_the_whole(name):
    network = networks.build(name)
    parts = profile(network, 64)
    assert sum(part.parameters for part in parts) == sum(p.numel() for p in network.parameters())
    assert sum(part.multiply_adds for part in parts) == multiply_adds(network, 64)
    assert parts[-1].output == (4, 64, 64)


def test_convolutions_are_counted_as_their_outputs_times_their_weights():
    network, expected = networks.build("fastsegnet-cnn").eval(), 0

    def count(layer: nn.Conv2d, _inputs: tuple, output: torch.Tensor) -> None:
        nonlocal expected
        expected += output[0].numel() * layer.weight[0].numel()

    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(count)
    assert multiply_adds(network, 64) == expected > 1e7


def test_profile_prints_a_table_and_writes_it(tmp_path, capsys):
    path = tmp_path / "profile.json"
    assert main(["profile", "--network", "fastsegnet-cnn", "--size", "64", "--batch", "2", "--json", str(path)]) == 0
    figures = json.loads(path.read_text())
    assert figures["multiply_adds"] == 2 * multiply_adds(networks.build("fastsegnet-cnn"), 64)
    assert f"| all | | {figures['parameters']:,} |" in capsys.readouterr().out
    assert [part["name"] for part in figures["parts"]][-1] == "segmentation_head"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--size", "100", "--size is 100; expected a multiple of 32, such as 320"),
        ("--batch", "0", "--batch is 0; expected more than 0"),
        ("--network", "slowsegnet", "There is no network 'slowsegnet'"),
    ],
)
def test_what_cannot_be_profiled_is_refused(option, value, words, capsys):
    assert main(["profile", option, value]) == 2
    assert words in capsys.readouterr().err
