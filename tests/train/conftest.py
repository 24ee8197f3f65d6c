"""One short training run on drawn pets, shared by all tests that need weights or a model folder."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from engine.allocator import TUNED
from train import networks
from train.__main__ import main


@pytest.fixture(scope="session", autouse=True)
def tuned_allocator():
    """Tells `train.fit` that the allocator is set already, so that it does not start this process anew."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in TUNED.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """A core for each worker: two that share their threads wait for each other most of the time."""
    threads = torch.get_num_threads()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    """Folder of the decoded pictures."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def fit(shared_dataset, cache) -> Callable[..., int]:
    """`fit(run, "--epochs", 1, ...)` trains on the drawn pets and gives the exit code."""

    def command(run: Path, *options: object) -> int:
        fixed = ("--encoder-weights", "none", "--size", 64, "--batch-size", 2, "--workers", 0)
        words = ("fit", "--data", shared_dataset, "--cache", cache, "--run", run, *fixed, *options)
        return main([str(word) for word in words])

    return command


@pytest.fixture(scope="session")
def run(fit, tmp_path_factory) -> Path:
    """The folder of a run of one epoch, with its checkpoint.pt and weights.pt."""
    folder = tmp_path_factory.mktemp("runs") / "drawn"
    assert fit(folder, "--epochs", 1) == 0
    return folder


@pytest.fixture(scope="session")
def tiny_run(fit, tmp_path_factory) -> Path:
    """Likewise of a network so small that it is exported in a moment."""
    from tests.train.tiny_network import TinyNetwork

    networks.NETWORKS["tiny"] = TinyNetwork
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    assert fit(folder, "--epochs", 1, "--network", "tiny") == 0
    return folder


@pytest.fixture(scope="session")
def exported(run, tmp_path_factory) -> Path:
    """The folder of the model that `export` wrote from the run; no test changes it."""
    folder = tmp_path_factory.mktemp("models") / "drawn"
    assert main(["export", "--run", str(run), "--model", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def quantized(exported, shared_dataset, tmp_path_factory) -> Path:
    """A copy of the exported model that `quantize` and `card` have completed."""
    folder = shutil.copytree(exported, tmp_path_factory.mktemp("quantized") / "drawn")
    for command in ("quantize", "card"):
        assert main([command, "--model", str(folder), "--data", str(shared_dataset)]) == 0
    return folder
