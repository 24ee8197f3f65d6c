"""Training stops and goes on without a trace, and says what is wrong before it starts."""

import errno
import re
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
import torch
from PIL import Image

from engine.errors import InputError, OutputError
from train import checkpoint, data, networks, recipe
from train.__main__ import main
from train.augment import KINDS
from train.fit import kinds_of_pictures, training_pictures
from train.validation import SCORES


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


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--scales", "1,1.5", "--ema-decay", 0),
        ("--freeze", 3, "--class-balance", 0.5, "--ohem", 0.5),
        ("--teacher", "RUN", "--teacher-temperature", 2, "--focal", 1, "--dice", 0.5),
    ],
    ids=["default", "scales", "freeze", "teacher"],
)
def test_a_resumed_run_ends_with_the_weights_of_an_unbroken_one(fit, run, tmp_path, options):
    options = tuple(run if word == "RUN" else word for word in options)
    assert fit(tmp_path / "unbroken", "--epochs", 2, *options) == 0
    assert fit(tmp_path / "resumed", "--epochs", 2, *options, "--stop-after", 1) == 0
    assert not (tmp_path / "resumed" / "weights.pt").exists()
    assert fit(tmp_path / "resumed", "--epochs", 2, *options, "--resume") == 0
    unbroken, resumed = state_dict(tmp_path / "unbroken"), state_dict(tmp_path / "resumed")
    assert unbroken.keys() == resumed.keys()
    assert all(torch.equal(unbroken[name], resumed[name]) for name in unbroken)
    assert not torch.equal(unbroken["segmentation_head.2.weight"], state_dict(run)["segmentation_head.2.weight"])


def test_a_teacher_that_has_changed_ends_the_run(fit, run, tmp_path, refused):
    teacher = shutil.copy(run / "weights.pt", tmp_path / "teacher.pt")
    assert fit(tmp_path / "run", "--epochs", 2, "--teacher", teacher, "--stop-after", 1) == 0
    weights = checkpoint.load(teacher)
    checkpoint.save(weights | {"history": []}, teacher)
    code = fit(tmp_path / "run", "--epochs", 2, "--teacher", teacher, "--resume")
    refused(code, "teacher.pt is not the file that ")


def test_frozen_blocks_stay_as_they_began(fit, run, tmp_path):
    assert fit(tmp_path, "--epochs", 1, "--initial-weights", run / "weights.pt", "--freeze", 2) == 0
    before, after = state_dict(run), state_dict(tmp_path)
    frozen = [name for name in before if name.startswith(("encoder.0.", "encoder.1."))]
    assert any("running_mean" in name for name in frozen)
    assert all(torch.equal(before[name], after[name]) for name in frozen)
    for name in ("encoder.2.conv.0.0.weight", "encoder.2.conv.0.1.running_mean"):
        assert not torch.equal(before[name], after[name])


def test_without_an_average_the_weights_of_the_last_step_are_kept(fit, tmp_path):
    assert fit(tmp_path, "--epochs", 1, "--ema-decay", 0) == 0
    last, kept = checkpoint.load(tmp_path / "checkpoint.pt")["network"], state_dict(tmp_path)
    assert all(torch.equal(last[name], kept[name]) for name in kept)


def test_scenes_are_the_share_that_is_asked_for():
    assert kinds_of_pictures(None) == KINDS
    assert kinds_of_pictures(0.0) == {kind: float(kind == "single") for kind in KINDS}
    kinds = kinds_of_pictures(0.8)
    assert kinds["single"] == pytest.approx(0.2)
    assert sum(kinds.values()) == pytest.approx(1)
    assert kinds["paste"] / kinds["collage"] == pytest.approx(KINDS["paste"] / KINDS["collage"])


def test_every_option_that_changes_the_weights_is_kept_with_them():
    options = {field.name for field in fields(recipe.Recipe)} - {"workers", "validation_size"}
    assert options == set(recipe.SETTINGS)


def test_a_checkpoint_from_before_an_option_is_one_with_its_default(fit, tmp_path, refused):
    assert fit(tmp_path, "--epochs", 2, "--stop-after", 1) == 0
    path = tmp_path / "checkpoint.pt"
    state = checkpoint.load(path)
    del state["settings"]["scales"], state["settings"]["teacher"], state["teacher_sha256"]
    checkpoint.save(state, path)
    refused(fit(tmp_path, "--epochs", 2, "--resume", "--scales", "1,2"), "was made with scales '1', not '1,2'")
    assert fit(tmp_path, "--epochs", 2, "--resume") == 0


