"""Options and words that several commands share."""

import argparse
import shlex
import sys
from pathlib import Path

from engine.backends import BACKENDS
from engine.progress import PRINTERS
from engine.segmenter import DEFAULT_BACKEND, DEFAULT_MODEL


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="M", help="a folder of models/, or a path")


def add_backend(parser: argparse.ArgumentParser, default: str | None = DEFAULT_BACKEND) -> None:
    parser.add_argument("--backend", default=default, metavar="B", help=", ".join(BACKENDS))


def add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there")


def add_progress(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--progress", choices=PRINTERS, default="bar", help="for a person, or a JSON object a line")


def add_allocator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--torch-allocator", choices=("default", "tuned"), default="default",
        help="tuned: the whole process runs with glibc told to keep its memory, PyTorch's best case",
    )  # fmt: skip


def complain(message: object) -> int:
    """Says what went wrong on stderr; the exit status of bad input."""
    print(f"error: {message}", file=sys.stderr)
    return 2


def repeating(args: argparse.Namespace, **options: object) -> str:
    """The command line that measures the same again, without where its result goes."""
    words = ["python -m engine", args.name]
    if args.model != DEFAULT_MODEL:
        words.append(f"--model {shlex.quote(args.model)}")
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif value not in (None, False):
            words.append(f"{flag} {value:g}" if isinstance(value, float) else f"{flag} {shlex.quote(str(value))}")
    return " ".join(words)
