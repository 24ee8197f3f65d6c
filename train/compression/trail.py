"""The trail of a quantization: which options were compared on which pictures, what each cost, which one was chosen.

A JSON file, written aside after every row, so that a stopped comparison goes on where it was.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from engine.errors import InputError
from engine.files import write_aside
from engine.spec import ArtefactSpec
from train.compression.ptq import QuantizationOptions, options_in_words
from train.compression.scores import SCORES, worst_drop

# Points of IoU within which two rows are alike. 214 pictures tell no smaller difference: one picture moves the mean
# of them by as much where its own IoU changes by 0.1.
TIE = 0.05
RULE = (
    "The smallest worst drop of binary, mean image, trimap and species IoU; a gain counts as no drop. Rows within "
    f"{TIE} points of it are alike, and of those the one with the fewest departures from the defaults is taken, then "
    "the one with the smallest sum of drops. Overflow fix off is compared but never taken: what it breaks on CPUs "
    "without VNNI cannot be seen on one that has it."
)


@dataclass(frozen=True)
class Attempt:
    """One way to quantize, and what came of it.

    Attributes:
        choices: what was asked of NNCF.
        drop: in points of IoU, by the names of `train.compression.scores.SCORES`; empty where NNCF failed.
        scores: of the INT8 model, 0 to 1, by the same names.
        size_mb: of the IR.
        executes: the precision that the convolutions really execute in.
        seconds: of quantizing, without scoring.
        failed: NNCF's reason, or "".
    """

    choices: QuantizationOptions
    drop: dict[str, float] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    size_mb: float = 0.0
    executes: str = ""
    seconds: float = 0.0
    failed: str = ""

    @property
    def worst(self) -> float:
        """The largest drop of the judged scores in points, a gain as 0."""
        return max(0.0, worst_drop(self.drop))


@dataclass
class Trail:
    """All rows of one model.

    Attributes:
        model: its name.
        source: sha256 of the files of the FP32 IR.
        validation: sha256 of the pictures that the scores are of.
        fp32: the FP32 model's scores.
    """

    model: str
    source: dict[str, str]
    validation: list[str]
    fp32: dict[str, float]
    rows: list[Attempt] = field(default_factory=list)

    def find(self, choices: QuantizationOptions) -> Attempt | None:
        return next((row for row in self.rows if row.choices == choices), None)

    def check_model(self, artefact: ArtefactSpec, path: Path) -> None:
        """Refuses the trail of another model.

        Raises:
            InputError: the FP32 IR is not the one that was quantized here.
        """
        if self.source != artefact.sha256:
            raise InputError(
                f"{path} is the trail of another model (the sha256 of its FP32 IR differs). "
                "Name the trail of this one, or another file to begin anew."
            )

    def as_json(self) -> dict:
        """All of it, the rule, and the choice with its reason once there is one."""
        result = asdict(self) | {"rule": RULE}
        if best := choose(self.rows):
            result["chosen"], result["reason"] = asdict(best.choices), reason(best, self.rows)
        return result

    def save(self, path: Path) -> None:
        """Writes JSON and, beside it, the table as Markdown."""
        with write_aside(path) as partial:
            partial.write_text(json.dumps(self.as_json(), indent=2) + "\n")
        with write_aside(path.with_suffix(".md")) as partial:
            partial.write_text(self.table() + "\n")

    @classmethod
    def load(cls, path: Path) -> "Trail":
        """Reads what `save` wrote.

        Raises:
            InputError: the file is missing or is no trail.
        """
        if not path.is_file():
            raise InputError(f"There is no trail {path}. Make it with `python -m train compare`.")
        try:
            read = json.loads(path.read_text())
            rows = [Attempt(**{**row, "choices": QuantizationOptions(**row["choices"])}) for row in read["rows"]]
            return cls(**{each.name: read[each.name] for each in fields(cls) if each.name != "rows"}, rows=rows)
        except (ValueError, TypeError, KeyError, AttributeError) as exc:
            raise InputError(f"{path} is no trail of a quantization ({exc}). Remove it and begin anew.") from exc

    def table(self) -> str:
        """The rows in Markdown: drops in points of IoU, the chosen row in bold."""
        best = choose(self.rows)
        lines = [
            f"| {self.model}, {len(self.validation)} pictures | {' | '.join(SCORES)} | worst | MB | executes | s |",
            "|---|" + "---|" * (len(SCORES) + 4),
            f"| FP32, IoU | {' | '.join(f'{self.fp32[name]:.4f}' for name in SCORES)} | | | | |",
        ]
        for row in self.rows:
            name = options_in_words(row.choices.changed())
            if row.failed:
                lines.append(f"| {name}: failed |" + " |" * (len(SCORES) + 4))
                continue
            cells = [f"{row.drop[score]:+.2f}" for score in SCORES]
            cells += [f"{row.worst:.2f}", f"{row.size_mb:.2f}", row.executes, f"{row.seconds:.0f}"]
            name = f"**{name}**" if row == best else name
            lines.append(f"| {name} | {' | '.join(cells)} |")
        return "\n".join(lines)

    def compact(self) -> list[dict]:
        """The rows for model.json: what was changed, the drops in points rounded to a hundredth."""
        return [
            {"changed": row.choices.changed()}
            | ({"failed": row.failed} if row.failed else {"drop": {k: round(v, 2) for k, v in row.drop.items()}})
            for row in self.rows
        ]


def choose(rows: Sequence[Attempt]) -> Attempt | None:
    """The row that `RULE` takes; None where there is none to take."""
    candidates = takeable(rows)
    if not candidates:
        return None
    least = min(row.worst for row in candidates)
    alike = [row for row in candidates if row.worst <= least + TIE]
    return min(alike, key=lambda row: (len(row.choices.changed()), sum(row.drop.values())))


def takeable(rows: Sequence[Attempt]) -> list[Attempt]:
    """The rows that may be taken."""
    return [row for row in rows if not row.failed and row.choices.overflow_fix != "off"]


def reason(best: Attempt, rows: Sequence[Attempt]) -> str:
    """Why a row was taken, in one sentence."""
    candidates = takeable(rows)
    text = f"Of {len(candidates)} ways that could be taken, {options_in_words(best.choices.changed())}"
    lost = f"{best.worst:.2f} points at worst"
    if best.worst <= min(row.worst for row in candidates):
        return f"{text} lost the least: {lost}."
    return f"{text} came within {TIE} points of the least loss with the fewest changes: {lost}."


def standing(row: Attempt, rows: Sequence[Attempt]) -> str:
    """How a row that somebody named compares with the others, in one sentence."""
    losses = [each.worst for each in rows if not each.failed]
    best = f"Of {len(losses)} ways compared the least loss was {min(losses):.2f} points at worst"
    return f"{best}, and this one lost {row.worst:.2f}."
