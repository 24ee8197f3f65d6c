"""A teacher answers as the network that it is, at the student's size; what is none is refused."""

import json
import shutil

import pytest
import torch

from engine.errors import InputError
from engine.spec import Model
from train import checkpoint, networks
from train.networks.deeplab import CAT, DOG, DeepLab, pet_probabilities
from train.teacher import Teacher, open_teacher

CPU = torch.device("cpu")


@pytest.fixture
def images(drawn_pet) -> torch.Tensor:
    return torch.stack([torch.from_numpy(drawn_pet(seed, (64, 64))[0]) for seed in range(3)])


@pytest.fixture(scope="module")
def deeplab_weights(tmp_path_factory):
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "deeplab.pth"
    torch.save(DeepLab().state_dict(), path)
    return path


def opened(source: object, side: int | None = None) -> Teacher:
    return open_teacher(str(source), side, CPU, torch.float32)


@torch.no_grad()
def test_a_run_teaches_what_its_network_answers(run, images):
    weights = checkpoint.load(run / "weights.pt")
    network = networks.build("fastsegnet-cnn").eval()
    network.load_state_dict(weights["state_dict"])
    taught = opened(run / "weights.pt")(images, 64)  # the run's own size is 64 px
    torch.testing.assert_close(taught, network(images).softmax(1))
    torch.testing.assert_close(opened(run)(images, 64), taught)


def test_a_model_teaches_what_its_run_does(run, exported, images):
    torch.testing.assert_close(opened(exported)(images, 64), opened(run)(images, 64), atol=1e-4, rtol=1e-3)


def test_answers_come_at_the_size_of_the_student(exported, run, images):
    for teacher in (opened(exported), opened(run), opened(run, side=96)):
        taught = teacher(images, 32)
        assert (taught.shape, taught.dtype) == ((3, 4, 32, 32), torch.float32)
        torch.testing.assert_close(taught.sum(1), torch.ones(3, 32, 32))


def test_a_teacher_learns_nothing_and_draws_nothing(run, exported, deeplab_weights, images):
    for source, side in ((run, None), (exported, None), (deeplab_weights, 65)):
        teacher = opened(source, side)
        before = torch.get_rng_state()
        taught = teacher(images, 64)
        assert not taught.requires_grad
        assert torch.equal(torch.get_rng_state(), before)
        assert torch.equal(teacher(images, 64), taught)


def test_half_the_precision_gives_nearly_the_same(run, images):
    teacher = opened(run)
    rough = open_teacher(str(run), None, CPU, torch.bfloat16)
    torch.testing.assert_close(rough(images, 64), teacher(images, 64), atol=0.05, rtol=0)
    assert rough(images, 64).dtype == torch.float32


def test_voc_classes_other_than_cat_and_dog_are_background():
    # All equal: 19 of 21, 1 and 1. A cat surer than all others together by a factor e: e / (20 / 20 + e) of log 20.
    logits = torch.zeros(1, 21, 2, 2)
    torch.testing.assert_close(pet_probabilities(logits, 17)[0, :, 8, 8], torch.tensor([19 / 21, 1 / 21, 1 / 21]))
    logits[:, DOG] = 50.0
    assert pet_probabilities(logits, 17)[0, 2].min() > 0.999
    logits[:, CAT] = 100.0
    assert pet_probabilities(logits, 17)[0, 1].min() > 0.999


def test_the_corners_of_deeplabs_answers_are_the_corners_of_the_picture():
    logits = torch.zeros(1, 21, 2, 2)
    logits[0, CAT, 0, 1] = 10.0
    answers = pet_probabilities(logits, 17)[0, 1]
    assert answers[0, 16] == answers.max() == pytest.approx(torch.e**10 / (torch.e**10 + 20), abs=1e-5)
    # A quarter of the way along the edge, 4 of 16 steps between pixels, the logit is a quarter: e ** 2.5 beside 20.
    assert answers[0, 4].item() == pytest.approx(torch.e**2.5 / (torch.e**2.5 + 20), abs=1e-5)


@torch.no_grad()
def test_deeplab_answers_at_stride_16(deeplab_weights, images):
    assert DeepLab().eval()(torch.zeros(1, 65, 65, 3, dtype=torch.uint8)).shape == (1, 21, 5, 5)
    taught = opened(deeplab_weights, 65)(images, 64)
    assert taught.shape == (3, 3, 64, 64)
    torch.testing.assert_close(taught.sum(1), torch.ones(3, 64, 64))
    assert opened(deeplab_weights).side == 513


def test_no_teacher_is_none():
    assert open_teacher("none", None, CPU, torch.float32) is None


def test_a_model_of_other_classes_is_refused(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "birds")
    sidecar = json.loads((folder / "model.json").read_text())
    sidecar["classes"][1]["name"] = "bird"
    (folder / "model.json").write_text(json.dumps(sidecar))
    with pytest.raises(
        InputError, match=r"birds: its classes are background, bird, dog, border; expected background, cat"
    ):
        opened(folder)


def test_a_model_without_its_program_is_refused(exported, tmp_path):
    folder = shutil.copytree(exported, tmp_path / "lost")
    (folder / "torch.pt2").unlink()
    with pytest.raises(InputError, match=r"--teacher .*torch.pt2 is missing. Restore it"):
        opened(folder)
    (folder / "torch.pt2").write_bytes(b"")
    with pytest.raises(InputError, match=r"is not the file that model.json describes"):
        opened(folder)


def test_a_folder_that_is_no_model_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--teacher .*model.json is missing. Make the model with"):
        opened(tmp_path)


def test_a_model_sees_its_own_size_only(exported):
    assert Model.open(exported).spec.size_hw == (64, 64)
    assert opened(exported, 64).side == 64
    with pytest.raises(InputError, match=r"it sees 64 px and no other size. Leave --teacher-size out"):
        opened(exported, 96)


def test_deeplab_sees_sides_of_its_grid_only(deeplab_weights):
    with pytest.raises(InputError, match=r"sides one more than a multiple of 16, such as 257, and not 256"):
        opened(deeplab_weights, 256)


def test_a_file_of_other_weights_is_refused(run, tmp_path):
    torch.save({"layer1.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    with pytest.raises(InputError, match=r"resnet.pth: it is no DeepLab of train/networks/deeplab.py \(Error"):
        opened(tmp_path / "resnet.pth")
    with pytest.raises(InputError, match=r"checkpoint.pt: it is no weights.pt of a run \('state_dict'\). Name the one"):
        opened(run / "checkpoint.pt")
    weights = checkpoint.load(run / "weights.pt")
    weights["state_dict"].pop("segmentation_head.2.weight")
    checkpoint.save(weights, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"it is no weights.pt of a run \(Error"):
        opened(tmp_path / "weights.pt")
    (tmp_path / "letter.pth").write_text("Dear cat,")
    with pytest.raises(InputError, match=r"letter.pth cannot be read"):
        opened(tmp_path / "letter.pth")


def test_a_run_of_other_classes_is_refused(run, tmp_path):
    weights = checkpoint.load(run / "weights.pt")
    weights["options"]["num_classes"] = 3
    weights["state_dict"] = networks.build("fastsegnet-cnn", num_classes=3).state_dict()
    checkpoint.save(weights, tmp_path / "weights.pt")
    with pytest.raises(InputError, match=r"it has 3 classes; expected background, cat, dog, border"):
        opened(tmp_path)