def test_a_run_tells_the_epoch_in_one_line(fit, tmp_path, capsys):
    assert fit(tmp_path, "--epochs", 1) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert re.fullmatch(
        r"epoch   1/1  loss \d\.\d{4}  binary 0\.\d{4}  image 0\.\d{4}  trimap 0\.\d{4}  species 0\.\d{4}  "
        r"boundary 0\.\d{4}  scenes 0\.\d{4} 0\.\d{4}  \d+ s, \d+\.\d pictures/s, \d+% waiting for them",
        line,
    )


def test_epochs_between_are_validated_and_kept_as_often_as_is_asked(fit, tmp_path, capsys):
    assert fit(tmp_path, "--epochs", 3, "--validate-every", 9, "--keep-every", 2) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch")]
    assert ["binary" in line for line in lines] == [False, True, True]
    assert re.fullmatch(r"epoch   1/3  loss \d\.\d{4}  \d+ s, \d+\.\d pictures/s, \d+% waiting for them", lines[0])
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint.pt", "weights.pt", "epoch-2", "epoch-3"}
    second, last = (checkpoint.load(tmp_path / name / "weights.pt") for name in ("epoch-2", "epoch-3"))
    assert [len(kept["history"]) for kept in (second, last)] == [2, 3]
    assert ["binary" in row for row in last["history"]] == [False, True, True]
    whole = state_dict(tmp_path)
    assert all(torch.equal(last["state_dict"][name], whole[name]) for name in whole)
    assert not all(torch.equal(second["state_dict"][name], whole[name]) for name in whole)


def test_an_epoch_of_two_passes_has_twice_the_steps(fit, tmp_path, capsys):
    steps = []
    for passes in (1, 2):
        folder = tmp_path / str(passes)
        assert fit(folder, "--epochs", 1, "--passes", passes) == 0
        assert "; 10 training pictures" in capsys.readouterr().out
        steps.append(int(checkpoint.load(folder / "checkpoint.pt")["averaged"]["n_averaged"]))
    assert steps == [5, 10]


def test_training_changes_the_weights(run):
    torch.manual_seed(0)
    fresh = networks.build("fastsegnet-cnn").state_dict()
    trained = state_dict(run)
    assert trained.keys() == fresh.keys()
    assert not torch.equal(trained["segmentation_head.2.weight"], fresh["segmentation_head.2.weight"])


def test_a_run_keeps_its_settings_and_history(run):
    weights = checkpoint.load(run / "weights.pt")
    assert weights["settings"]["size"] == 64
    assert weights["settings"]["batch_size"] == 2
    (epoch,) = weights["history"]
    assert epoch.keys() == {"epoch", "loss", "seconds", "waiting", *SCORES}
    assert all(0 <= epoch[name] <= 1 for name in ("waiting", *SCORES))
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
        ("--passes", 0, "--passes is 0; expected more than 0"),
        ("--validate-every", 0, "--validate-every is 0; expected more than 0"),
        ("--keep-every", 0, "--keep-every is 0; expected more than 0"),
        ("--batch-size", 0, "--batch-size is 0; expected more than 0"),
        ("--batch-size", 11, "10 training pictures do not fill a batch of 11. Take a smaller one"),
        ("--validation-size", 100, "--validation-size is 100; expected a multiple of 32"),
        ("--scenes", 1.5, "--scenes is 1.5; expected 1 at most"),
        ("--batch-size", -1, "--batch-size is -1; expected more than 0"),
        ("--limit", 1, "1 training pictures do not fill a batch of 2. Take a smaller one"),
        ("--limit", 0, "--limit is 0; expected more than 0"),
        ("--min-side", -1, "--min-side is -1; expected 0 or more"),
        ("--min-side", 97, "0 training pictures of 97 px and more do not fill a batch of 2. Take a smaller one"),
        ("--learning-rate", "nan", "--learning-rate is nan; expected more than 0"),
        ("--learning-rate", "inf", "--learning-rate is inf; expected more than 0"),
        ("--lovasz", -0.5, "--lovasz is -0.5; expected 0 or more"),
        ("--dice", -1, "--dice is -1.0; expected 0 or more"),
        ("--focal", "nan", "--focal is nan; expected 0 or more"),
        ("--ohem", 0, "--ohem is 0.0; expected more than 0"),
        ("--ohem", 1.5, "--ohem is 1.5; expected 1 at most"),
        ("--class-balance", -1, "--class-balance is -1.0; expected 0 or more"),
        ("--ema-decay", 1, "--ema-decay is 1.0; expected less than 1, such as 0.998"),
        ("--freeze", -1, "--freeze is -1; expected 0 or more"),
        ("--freeze", 99, "--freeze is 99, but the network's encoder has 18 blocks. Give fewer"),
        ("--scales", "1,x", "--scales is '1,x'; expected numbers above 0, such as 0.75,1,1.25"),
        ("--teacher-share", 2, "--teacher-share is 2.0; expected 1 at most"),
        ("--teacher-temperature", 0, "--teacher-temperature is 0.0; expected more than 0"),
        ("--teacher-size", 0, "--teacher-size is 0; expected more than 0"),
        ("--teacher", "gone", "--teacher gone: There is no model 'gone'. Known: "),
        ("--workers", -1, "--workers is -1; expected 0 or more"),
        ("--seed", -1, "--seed is -1; expected 0 or more"),
        ("--stop-after", 0, "--stop-after is 0; expected more than 0"),
        ("--network", "slowsegnet", "There is no network 'slowsegnet'. Known: fastsegnet"),
        ("--encoder-weights", "gone.pth", "There are no encoder weights at gone.pth. Give `imagenet`, `none`"),
    ],
)
def test_an_unfit_option_is_refused_before_training(fit, tmp_path, refused, option, value, words):
    refused(fit(tmp_path / "run", option, value), words)
    assert not (tmp_path / "run").exists()


