"""Files that are there whole or not at all, and that never replace one of the user's."""

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import InputError, OutputError

FULL_BYTES = 64 * 1024  # a disk with less room than this is full


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; renamed to `path` at the end, removed where writing failed.

    An older `path` survives a full disk or a killed process. What is no file (a pipe, /dev/stdout) is written as is.

    Raises:
        OutputError: it cannot be written; names `path`, whatever failed.
    """
    if path.exists() and not path.is_file() and not path.is_dir():
        with failures_named(path, path):
            yield path
        return
    partial = path.with_name(f".{path.name}.partial")
    with failures_named(path, partial):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def failures_named(path: Path, partial: Path) -> Iterator[None]:
    """Turns what goes wrong with `partial` into an error that names `path`."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and not _is_about(error.filename, path, partial):
            raise
        raise OutputError(f"{path} cannot be written ({error.strerror or error}). Name another place.") from error
    except (RuntimeError, ValueError) as error:  # what torch, OpenVINO and others say of a full disk
        if isinstance(error, InputError) or not _is_full(path.parent):
            raise
        raise OutputError(f"{path} cannot be written (No space left on device). Name another place.") from error


def _is_about(filename: object, path: Path, partial: Path) -> bool:
    named = Path(str(filename))
    return named in (path, partial) or named in path.parents or named.stem == partial.stem


def _is_full(folder: Path) -> bool:
    try:
        return shutil.disk_usage(folder).free < FULL_BYTES
    except OSError:
        return False


class Outputs:
    """Where a command writes: never over a file that it reads or has written, and over another's only by force.

    Args:
        force: replaces files that are there.
    """

    def __init__(self, force: bool = False) -> None:
        self._force = force
        self._read: list[Path] = []
        self._written: set[Path] = set()

    def protect(self, paths: Iterable[Path]) -> None:
        """Files that the command reads: nothing is written over them, not even by force."""
        self._read += [path for path in paths if path.exists()]

    def check(self, path: Path) -> Path:
        """`path`, if it may be written.

        Raises:
            InputError: something is there that would be lost.
        """
        if path.resolve() in self._written:
            raise InputError(f"{path} was written just now and would be replaced. Name another place.")
        if path.is_dir():
            raise InputError(f"{path} is a folder. Name a file.")
        if not path.is_file():
            return path
        if any(path.samefile(read) for read in self._read if read.exists()):
            raise InputError(f"{path} is read by this command and would be replaced. Name another place.")
        if not self._force and path.stat().st_size:  # an empty file has nothing to lose
            raise InputError(f"{path} is there already. Name another place, or add --force to replace it.")
        return path

    @contextmanager
    def write(self, path: Path) -> Iterator[Path]:
        """A path to write to; renamed to `path` at the end, see `write_aside`.

        Raises:
            InputError: something is there that would be lost.
            OutputError: it cannot be written.
        """
        with write_aside(self.check(path)) as partial:
            yield partial
        self._written.add(path.resolve())
