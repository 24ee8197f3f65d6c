"""Teachers: networks whose answers a smaller one learns beside the annotation (`python -m train fit --teacher`).

    MODEL or its folder    one of ours, by its torch.pt2; it sees pictures of the model's own size
    weights.pt             of a run, or the run's folder; it sees pictures of the size that the run had
    *.pth                  `deeplabv3_mobilenet_v2_voc.pth` (train/networks/deeplab.py); it sees 513 px and knows
                           background, cat and dog but no border, so it teaches where the annotation is no border

A teacher sees the training picture as the student does, resized; it gives probabilities, resized to the student's
pixels. It learns nothing, draws nothing and is told nothing else, so its answers are the same in a resumed run.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from engine import dataset
from engine.backends import torch_eager
from engine.errors import EngineError, InputError
from engine.spec import Model, sha256_of
from train import checkpoint, networks
from train.networks import deeplab
from train.scales import resize_images, resize_planes

DEEPLAB_SIDE = 513  # what it was trained on


NAMED_CLASSES = 3  # background, cat, dog: a teacher knows these at least
Infer = Callable[[torch.Tensor], torch.Tensor]
"""From images uint8 (N, side, side, 3) RGB to probabilities float32 (N, K, side, side)."""


@dataclass(frozen=True)
class Teacher:
    """A network that answers and does not learn.

    Attributes:
        infer: its answers, probabilities of the first K classes of `engine.dataset.CLASSES`.
        side: of what it sees, px.
        sha256: of its file: the same file gives the same answers.
        device: where it runs.
        precision: of its forward pass.
    """

    infer: Infer
    side: int
    sha256: str
    device: torch.device
    precision: torch.dtype

    @torch.no_grad()
    def __call__(self, images: torch.Tensor, side: int) -> torch.Tensor:
        """Probabilities of the first K classes: float32 (N, K, side, side), from images uint8 (N, H, W, 3)."""
        seen = resize_images(images, self.side)
        with torch.autocast(self.device.type, self.precision, enabled=self.precision != torch.float32):
            answers = self.infer(seen)
        return resize_planes(answers, side)


def open_teacher(source: str, side: int | None, device: torch.device, precision: torch.dtype) -> Teacher | None:
    """The teacher that `source` names, on `device`; None for "none".

    Args:
        source: as in the module's description.
        side: of what it sees, px; None for its own.

    Raises:
        InputError: there is none, its file cannot be read, it names other classes, or it cannot see that size.
    """
    if source == "none":
        return None
    path = Path(source)
    if (path / "weights.pt").is_file():
        path = path / "weights.pt"
    try:
        if path.suffix == ".pth":
            return Teacher(load_deeplab(path, device), deeplab_side(side), sha256_of(path), device, precision)
        if path.suffix == ".pt":
            infer, own_side = load_run(path, device)
            return Teacher(infer, side or own_side, sha256_of(path), device, precision)
        model = open_model(source)
        if side not in (None, model.spec.size_hw[0]):
            raise InputError(f"it sees {model.spec.size_hw[0]} px and no other size. Leave --teacher-size out.")
        path = model.artefact("torch.pt2")
        infer = softmax_of(torch_eager.load(path, model.spec).to(device))
        return Teacher(infer, model.spec.size_hw[0], sha256_of(path), device, precision)
    except EngineError as exc:
        raise InputError(f"--teacher {source}: {exc}") from exc


def open_model(source: str) -> Model:
    """A model of ours whose classes are the student's, or the first of them, and which sees squares."""
    model = Model.open(source)
    names = tuple(c.name for c in model.spec.classes)
    if len(names) < NAMED_CLASSES or names != dataset.CLASSES[: len(names)]:
        raise InputError(f"its classes are {', '.join(names)}; expected {', '.join(dataset.CLASSES)}.")
    height, width = model.spec.size_hw
    if height != width:
        raise InputError(f"it sees {height} x {width} px; expected a square.")
    return model


def load_run(path: Path, device: torch.device) -> tuple[Infer, int]:
    """What a run's weights answer, and the side that it was trained with."""
    weights = checkpoint.load(path)
    try:
        settings, options, state = weights["settings"], weights["options"], weights["state_dict"]
        network = networks.build(settings["network"], **options)
        network.load_state_dict(state)
        if options["num_classes"] != len(dataset.CLASSES):
            raise InputError(f"it has {options['num_classes']} classes; expected {', '.join(dataset.CLASSES)}.")
    except (KeyError, TypeError, RuntimeError) as exc:  # load_state_dict has no error type of its own
        raise InputError(f"it is no weights.pt of a run ({exc}). Name the one that `fit` wrote at its end.") from exc
    return softmax_of(network.eval().requires_grad_(False).to(device)), settings["size"]


def load_deeplab(path: Path, device: torch.device) -> Infer:
    """What DeepLab answers about background, cat and dog."""
    network = deeplab.DeepLab().eval().requires_grad_(False)
    state = checkpoint.load(path)
    try:
        network.load_state_dict(state)
    except (RuntimeError, TypeError, AttributeError) as exc:
        text = str(exc).splitlines()[0]
        raise InputError(f"it is no DeepLab of train/networks/deeplab.py ({text}). Name its weights.") from exc
    network.to(device)
    return lambda images: deeplab.pet_probabilities(network(images).float(), images.shape[1])


def deeplab_side(side: int | None) -> int:
    """The side that DeepLab sees: its own, or one whose corners lie on its grid."""
    if side is not None and side % deeplab.STRIDE != 1:
        raise InputError(f"it sees sides one more than a multiple of {deeplab.STRIDE}, such as 257, and not {side}.")
    return side or DEEPLAB_SIDE


def softmax_of(network: nn.Module) -> Infer:
    """The probabilities of a network that gives logits."""
    return lambda images: network(images).float().softmax(dim=1)
