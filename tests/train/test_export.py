"""From weights to a model folder whose artefacts equal the network, are small and tell no path of this machine."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import openvino as ov
import pytest
import torch

from engine.backends import open_backend
from engine.backends.fake import FakeBackend
from engine.dataset import read_split
from engine.errors import InferenceError
from engine.segmenter import Segmenter
from engine.spec import Model
from train import checkpoint, export, networks
from train.__main__ import main
from train.data import read_trainval, split
from train.export import load_network, prove, public_name

REPOSITORY = Path(__file__).resolve().parents[2]
EXPORTED = ["model.onnx", "openvino-fp32.xml", "torch.pt2"]


@pytest.fixture
def network(run) -> torch.nn.Module:
    return load_network(checkpoint.load(run / "weights.pt"))


@pytest.fixture
def quick_export(monkeypatch, exported) -> None:
    """Lets `export` take the ONNX and OpenVINO files that it wrote already, since converting takes seconds."""

    def take(path: Path) -> None:
        for name in (path.name, path.with_suffix(".bin").name):
            if (exported / name).is_file():
                shutil.copy(exported / name, path.with_name(name))

    monkeypatch.setattr(export, "write_onnx", lambda program, path: take(path))
    monkeypatch.setattr(export, "write_openvino", lambda program, size, path: take(path))


def contents(folder: Path) -> bytes:
    """The bytes of all files of a model but its sidecar and card; those of a zip file unpacked."""
    parts = []
    for path in folder.iterdir():
        if path.suffix == ".pt2":
            with zipfile.ZipFile(path) as archive:
                parts += [archive.read(name) for name in archive.namelist()]
        elif path.name not in ("model.json", "README.md"):
            parts.append(path.read_bytes())
    return b"".join(parts)


def test_export_writes_three_artefacts_and_their_description(exported):
    names = sorted(path.name for path in exported.iterdir())
    assert names == ["model.json", "model.onnx", "openvino-fp32.bin", "openvino-fp32.xml", "torch.pt2"]
    spec = Model.open(exported).spec
    assert sorted(spec.artefacts) == EXPORTED
    assert (spec.name, spec.size_hw) == ("drawn", (64, 64))
    assert [c.name for c in spec.classes] == ["background", "cat", "dog", "border"]
    assert spec.training["settings"]["encoder_weights"] == "none"
    assert spec.training["validation"].keys() >= {"binary", "trimap", "species"}


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("backend", ["torch", "torchscript", "openvino-fp32", "onnxruntime"])
def test_an_artefact_equals_the_network_it_came_from(exported, network, drawn_pet, backend, count):
    batch = np.stack([drawn_pet(seed, (64, 64))[0] for seed in range(count)])
    with torch.inference_mode():
        expected = network(torch.from_numpy(batch)).numpy()
    logits = open_backend(backend, Model.open(exported)).infer(batch)
    assert logits.shape == (count, 4, 64, 64)
    assert np.abs(logits - expected).max() <= 1e-3


@pytest.mark.parametrize("name", ["openvino-fp32.xml", "openvino-int8.xml"])
def test_an_ir_says_all_its_sizes_but_the_batch(quantized, name):
    # ModelAPI, for one, looks for the number of classes there.
    ir = ov.Core().read_model(quantized / name)
    assert str(ir.inputs[0].partial_shape) == "[?,64,64,3]"
    assert str(ir.outputs[0].partial_shape) == "[?,4,64,64]"


def test_every_artefact_is_under_10_megabytes(quantized):
    spec = Model.open(quantized).spec
    assert sorted(spec.artefacts) == sorted([*EXPORTED, "openvino-int8.xml"])
    for artefact in spec.artefacts.values():
        size = sum((quantized / name).stat().st_size for name in artefact.sha256)
        assert artefact.size_mb == pytest.approx(size / 1e6, abs=1e-3)
        assert size < 10e6
    assert spec.artefacts["openvino-int8.xml"].size_mb < spec.artefacts["openvino-fp32.xml"].size_mb / 2


def test_no_artefact_holds_a_path_of_this_machine(quantized, run):
    data = contents(quantized)
    assert b"segmentation_head" in data
    for path in (REPOSITORY, run.parent, quantized.parent, Path.home()):
        assert str(path).encode() not in data


def test_multiply_adds_are_counted_by_hand():
    # 8 x 8 outputs of 4 channels, 3 x 3 x 2 weights each: 64 * 4 * 18.
    class Pixels(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(2, 4, 3, padding=1)

        def forward(self, batch):
            return self.conv(batch.permute(0, 3, 1, 2)[:, :2].float())

    assert export.multiply_adds(Pixels(), 8) == 64 * 4 * 18


def test_a_size_that_is_no_multiple_of_32_is_refused(run, tmp_path, capsys):
    code = main(["export", "--run", str(run), "--model", str(tmp_path / "model"), "--size", "100"])
    assert code == 2
    assert "error: --size is 100; expected a multiple of 32" in capsys.readouterr().err


def test_export_without_weights_is_refused(tmp_path, capsys):
    assert main(["export", "--run", str(tmp_path), "--model", str(tmp_path / "model")]) == 2
    assert "weights.pt. Run `python -m train fit` first" in capsys.readouterr().err


def test_an_artefact_of_other_weights_is_not_proved(exported):
    torch.manual_seed(1)
    other = networks.build("fastsegnet-cnn").eval()
    with pytest.raises(InferenceError, match=r"torch.pt2 differs from the eager network by .* nothing was written"):
        prove(Model.open(exported), "torch.pt2", other)


def test_an_artefact_that_answers_nan_is_not_proved(exported, network, monkeypatch):
    monkeypatch.setattr(export, "open_backend", lambda name, model: FakeBackend(offset=float("nan")))
    with pytest.raises(InferenceError, match=r"model.onnx differs from the eager network by nan"):
        prove(Model.open(exported), "model.onnx", network)


@pytest.mark.usefixtures("quick_export")
def test_an_export_that_differs_from_the_network_writes_nothing(run, exported, tmp_path, monkeypatch, capsys):
    folder = shutil.copytree(exported, tmp_path / "drawn")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    monkeypatch.setattr(export, "open_backend", lambda name, model: FakeBackend())
    assert main(["export", "--run", str(run), "--model", str(folder), "--force"]) == 2
    assert "torch.pt2 differs from the eager network by" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_quantization_is_calibrated_on_training_pictures_only(quantized, shared_dataset):
    pets = read_trainval(shared_dataset)
    training, validation = ({pet.sha256 for pet in split(pets, name)} for name in ("training", "validation"))
    calibration = Model.open(quantized).spec.training["quantization"]["calibration_sha256"]
    assert len(calibration) == len(set(calibration)) == 10
    assert set(calibration) <= training
    assert not set(calibration) & validation


def test_the_quantized_model_runs_in_int8(quantized, shared_dataset):
    segmenter = Segmenter.open(quantized, "openvino-int8")
    assert segmenter.describe().precision.startswith("INT8")
    segmentation = segmenter.predict(read_split(shared_dataset, "test")[0].photo)
    assert segmentation.mask.shape == (80, 96)
    assert np.isfinite(segmentation.logits).all()


def test_quantization_is_said_with_what_it_cost(quantized):
    quantization = Model.open(quantized).spec.training["quantization"]
    assert quantization["preset"] == "mixed"
    assert quantization["executes"].startswith("INT8")
    for scores in quantization["validation"].values():
        assert scores.keys() == {"binary", "trimap", "species"}


@pytest.mark.usefixtures("quick_export")
def test_exporting_anew_takes_force_and_drops_the_int8_of_the_old_weights(run, quantized, tmp_path, capsys):
    folder = shutil.copytree(quantized, tmp_path / "drawn")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    words = ["export", "--run", str(run), "--model", str(folder)]
    assert main(words) == 2
    assert "model.json is there already. Name another place, or add --force" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert main([*words, "--force"]) == 0
    assert not list(folder.glob("openvino-int8.*"))
    assert sorted(Model.open(folder).spec.artefacts) == EXPORTED


def test_a_card_names_a_run_of_a_command_here_and_else_the_file_alone():
    assert public_name("runs/narrow/weights.pt") == "runs/narrow/weights.pt"
    assert public_name("/home/someone/pets/mobilenet.pth") == "mobilenet.pth"
    assert public_name("none") == "none"
