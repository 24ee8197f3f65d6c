"""What the tests of the commands share: a photo, a place for the result, and what a refusal looks like."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def photo(tmp_path, drawn_pet, encoded) -> Path:
    path = tmp_path / "tom.jpg"
    path.write_bytes(encoded(drawn_pet(size_hw=(120, 160))[0]))
    return path


@pytest.fixture
def result_file(tmp_path) -> Path:
    return tmp_path / "result.json"


@pytest.fixture
def refused(capsys) -> Callable[[int, str], None]:
    """`refused(code, words)`: the exit code is 2 and the one line on stderr holds the words."""

    def check(code: int, words: str) -> None:
        assert code == 2
        (line,) = (line for line in capsys.readouterr().err.splitlines() if line)
        assert line.startswith("error: ")
        assert words in line

    return check