def test_training_leaves_out_what_is_smaller_than_the_side(shared_dataset, tmp_path):
    # Drawn pictures are 96 px long; one gets an annotation of 120.
    cache = data.open_cache(shutil.copytree(shared_dataset, tmp_path / "pets"), tmp_path)
    training = data.split(cache.samples, "training")
    Image.new("L", (80, 120), 1).save(training[3].sample.trimap_path)
    options = {"size": 64, "seed": 0, "batch_size": 1}
    assert training_pictures(cache, **options).samples == training
    for side, kept in ((96, training), (97, training[3:4]), (120, training[3:4])):
        assert training_pictures(cache, **options, min_side=side).samples == kept


def test_a_root_that_is_no_dataset_is_refused_without_a_network(tmp_path, refused, monkeypatch):
    def download(root: Path, download: bool) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(data, "OxfordIIITPet", download)
    words = ("fit", "--data", tmp_path / "holidays", "--run", tmp_path / "run", "--encoder-weights", "none")
    code = main([str(word) for word in words])
    refused(code, "holds no whole oxford-iiit-pet/ and the download failed (no route to host). Name the folder")
    assert not (tmp_path / "run").exists()


def test_a_full_disk_during_training_keeps_the_epoch_before(fit, run, tmp_path, refused, monkeypatch):
    options = ("--epochs", 2, "--teacher", run)
    assert fit(tmp_path, *options, "--stop-after", 1) == 0
    before = (tmp_path / "checkpoint.pt").read_bytes()

    def fill_the_disk(state: dict, partial: Path) -> None:
        partial.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", fill_the_disk)
        refused(fit(tmp_path, *options, "--resume"), "the one before is kept. Make room and resume")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
    assert (tmp_path / "checkpoint.pt").read_bytes() == before
    assert fit(tmp_path, *options, "--resume") == 0


def test_encoder_weights_of_another_network_are_refused(tmp_path):
    path = tmp_path / "resnet.pth"
    torch.save({"layer1.weight": torch.zeros(3)}, path)
    with pytest.raises(InputError, match=r"(\d+) of \1 tensors are missing .* Expected torchvision's MobileNetV2"):
        networks.load_encoder_weights(networks.build("fastsegnet-cnn"), str(path))


def test_encoder_weights_that_are_no_weights_are_refused(tmp_path):
    path = tmp_path / "letter.pth"
    path.write_text("Dear cat,")
    with pytest.raises(InputError, match=r"letter.pth is no file of weights that torch can load"):
        networks.load_encoder_weights(networks.build("fastsegnet-cnn"), str(path))


def test_encoder_weights_are_loaded_by_their_torchvision_names(tmp_path):
    source, target = networks.build("fastsegnet-cnn"), networks.build("fastsegnet-cnn")
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
    with pytest.raises(OutputError, match=r"checkpoint.pt could not be written .* the one before is kept. Make room"):
        checkpoint.save({"epoch": 2}, path)
    assert checkpoint.load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]
