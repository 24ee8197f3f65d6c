"""What each part of the training recipe is worth: short, equal runs that differ from a base by one option.

    python -m train ablate --data ROOT --run runs/ablation --variants base,focal,dice

Takes the options of `fit`, which make the base, and is as `fit` trains: every variant is a run of its own in a folder
of --run. What is finished is not run again, what broke off goes on. After each variant the table is written anew, to
`table.md` in --run.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from engine.command import Outcome, names, words_of
from engine.errors import InputError, unknown_name
from engine.files import write_aside
from engine.progress import track
from train import checkpoint, fit
from train.recipe import CACHE, Recipe, add_places, check_same_run
from train.recipe import add_arguments as add_recipe
from train.validation import SCORES

# What a variant changes; "teacher" takes that of --teacher, which the others do without.
VARIANTS: dict[str, dict[str, object]] = {
    "base": {},
    "no-lovasz": {"lovasz": 0.0},
    "dice": {"dice": 0.5},
    "focal": {"focal": 2.0},
    "ohem": {"ohem": 0.25},
    "class-balance": {"class_balance": 0.5},
    "border-species": {"border_species": 0.5},
    "no-scenes": {"scenes": 0.0},
    "multi-scale": {"scales": "0.75,1,1.25"},
    "no-average": {"ema_decay": 0.0},
    "frozen-stem": {"freeze": 4},
    "teacher": {},
}
EPOCHS, SIZE = 4, 192
ALL = ("all",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_places(parser)
    add_recipe(parser)
    parser.add_argument("--variants", type=names, help=f"all, or some of {','.join(VARIANTS)}")


def run(
    *,
    data: Path,
    run: Path = Path("runs/ablation"),
    cache: Path = CACHE,
    variants: tuple[str, ...] = ALL,
    epochs: int = EPOCHS,
    size: int = SIZE,
    **settings: Any,
) -> Outcome:
    """Trains each variant and tells what it is worth.

    Args:
        data: root of the dataset.
        run: folder of the variants' runs and of the table.
        cache: folder of the decoded pictures.
        variants: of `VARIANTS`, or "all".
        epochs: of each.
        size: side of a training picture, px.
        settings: of `Recipe`, by name: the base.

    Returns:
        "settings" of the base, and "variants": by name "changed", "seconds" and the scores.

    Raises:
        InputError: an option cannot be used, or what is there was made with other options.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("ablate runs in one process. Start it with python, not with torchrun.")
    recipe = Recipe(epochs=epochs, size=size, **settings)
    chosen = {name: variant(recipe, name) for name in chosen_variants(variants, recipe)}
    for each in chosen.values():
        each.check()
    base = variant(recipe, "base")
    rows: dict[str, dict] = {}
    for number, (name, each) in enumerate(track(chosen.items(), "variants", len(chosen)), start=1):
        changed = said(base, each)
        print(f"{number} of {len(chosen)}: {name}, {changed}", flush=True)
        started = time.perf_counter()
        history = finished(run / name, each) or trained(run / name, each, data, cache)
        rows[name] = {"changed": changed, "seconds": sum(row["seconds"] for row in history)}
        rows[name] |= {score: history[-1][score] for score in SCORES}
        with write_aside(run / "table.md") as partial:
            partial.write_text(table(rows) + "\n")
        print(f"{name} took {time.perf_counter() - started:.0f} s; {len(chosen) - number} to go", flush=True)
    print(table(rows))
    print(f"wrote {run / 'table.md'}")
    return Outcome({"settings": base.settings(), "variants": rows})


def chosen_variants(variants: tuple[str, ...], recipe: Recipe) -> list[str]:
    """The variants that are asked for.

    Raises:
        InputError: one is unknown, or there is no teacher for the variant of that name.
    """
    has_teacher = recipe.teacher != "none"
    if variants == ALL:
        return [name for name in VARIANTS if name != "teacher" or has_teacher]
    for name in variants:
        if name not in VARIANTS:
            raise unknown_name("variant", name, VARIANTS)
    if "teacher" in variants and not has_teacher:
        raise InputError("The variant teacher has none. Name one with --teacher.")
    return list(dict.fromkeys(variants))


def variant(recipe: Recipe, name: str) -> Recipe:
    """The options of a variant's run."""
    changed: dict[str, Any] = {"teacher": recipe.teacher if name == "teacher" else "none", **VARIANTS[name]}
    return replace(recipe, **changed)


def said(base: Recipe, recipe: Recipe) -> str:
    """How the options differ from the base, as they are given on the command line."""
    before = base.settings()
    changed = {key: str(value) for key, value in recipe.settings().items() if value != before[key]}
    return " ".join(words_of(**changed)) or "the base"


def finished(folder: Path, recipe: Recipe) -> list[dict] | None:
    """The history of a run that is at its end, or None.

    Raises:
        InputError: what is there was made with other options, or cannot be read.
    """
    path = folder / "weights.pt"
    if not path.is_file():
        return None
    weights = checkpoint.load(path)
    check_same_run(path, weights["settings"], recipe.settings())
    return weights["history"]


def trained(folder: Path, recipe: Recipe, data: Path, cache: Path) -> list[dict]:
    """The history of a run, from its checkpoint where there is one."""
    resume = (folder / "checkpoint.pt").is_file()
    return fit.run(data=data, run=folder, cache=cache, resume=resume, **vars(recipe)).result["history"]


def table(rows: dict[str, dict]) -> str:
    """Markdown: IoU in points by variant."""
    lines = [
        "| variant | changed | " + " | ".join(score.replace("_", " ") for score in SCORES) + " | seconds |",
        "|---|---|" + "---|" * (len(SCORES) + 1),
    ]
    for name, row in rows.items():
        points = " | ".join(f"{100 * row[score]:.2f}" for score in SCORES)
        changed = row["changed"] if name == "base" else f"`{row['changed']}`"
        lines.append(f"| {name} | {changed} | {points} | {row['seconds']:.0f} |")
    return "\n".join(lines)
