"""`model.json`: all that a model says about itself, so that its folder is enough to run, check and cite it."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ArtefactError, unknown_name
from engine.files import write_aside

MODELS = Path(__file__).resolve().parent.parent / "models"
FILE_NAME = "model.json"


@dataclass(frozen=True)
class ClassSpec:
    """A class of the logits: its name, its colour (#RRGGBB) and its part.

    `role` is "background", "object" (a user's mask shows it) or "border" (learnt, never shown).
    """

    name: str
    color: str
    role: str


@dataclass(frozen=True)
class ArtefactSpec:
    """A file of the model: its name, the sha256 of each file it consists of, its size, the command that makes it."""

    sha256: dict[str, str]
    size_mb: float
    command: str
    metrics: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """When the network is believed: the thresholds that part "found", "unsure" and "nothing".

    They apply to `engine.segmenter.confidence_of`: the mean, over the mask of a user, of the objects' share of the
    probability that is not the border's. `python -m train threshold` chooses them.

    Attributes:
        found: from here on a pet is found.
        unsure: from here on perhaps; below it, nothing.
    """

    found: float = 0.85
    unsure: float = 0.65


@dataclass(frozen=True)
class ModelSpec:
    """What `models/NAME/model.json` holds.

    Attributes:
        name: the folder's name.
        version: of the weights, semantic.
        network: the architecture's name and its parameters, for a reader; no runtime needs it.
        classes: in the order of the logits' channels; background first, then objects, then perhaps the border.
        size_hw: height and width of `batch` and `logits`, px.
        resize: how a picture becomes that size; "stretch": both sides scaled, Pillow's antialiased bilinear.
        artefacts: by file name, `torch.pt2` and so on.
        training: data, splits, settings, calibration pictures.
        versions: of the libraries that wrote the artefacts.
        commit: of the code that wrote them.
        licence: of the weights.
        finding: when a pet counts as found.
        speed: latencies on a named machine, as `benchmarks/publish.py` measured them; empty before.
        evaluation: what `train card` found on the test split beside the artefacts' metrics; empty before.
    """

    name: str
    version: str
    network: dict[str, Any]
    classes: list[ClassSpec]
    size_hw: tuple[int, int]
    resize: str
    artefacts: dict[str, ArtefactSpec]
    training: dict[str, Any]
    versions: dict[str, str]
    commit: str
    licence: str
    finding: Finding = Finding()
    speed: dict[str, Any] = field(default_factory=dict)
    evaluation: dict[str, Any] = field(default_factory=dict)

    @property
    def objects(self) -> list[ClassSpec]:
        """The classes that a user's mask shows; class id 1 is the first."""
        return [c for c in self.classes if c.role == "object"]

    def save(self, folder: Path) -> None:
        """Writes `model.json`, aside first."""
        with write_aside(folder / FILE_NAME) as partial:
            partial.write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> "ModelSpec":
        """Reads `model.json`.

        Raises:
            ArtefactError: it is missing, no JSON, or lacks a field.
        """
        path = folder / FILE_NAME
        if not path.is_file():
            raise ArtefactError(f"{path} is missing. Make the model with `python -m train export`.")
        try:
            fields = json.loads(path.read_text())
            fields["classes"] = [ClassSpec(**c) for c in fields["classes"]]
            fields["artefacts"] = {name: ArtefactSpec(**a) for name, a in fields["artefacts"].items()}
            fields["size_hw"] = tuple(fields["size_hw"])
            fields["finding"] = Finding(**fields.get("finding", {}))
            return cls(**fields)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise ArtefactError(f"{path} is damaged ({exc}). Restore it or run `python -m train export`.") from exc


@dataclass(frozen=True)
class Model:
    """A model's folder with its `model.json` read."""

    folder: Path
    spec: ModelSpec

    @classmethod
    def open(cls, model: str | Path) -> "Model":
        """Opens a model by the name of its folder under `models/`, or by the path of its folder.

        Raises:
            InputError: there is no model of that name.
            ArtefactError: its `model.json` is missing or damaged.
        """
        folder = Path(model)
        if not folder.is_dir():
            folder = MODELS / model
        if not folder.is_dir():
            raise unknown_name("model", str(model), (p.parent.name for p in MODELS.glob(f"*/{FILE_NAME}")))
        return cls(folder, ModelSpec.load(folder))

    def artefact(self, name: str) -> Path:
        """The path of an artefact, once its files are there and match their sha256.

        Raises:
            ArtefactError: a file is missing, cut short or changed; names it and the command that makes it.
        """
        if name not in self.spec.artefacts:
            raise ArtefactError(f"{self.folder / FILE_NAME} lists no {name}. Make it with `python -m train`.")
        artefact = self.spec.artefacts[name]
        for file_name, expected in artefact.sha256.items():
            path = self.folder / file_name
            if not path.is_file():
                raise ArtefactError(f"{path} is missing. Restore it, or make it with `{artefact.command}`.")
            if sha256_of(path) != expected:
                raise ArtefactError(
                    f"{path} is not the file that {FILE_NAME} describes (its sha256 differs): cut short or changed. "
                    f"Restore it, or make it with `{artefact.command}`."
                )
        return self.folder / name


def sha256_of(path: Path) -> str:
    """Hexadecimal sha256 of a file's bytes."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
