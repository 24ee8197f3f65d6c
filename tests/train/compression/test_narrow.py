"""A smaller network out of a trained one: which neurons go, what the others make up for, and what is refused."""

from pathlib import Path

import pytest
import torch
from torch import nn

from engine.errors import InputError
from train import checkpoint, networks
from train.__main__ import main
from train.compression.matching import Matching, match_features
from train.compression.narrow import chosen_blocks, least_squares, moments, most_useful, narrow
from train.data import PetPictures, open_cache, split
from train.networks.normalization import Normalize
from train.networks.vision_transformer import Block, VisionTransformer


def transformer_network(widths: tuple[int, ...]) -> nn.Module:
    """A normalisation, a transformer and a head: as little as `narrow` needs."""
    network = nn.Module()
    network.normalize = Normalize("symmetric")
    network.transformer = VisionTransformer(16, num_heads=2, mlp_channels=widths)
    network.head = nn.Linear(16, 4)
    return network.eval()


@pytest.fixture
def large() -> nn.Module:
    torch.manual_seed(0)
    return transformer_network((32, 32, 32))


@pytest.fixture
def pixels() -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randint(0, 256, (1, 64, 64, 3), dtype=torch.uint8, generator=generator) for _ in range(12)]


def test_as_wide_as_before_is_the_same_network(large, pixels):
    torch.manual_seed(2)
    same = transformer_network((32, 32, 32))
    errors = narrow(large, same, [0, 1, 2], pixels)
    assert max(errors) < 1e-4
    batch = large.normalize(pixels[0])
    torch.testing.assert_close(same.transformer(batch), large.transformer(batch), rtol=1e-2, atol=1e-2)
    assert torch.equal(same.head.weight, large.head.weight)


def test_the_source_stays_as_it_is(large, pixels):
    before = {name: value.clone() for name, value in large.state_dict().items()}
    narrow(large, transformer_network((8, 8)), [0, 2], pixels)
    assert all(torch.equal(value, before[name]) for name, value in large.state_dict().items())


def test_neurons_that_do_nothing_go_first(large, pixels):
    used = [1, 5, 8, 13, 21, 30]
    for block in large.transformer.blocks:
        idle = [neuron for neuron in range(32) if neuron not in used]
        block.mlp[2].weight.data[:, idle] = 0
    small = transformer_network((6, 6, 6))
    assert max(narrow(large, small, [0, 1, 2], pixels)) < 1e-4
    for ours, theirs in zip(small.transformer.blocks, large.transformer.blocks, strict=True):
        assert torch.equal(ours.mlp[0].weight, theirs.mlp[0].weight[used])


def test_neurons_that_say_the_same_are_made_up_for(large, pixels):
    for block in large.transformer.blocks:
        first = block.mlp[0]
        first.weight.data[16:], first.bias.data[16:] = first.weight.data[:16], first.bias.data[:16]
    small = transformer_network((16, 16, 16))
    # Their weights are added, not lost: leaving out half of what a block adds would show.
    assert max(narrow(large, small, [0, 1, 2], pixels)) < 1e-3


def test_a_block_that_is_left_out_is_made_up_for_by_the_one_before(large, pixels):
    for layer in (large.transformer.blocks[1].self_attention.out_proj, large.transformer.blocks[1].mlp[2]):
        layer.weight.data.zero_()
        layer.bias.data.fill_(3.0)  # the block adds 6 to every feature, which a bias can do
    shorter = transformer_network((32, 32))
    assert max(narrow(large, shorter, [0, 2], pixels)) < 1e-4
    shift = shorter.transformer.blocks[0].mlp[2].bias - large.transformer.blocks[0].mlp[2].bias
    torch.testing.assert_close(shift, torch.full((16,), 6.0), rtol=0.05, atol=0.05)


def test_what_is_left_out_costs_least():
    # Three neurons that never fire together, and no constant: leaving one out costs its own share and no other.
    squares = torch.diag(torch.tensor([4.0, 1.0, 9.0, 1.0], dtype=torch.float64))
    products = torch.tensor([[4.0], [3.0], [3.0], [0.0]], dtype=torch.float64)
    # Weights 1, 3, 1/3; the squared error grows by product ** 2 / square: 4, 9, 1.
    assert most_useful(squares, products, 3) == [0, 1, 2]
    assert most_useful(squares, products, 2)[-1] <= 2
    torch.testing.assert_close(
        least_squares(squares, products, [0, 1]), torch.tensor([[1.0], [3.0], [0.0]], dtype=torch.float64)
    )


