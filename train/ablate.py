"""What each part of the training recipe is worth: short, equal runs that differ from a base by one option.

    python -m train ablate --data ROOT --run runs/ablation --variants base,focal,dice

Takes the options of `fit`, which make the base, and is as `fit` trains: every variant is a run of its own in a folder
of --run. What is finished is not run again, what broke off goes on. After each variant the table is written anew, to
`table.md` in --run (and as JSON where --json says).
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from engine.allocator import restart_tuned
from engine.errors import InputError, unknown_name
from engine.files import write_aside
from train import checkpoint, fit, recipe
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    recipe.add_arguments(parser)
    parser.add_argument("--variants", default="all", help=f"all, or some of {','.join(VARIANTS)}")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(run=Path("runs/ablation"), epochs=EPOCHS, size=SIZE)
    parser.set_defaults(stop_after=None, validate_every=1, keep_every=None)


def run(args: argparse.Namespace) -> None:
    restart_tuned("train", sys.argv[1:])
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InputError("ablate runs in one process. Start it with python, not with torchrun.")
    names = chosen(args)
    runs = {name: variant(args, name) for name in names}
    for options in runs.values():
        recipe.check(options)
    rows: dict[str, dict] = {}
    for number, (name, options) in enumerate(runs.items(), start=1):
        print(f"{number} of {len(runs)}: {name}, {said(args, options)}", flush=True)
        started = time.perf_counter()
        history = finished(options) or trained(options)
        rows[name] = {"changed": said(args, options), "seconds": sum(row["seconds"] for row in history)}
        rows[name] |= {score: history[-1][score] for score in SCORES}
        write(args, rows)
        print(f"{name} took {time.perf_counter() - started:.0f} s; {len(runs) - number} to go", flush=True)
    print(table(rows))
    print(f"wrote {args.run / 'table.md'}")


def chosen(args: argparse.Namespace) -> list[str]:
    """The variants that --variants names.

    Raises:
        InputError: one is unknown, or there is no teacher for the variant of that name.
    """
    has_teacher = args.teacher != "none"
    if args.variants == "all":
        return [name for name in VARIANTS if name != "teacher" or has_teacher]
    names = list(dict.fromkeys(args.variants.split(",")))
    for name in names:
        if name not in VARIANTS:
            raise unknown_name("variant", name, VARIANTS)
    if "teacher" in names and not has_teacher:
        raise InputError("The variant teacher has none. Name one with --teacher.")
    return names


def variant(args: argparse.Namespace, name: str) -> argparse.Namespace:
    """The options of a variant's run."""
    changed = {"teacher": args.teacher if name == "teacher" else "none", **VARIANTS[name], "run": args.run / name}
    return argparse.Namespace(**vars(args) | changed)


def said(args: argparse.Namespace, options: argparse.Namespace) -> str:
    """How the options differ from the base, as they are given on the command line."""
    base = recipe.settings_of(variant(args, "base"))
    changed = {key: value for key, value in recipe.settings_of(options).items() if value != base[key]}
    words = (f"--{key.replace('_', '-')} {value}" for key, value in changed.items())
    return " ".join(words) or "the base"


def finished(options: argparse.Namespace) -> list[dict] | None:
    """The history of a run that is at its end, or None.

    Raises:
        InputError: what is there was made with other options, or cannot be read.
    """
    path = options.run / "weights.pt"
    if not path.is_file():
        return None
    weights = checkpoint.load(path)
    recipe.check_same_run(path, weights["settings"], recipe.settings_of(options))
    return weights["history"]


def trained(options: argparse.Namespace) -> list[dict]:
    """The history of a run, from its checkpoint where there is one."""
    options.resume = (options.run / "checkpoint.pt").is_file()
    fit.run(options)
    return checkpoint.load(options.run / "weights.pt")["history"]


def write(args: argparse.Namespace, rows: dict[str, dict]) -> None:
    """Writes the table so far."""
    with write_aside(args.run / "table.md") as partial:
        partial.write_text(table(rows) + "\n")
    if args.json:
        figures = {"settings": recipe.settings_of(variant(args, "base")), "variants": rows}
        with write_aside(args.json) as partial:
            partial.write_text(json.dumps(figures, indent=2) + "\n")


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
