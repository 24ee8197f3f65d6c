"""The table of scores: every artefact of every model on the same photos, and what INT8 costs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from engine.backends import BACKENDS
from engine.dataset import Sample
from engine.errors import ArtefactError, BackendUnavailableError
from engine.evaluate import SCORED_BY, Evaluation, OnPhoto, evaluate_together
from engine.intervals import difference
from engine.progress import counting
from engine.segmenter import DEFAULT_BACKEND, Segmenter
from engine.spec import FILE_NAME, MODELS, Model

FP32_IR, INT8_IR = "openvino-fp32.xml", "openvino-int8.xml"
NOBODY: Mapping[str, OnPhoto] = MappingProxyType({})


@dataclass
class ModelScores:
    """A model with those of its artefacts that open on this machine, and their scores once there are some.

    Attributes:
        name: as the model was asked for.
        model: its folder and model.json.
        segmenters: by artefact.
        unavailable: by artefact, why it does not open.
        evaluations: by artefact.
    """

    name: str
    model: Model
    segmenters: dict[str, Segmenter]
    unavailable: dict[str, str]
    evaluations: dict[str, Evaluation] = field(default_factory=dict)

    @classmethod
    def open(cls, name: str | Path) -> "ModelScores":
        """Opens all artefacts, each on the first backend that reads it.

        Raises:
            InputError: there is no model of that name.
            ArtefactError: its model.json is missing or damaged, or none of its artefacts opens.
        """
        model = Model.open(name)
        segmenters, unavailable = {}, {}
        for artefact, backend in SCORED_BY.items():
            try:
                segmenters[artefact] = Segmenter.open(model.folder, backend)
            except (ArtefactError, BackendUnavailableError) as error:
                unavailable[artefact] = str(error)
        if not segmenters:
            raise ArtefactError(f"No artefact of {name} opens here. {' '.join(unavailable.values())}")
        return cls(str(name), model, segmenters, unavailable)

    def int8_minus_fp32(self) -> dict[str, dict]:
        """What INT8 changes in each headline score, with its paired interval; empty where one of the two is missing."""
        if not {INT8_IR, FP32_IR} <= self.evaluations.keys():
            return {}
        return difference(self.evaluations[INT8_IR].scores, self.evaluations[FP32_IR].scores)

    def report(self) -> dict:
        """An entry of the "models" of `evaluate --json`."""
        artefacts = {
            artefact: {"backend": SCORED_BY[artefact], **evaluation.report()}
            for artefact, evaluation in self.evaluations.items()
        }
        return {
            "version": self.model.spec.version,
            "artefacts": artefacts,
            "unavailable": self.unavailable,
            "int8_minus_fp32": self.int8_minus_fp32(),
        }

    @property
    def shown(self) -> str:
        """The artefact whose details are told: what the default backend runs, or else the first that opened."""
        default = BACKENDS[DEFAULT_BACKEND][1]
        return default if default in self.segmenters else next(iter(self.segmenters))


def committed_models() -> list[str]:
    """The names of the models in models/."""
    return sorted(path.parent.name for path in MODELS.glob(f"*/{FILE_NAME}"))


def score_models(models: Sequence[ModelScores], samples: list[Sample], told: Mapping[str, OnPhoto] = NOBODY) -> None:
    """Scores all artefacts of all models; one progress over everything.

    Args:
        models: opened; their `evaluations` are filled.
        samples: the photos.
        told: of each photo of a model, by the model's name.

    Raises:
        InputError: a photo or a trimap cannot be read, or they differ in size.
    """
    total = len(samples) * sum(len(each.segmenters) for each in models)
    with counting(total, "evaluating") as advance:
        for each in models:
            listeners = [told[each.name]] if each.name in told else []
            each.evaluations = evaluate_together(
                each.segmenters, samples, lambda sample, seen: advance(len(seen)), *listeners
            )
