"""What a host wants: a GPU function on ZeroGPU, and nothing anywhere else."""

import sys

import pytest

from demo import hosting
from engine.errors import BackendUnavailableError


def test_no_function_is_registered_where_there_is_no_zerogpu(monkeypatch):
    monkeypatch.delenv("SPACES_ZERO_GPU", raising=False)
    assert hosting.prepare() is None


def test_zerogpu_without_its_package_says_what_to_do(monkeypatch):
    monkeypatch.setenv("SPACES_ZERO_GPU", "true")
    monkeypatch.setitem(sys.modules, "spaces", None)
    with pytest.raises(BackendUnavailableError, match=r"ZeroGPU needs the package spaces .* HARDWARE=zerogpu"):
        hosting.prepare()
