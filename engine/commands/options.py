"""Options that several commands share."""

import argparse

from engine import allocator
from engine.backends import BACKENDS
from engine.segmenter import DEFAULT_MODEL

ALLOCATORS = ("default", "tuned")


def add_model(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", metavar="M", help="a folder of models/, or a path")


def add_backend(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--backend", metavar="B", help=", ".join(BACKENDS))


def add_allocator(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--torch-allocator", choices=ALLOCATORS,
        help="tuned: glibc is told to keep its memory, PyTorch's best case",
    )  # fmt: skip


def use_allocator(name: str) -> str | None:
    """Tunes the allocator where that is asked for; its name as a command line has it, not at all where it is the usual.

    Args:
        name: of `ALLOCATORS`.
    """
    if name == "default":
        return None
    allocator.tune()
    return name


def model_option(model: str) -> str | None:
    """The model as a command line names it: not at all where it is the usual one."""
    return None if model == DEFAULT_MODEL else model
