"""A file is there whole or not at all, and what is the user's stays."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import InputError, OutputError
from engine.files import Outputs, write_aside

FULL = Path("/dev/full")  # every write to it finds the disk full
needs_full = pytest.mark.skipif(not FULL.exists(), reason="Linux alone has /dev/full")


@pytest.fixture
def kept(tmp_path) -> Path:
    """A file of the user's."""
    path = tmp_path / "kept.txt"
    path.write_text("mine")
    return path


def write(outputs: Outputs, path: Path, text: str = "new") -> None:
    with outputs.write(path) as partial:
        partial.write_text(text)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def write_by(writer: Callable[[Path], object], path: Path) -> None:
    with write_aside(path) as partial:
        writer(partial)


def fail_as_torch(path: Path) -> None:
    raise RuntimeError("PytorchStreamWriter failed writing file")


def test_a_file_is_written_into_folders_that_are_not_there_yet(tmp_path):
    with write_aside(tmp_path / "a" / "b.txt") as partial:
        assert not (tmp_path / "a" / "b.txt").exists()
        partial.write_text("whole")
    assert (tmp_path / "a" / "b.txt").read_text() == "whole"
    assert names(tmp_path / "a") == ["b.txt"]


def test_what_fails_leaves_the_older_file_and_nothing_else(kept):
    def break_off(partial: Path) -> None:
        partial.write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_by(break_off, kept)
    assert kept.read_text() == "mine"
    assert names(kept.parent) == ["kept.txt"]


def full_disk(path: Path) -> None:
    """Writes as to a full disk: the error names no file."""
    raise OSError(28, os.strerror(28))


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(lambda partial: full_disk(partial), id="without a name"),
        pytest.param(lambda partial: (partial.parent / "no" / partial.name).write_text("x"), id="of the partial"),
    ],
)
def test_what_cannot_be_written_is_named_by_the_name_the_user_gave(tmp_path, failure):
    path = tmp_path / "mask.png"
    with pytest.raises(OutputError, match=rf"^{path} cannot be written \((No space left|No such file)") as raised:
        write_by(failure, path)
    assert isinstance(raised.value.__cause__, OSError)
    assert ".partial" not in str(raised.value)
    assert names(tmp_path) == []


def test_what_a_library_says_of_a_full_disk_names_the_file_too(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.files.FULL_BYTES", 2**80)  # no disk has so much room
    with pytest.raises(OutputError, match=r"weights.pt cannot be written \(No space left on device\)"):
        write_by(fail_as_torch, tmp_path / "weights.pt")


def test_what_goes_wrong_while_there_is_room_is_left_as_it_is(tmp_path):
    with pytest.raises(RuntimeError, match="PytorchStreamWriter"):
        write_by(fail_as_torch, tmp_path / "weights.pt")


def test_a_file_that_is_read_meanwhile_keeps_its_own_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"photo\.jpg"), write_aside(tmp_path / "mask.png"):
        (tmp_path / "photo.jpg").read_bytes()


def test_a_place_that_is_no_folder_is_named(kept):
    with pytest.raises(OutputError, match=r"kept.txt/mask.png cannot be written \((Not a directory|File exists)"):
        write_by(Path.touch, kept / "mask.png")


@needs_full
def test_what_is_no_file_is_written_to_and_stays_what_it_is():
    with pytest.raises(OutputError, match=r"^/dev/full cannot be written \(No space left on device\)"):
        write_by(lambda path: path.write_text("x" * 10_000), FULL)
    assert FULL.is_char_device()


def test_a_file_that_is_there_is_kept_and_replaced_by_force_alone(kept):
    with pytest.raises(InputError, match=r"kept.txt is there already. Name another place, or add --force"):
        write(Outputs(), kept)
    assert kept.read_text() == "mine"
    write(Outputs(force=True), kept)
    assert kept.read_text() == "new"


def test_an_empty_file_has_nothing_to_lose(tmp_path):
    (tmp_path / "made.json").touch()
    write(Outputs(), tmp_path / "made.json")
    assert (tmp_path / "made.json").read_text() == "new"


@pytest.mark.parametrize("link", [None, os.symlink, os.link], ids=["itself", "a link", "a second name"])
def test_what_is_read_is_not_replaced_even_by_force(kept, tmp_path, link):
    path = kept
    if link:
        path = tmp_path / "other.txt"
        link(kept, path)
    outputs = Outputs(force=True)
    outputs.protect([kept, tmp_path / "not there.txt"])
    with pytest.raises(InputError, match="is read by this command and would be replaced"):
        write(outputs, path)
    assert kept.read_text() == "mine"


@pytest.mark.parametrize("force", [False, True])
def test_what_was_written_just_now_is_not_written_again(tmp_path, force):
    outputs = Outputs(force)
    write(outputs, tmp_path / "a.txt", "first")
    with pytest.raises(InputError, match="was written just now"):
        write(outputs, tmp_path / "." / "a.txt", "second")
    assert (tmp_path / "a.txt").read_text() == "first"


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        Outputs(force=True).check(tmp_path)
