"""Two processes end where one ends, whoever stops in between; the first alone speaks and writes."""

import os
import resource
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import torch

from engine.errors import InputError
from train import checkpoint, fit, networks
from train.__main__ import main
from train.distributed import Processes
from train.recipe import Recipe

REPOSITORY = Path(__file__).resolve().parents[2]
# Everything whose result could hang on how a batch is split.
OPTIONS = (
    "--network", "tiny", "--encoder-weights", "none", "--precision", "float32", "--size", "64", "--batch-size", "4",
    "--workers", "0", "--epochs", "2", "--learning-rate", "0.01", "--scales", "1,1.5", "--dice", "0.5", "--focal", "1",
    "--border-species", "0.5", "--ohem", "0.5", "--class-balance", "0.5",
)  # fmt: skip
TOLERANCE = 1e-5  # of a weight, in float32


@pytest.fixture
def words(shared_dataset, cache, monkeypatch):
    """`words(run, *more)`: the command line of a run of the tiny network."""
    from tests.train.tiny_network import TinyNetwork

    monkeypatch.setitem(networks.NETWORKS, "tiny", TinyNetwork)

    def command(run: Path, *more: str) -> list[str]:
        return ["fit", "--data", str(shared_dataset), "--cache", str(cache), "--run", str(run), *OPTIONS, *more]

    return command


@pytest.fixture
def together():
    """`together(words)` runs two processes to their end: (exit codes, what each printed, what each complained of)."""
    started: list[subprocess.Popen] = []

    def start(words: list[str], max_file_bytes: int | None = None) -> tuple[list[int], list[str], list[str]]:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        pair = []
        for rank in range(2):
            environment = os.environ | {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1",
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "GLOO_SOCKET_IFNAME": "lo",
                "CUDA_VISIBLE_DEVICES": "",
            }  # fmt: skip
            command = [sys.executable, "-m", "tests.train.tiny_network", *words]
            process = subprocess.Popen(
                command, cwd=REPOSITORY, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
            started.append(process)
            pair.append(process)
            if max_file_bytes is not None:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (max_file_bytes, max_file_bytes))
        outputs = [process.communicate(timeout=300) for process in pair]
        return [process.returncode for process in pair], [out for out, _ in outputs], [error for _, error in outputs]

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_two_processes_end_with_the_weights_of_one(words, together, tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    assert main(words(one)) == 0
    for more in (("--stop-after", "1"), ("--resume",)):
        codes, said, complaints = together(words(two, *more))
        assert codes == [0, 0], complaints
        assert "2 processes, each with 2 of a batch's pictures" in said[0]
        assert said[1] == ""
    assert "resumed after epoch 1 of 2" in said[0]
    assert sorted(path.name for path in two.iterdir()) == ["checkpoint.pt", "weights.pt"]

    expected, weights = (checkpoint.load(run / "weights.pt") for run in (one, two))
    assert weights["settings"] == expected["settings"]
    start = networks.build("tiny").state_dict()
    for name, value in expected["state_dict"].items():
        torch.testing.assert_close(weights["state_dict"][name], value, atol=TOLERANCE, rtol=1e-5)
        assert (start[name] - value).abs().max() > 100 * TOLERANCE  # something was learnt
    for row, wanted in zip(weights["history"], expected["history"], strict=True):
        assert row["loss"] == pytest.approx(wanted["loss"], abs=1e-5)


@pytest.mark.slow
def test_a_full_disk_of_the_first_process_ends_both_and_keeps_the_epoch_before(words, together, tmp_path):
    run = tmp_path / "run"
    assert main(words(run, "--stop-after", "1")) == 0
    before = (run / "checkpoint.pt").read_bytes()
    codes, _, complaints = together(words(run, "--resume"), max_file_bytes=len(before) // 2)
    assert codes[0] == 2
    assert "checkpoint.pt could not be written" in complaints[0]
    assert codes[1] != 0 or not (run / "weights.pt").exists()
    assert [path.name for path in run.iterdir()] == ["checkpoint.pt"]
    assert (run / "checkpoint.pt").read_bytes() == before


def test_parts_of_a_batch_are_the_batch():
    parts = [Processes(rank, 3).part([5, 1, 4, 0, 2, 3]) for rank in range(3)]
    assert parts == [[5, 1], [4, 0], [2, 3]]
    assert Processes().part([5, 1]) == [5, 1]


def test_a_batch_that_does_not_split_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"--batch-size is 4; expected a multiple of the 3 processes"):
        fit.fit(Recipe(batch_size=4), tmp_path, tmp_path / "run", tmp_path / "cache", Processes(0, 3))


def test_one_process_exchanges_nothing():
    network = networks.build("fastsegnet-cnn")
    assert Processes().share(network) is network
    assert Processes().mean(0.25) == 0.25
