"""Training stops and goes on without a trace, and says what is wrong before it starts."""

import errno
from pathlib import Path

import pytest
import torch

from engine.errors import InputError
from train import checkpoint, networks
from train.fit import make_scheduler, moving_average


def state_dict(run: Path) -> dict[str, torch.Tensor]:
    return checkpoint.load(run / "weights.pt")["state_dict"]


@pytest.fixture
def refused(capsys):
    """`refused(code, words)`: the exit code is 2 and one line on stderr holds the words."""

    def check(code: int, words: str) -> None:
        assert code == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("error: ")
        assert words in line

    return check


def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(fit, tmp_path):
    assert fit(tmp_path / "unbroken", "--epochs", 2) == 0
    assert fit(tmp_path / "resumed", "--epochs", 2, "--stop-after", 1) == 0
    assert not (tmp_path / "resumed" / "weights.pt").exists()
    assert fit(tmp_path / "resumed", "--epochs", 2, "--resume") == 0
    unbroken, resumed = state_dict(tmp_path / "unbroken"), state_dict(tmp_path / "resumed")
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)


def test_training_changes_the_weights(run):
    torch.manual_seed(0)
    fresh = networks.build("fastsegnet").state_dict()
    trained = state_dict(run)
    assert trained.keys() == fresh.keys()
    assert not torch.equal(trained["segmentation_head.2.weight"], fresh["segmentation_head.2.weight"])


def test_a_run_keeps_its_settings_and_history(run):
    weights = checkpoint.load(run / "weights.pt")
    assert weights["settings"]["size"] == 64
    assert weights["settings"]["batch_size"] == 2
    (epoch,) = weights["history"]
    assert epoch.keys() == {"epoch", "loss", "seconds", "binary", "trimap", "species", "scenes"}
    assert 0 <= epoch["scenes"] <= 1
    assert (weights["settings"]["lovasz"], weights["settings"]["initial_weights"]) == (0.5, "none")
    assert sorted(path.name for path in run.iterdir()) == ["checkpoint.pt", "weights.pt"]


def test_starting_over_a_checkpoint_is_refused(fit, run, refused):
    before = (run / "checkpoint.pt").read_bytes()
    refused(fit(run, "--epochs", 1), "checkpoint.pt is there already. Add --resume to go on, or name another --run")
    assert (run / "checkpoint.pt").read_bytes() == before


def test_resuming_with_another_option_names_it(fit, run, refused):
    code = fit(run, "--epochs", 1, "--resume", "--learning-rate", 0.5)
    refused(code, "was made with learning_rate 0.001, not 0.5. Give the options of the first start")


def test_resuming_with_another_loss_is_refused(fit, run, refused):
    code = fit(run, "--epochs", 1, "--resume", "--lovasz", 0)
    refused(code, "was made with lovasz 0.5, not 0.0. Give the options of the first start")


def test_a_run_starts_from_the_weights_of_another(fit, run, tmp_path, capsys):
    # A learning rate of next to nothing leaves the parameters where they began.
    options = ("--epochs", 1, "--learning-rate", 1e-12, "--lovasz", 0)
    assert fit(tmp_path, *options, "--initial-weights", run / "weights.pt") == 0
    assert "took over" in capsys.readouterr().out
    before, after = state_dict(run), state_dict(tmp_path)
    for name in ("segmentation_head.2.weight", "encoder.0.0.weight"):
        torch.testing.assert_close(after[name], before[name])
    assert checkpoint.load(tmp_path / "weights.pt")["settings"]["lovasz"] == 0


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("gone.pt", "There is no "),
        ("checkpoint.pt", "None of the initial weights fits the network. Give those of the same architecture"),
    ],
)
def test_initial_weights_that_are_none_are_refused(fit, run, tmp_path, refused, name, words):
    refused(fit(tmp_path / "run", "--epochs", 1, "--initial-weights", run / name), words)
    assert not (tmp_path / "run").exists()


def test_resuming_without_a_checkpoint_is_refused(fit, tmp_path, refused):
    refused(fit(tmp_path / "none", "--resume"), "none/checkpoint.pt. Run `python -m train fit` first, or name")


def test_resuming_from_a_checkpoint_cut_short_is_refused(fit, run, tmp_path, refused):
    data = (run / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(data[: len(data) // 2])
    refused(fit(tmp_path, "--epochs", 1, "--resume"), "It may be cut short: remove it and train again")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--size", 100, "--size is 100; expected a multiple of 32, such as 256"),
        ("--epochs", 0, "--epochs is 0; expected more than 0"),
        ("--batch-size", 0, "--batch-size is 0; expected more than 0"),
        ("--batch-size", 11, "10 training pictures do not fill a batch of 11. Take a smaller one"),
        ("--network", "slowsegnet", "There is no network 'slowsegnet'. Known: fastsegnet"),
        ("--encoder-weights", "gone.pth", "There are no encoder weights at gone.pth. Give `imagenet`, `none`"),
    ],
)
def test_an_unfit_option_is_refused_before_training(fit, tmp_path, refused, option, value, words):
    refused(fit(tmp_path / "run", option, value), words)
    assert not (tmp_path / "run").exists()


def test_encoder_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"layer1.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"(\d+) of \1 tensors are missing .* Expected torchvision's MobileNetV2"):
        networks.load_encoder_weights(networks.build("fastsegnet"), str(path))


def test_encoder_weights_that_are_no_weights_are_refused(tmp_path):
    path = tmp_path / "letter.pth"
    path.write_text("Dear cat,")
    with pytest.raises(InputError, match=r"letter.pth is no file of weights that torch can load"):
        networks.load_encoder_weights(networks.build("fastsegnet"), str(path))


def test_encoder_weights_are_loaded_by_their_torchvision_names(tmp_path):
    source, target = networks.build("fastsegnet"), networks.build("fastsegnet")
    path = tmp_path / "mobilenet.pth"
    torch.save({f"features.{key}": value for key, value in source.encoder.state_dict().items()}, path)
    networks.load_encoder_weights(target, str(path))
    for expected, loaded in zip(source.encoder.parameters(), target.encoder.parameters(), strict=True):
        assert torch.equal(expected, loaded)


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("file write failed")]
)
def test_a_full_disk_keeps_the_checkpoint_before(monkeypatch, tmp_path, failure):
    path = tmp_path / "checkpoint.pt"
    checkpoint.save({"epoch": 1}, path)

    def fill_the_disk(state: dict, partial: Path) -> None:
        partial.write_bytes(b"half of it")
        raise failure

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(InputError, match=r"checkpoint.pt could not be written .* the one before is kept. Make room"):
        checkpoint.save({"epoch": 2}, path)
    assert checkpoint.load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_the_learning_rate_warms_up_and_falls_to_a_hundredth():
    args = type("Options", (), {"epochs": 10, "warmup_epochs": 1.0})
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make_scheduler(optimizer, steps_per_epoch=4, args=args)
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