def test_sums_are_over_all_tokens_of_all_pictures():
    torch.manual_seed(0)
    block = Block(8, 2, 4)
    tokens = [torch.randn(1, 5, 8), torch.randn(1, 7, 8)]
    with torch.inference_mode():
        squares, products = moments(block, tokens, [2 * part for part in tokens])
        active = block.mlp[1](block.mlp[0](block.ln_2(torch.cat(tokens, dim=1))))[0].double()
    wanted = active.T @ active
    ridge = 1e-4 * torch.cat([wanted.diagonal(), torch.tensor([12.0]).double()])[:-1].mean()
    torch.testing.assert_close(squares[:4, :4] - torch.eye(4) * ridge, wanted, rtol=1e-4, atol=1e-4)
    assert squares[4, 4].item() == pytest.approx(12 + ridge.item())
    torch.testing.assert_close(products[:4], active.T @ torch.cat(tokens, dim=1)[0].double(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("text", ["0,1", "0,1,1", "2,1,0", "0,1,3", "-1,1,2", "a,b,c", ""])
def test_blocks_that_are_none_are_refused(large, text):
    with pytest.raises(InputError, match=r"--blocks is .*; expected 3 rising numbers from 0 to 2"):
        chosen_blocks(text, large, transformer_network((8, 8, 8)))


def test_a_wider_block_is_refused(large):
    with pytest.raises(InputError, match=r"to be 40 wide, but block 2 of the larger network has 32"):
        chosen_blocks("0,2", large, transformer_network((8, 40)))


def test_a_network_without_a_transformer_is_refused(large):
    with pytest.raises(InputError, match="one of these has none"):
        chosen_blocks("0,1,2", large, networks.build("fastsegnet-cnn"))


@pytest.fixture
def pictures(shared_dataset, cache) -> PetPictures:
    opened = open_cache(shared_dataset, cache)
    return PetPictures(opened, split(opened.samples, "training"), 64, seed=0)


def matched(large: nn.Module, pictures: PetPictures, path: Path, epochs: int = 6, state: dict | None = None):
    """A narrower network after `match_features`, and the history."""
    torch.manual_seed(3)
    small = transformer_network((8, 8))
    history = match_features(
        large, small, pictures, Matching(epochs, 4, 1e-2, 0, 0), torch.float32, {"drawn": True}, path, state
    )
    return small, history


def test_features_come_nearer_and_nothing_else_is_touched(large, pictures, tmp_path):
    torch.manual_seed(3)
    before = {name: value.clone() for name, value in transformer_network((8, 8)).state_dict().items()}
    small, history = matched(large, pictures, tmp_path / "checkpoint.pt")
    assert history[-1]["error"] < 0.8 * history[0]["error"]
    assert [row["epoch"] for row in history] == [1, 2, 3, 4, 5, 6]
    same = [name for name, value in small.state_dict().items() if torch.equal(value, before[name])]
    assert "head.weight" in same
    assert "transformer.blocks.0.mlp.0.weight" not in same
    assert not small.training


def test_no_epoch_leaves_the_network_as_it_is(large, pictures, tmp_path):
    torch.manual_seed(3)
    before = transformer_network((8, 8)).state_dict()
    small, history = matched(large, pictures, tmp_path / "checkpoint.pt", epochs=0)
    assert history == []
    assert all(torch.equal(value, before[name]) for name, value in small.state_dict().items())


def test_the_error_is_what_is_left_of_the_variance(large, pictures, tmp_path):
    constant = transformer_network((8,))
    for parameter in constant.transformer.parameters():
        parameter.data.zero_()  # all features are 0
    history = match_features(
        large, constant, pictures, Matching(1, 4, 1e-9, 0, 0), torch.float32, {}, tmp_path / "checkpoint.pt"
    )
    images = torch.stack([image for image, _ in (pictures[index] for index in range(len(pictures)))])
    features = large.transformer(large.normalize(images)).detach()
    # By hand, and per batch in `match_features`: as all pictures here are drawn alike, the mean of ratios is near it.
    expected = (features**2).sum() / ((features - features.mean((2, 3), keepdim=True)) ** 2).sum()
    assert history[0]["error"] == pytest.approx(expected.item(), rel=0.2)


def test_matching_that_was_stopped_goes_on_as_if_it_had_not_been(large, pictures, tmp_path):
    whole, history = matched(large, pictures, tmp_path / "whole.pt", epochs=3)

    class Stop(Exception):
        pass

    class Stopping(PetPictures):
        def __getitem__(self, index):
            if self.epoch == 2:
                raise Stop
            return super().__getitem__(index)

    stopping = Stopping(pictures.cache, pictures.samples, 64, seed=0)
    with pytest.raises(Stop):
        matched(large, stopping, tmp_path / "part.pt", epochs=3)
    state = checkpoint.load(tmp_path / "part.pt")
    assert len(state["history"]) == 2
    assert state["settings"] == {"drawn": True}
    resumed, its_history = matched(large, pictures, tmp_path / "part.pt", epochs=3, state=state)
    assert [row["error"] for row in its_history] == [row["error"] for row in history]
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name])


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--size", "100", "--size is 100; expected a multiple of 32"),
        ("--subset-size", "0", "--subset-size is 0; expected 1 to 300"),
        ("--epochs", "-1", "--epochs is -1 and --workers"),
        ("--learning-rate", "0", "--learning-rate is 0.0; expected more than 0"),
        ("--scenes", "1.5", "--scenes is 1.5; expected 0 to 1"),
        ("--blocks", "0,8", "expected 7 rising numbers from 0 to 8"),
        ("--initial-weights", "models/fastsegnet-large/torch.pt2", "torch.pt2 does not fit fastsegnet: "),
        ("--initial-weights", "nowhere.pt", "There is no nowhere.pt."),
    ],
)
def test_options_out_of_their_range_are_refused(option, value, words, shared_dataset, tmp_path, capsys):
    assert main(["narrow", "--data", str(shared_dataset), "--run", str(tmp_path), option, value]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
def test_the_command_makes_weights_that_fit_takes(shared_dataset, cache, tmp_path, capsys):
    arguments = [
        *("narrow", "--data", shared_dataset, "--cache", cache, "--run", tmp_path / "narrow", "--size", "64"),
        *("--subset-size", "2", "--epochs", "1", "--limit", "4", "--batch-size", "2", "--workers", "0"),
    ]
    assert main(list(map(str, arguments))) == 0
    said = capsys.readouterr().out
    assert "epoch  1/1  error of the features " in said
    assert "fastsegnet-large: 4.45 M parameters; on validation binary 0." in said
    assert "fastsegnet: 2.49 M parameters; on validation binary 0." in said
    assert main(list(map(str, arguments))) == 2
    assert "is there already. Name another place, or add --force" in capsys.readouterr().err
    (tmp_path / "narrow" / "weights.pt").rename(tmp_path / "weights.pt")
    assert main([*map(str, arguments), "--resume", "--seed", "1"]) == 2
    assert "was made with seed 0, not 1" in capsys.readouterr().err
    # Nor does what began with other weights go on without them.
    path = tmp_path / "narrow" / "checkpoint.pt"
    state = checkpoint.load(path)
    checkpoint.save(state | {"settings": state["settings"] | {"initial_weights": "abc"}}, path)
    assert main([*map(str, arguments), "--resume"]) == 2
    assert "was made with initial_weights 'abc', not 'none'" in capsys.readouterr().err
    # Weights to go on from are not cut again.
    onwards = ["--run", tmp_path / "onwards", "--epochs", "0", "--initial-weights", tmp_path / "weights.pt"]
    assert main(list(map(str, [*arguments, *onwards]))) == 0
    assert "calibration pictures" not in capsys.readouterr().out
    before, after = (checkpoint.load_weights(tmp_path / where) for where in ("weights.pt", "onwards/weights.pt"))
    assert all(torch.equal(value, before[name]) for name, value in after.items())
    fit = [
        *("fit", "--data", shared_dataset, "--cache", cache, "--run", tmp_path / "run", "--network", "fastsegnet"),
        *("--encoder-weights", "none", "--initial-weights", tmp_path / "weights.pt", "--size", "32"),
        *("--normalization", "symmetric", "--epochs", "1", "--batch-size", "4", "--limit", "4", "--workers", "0"),
    ]
    assert main(list(map(str, fit))) == 0
    assert "took over 245 of 245 tensors" in capsys.readouterr().out
