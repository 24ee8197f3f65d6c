"""Predicting with OpenVINO needs the packages of requirements-predict.txt and no others."""

import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import numpy as np
import pytest
from clips import make_clip

from engine.images import read_picture

ROOT = Path(__file__).resolve().parents[2]
CAT = ROOT / "demo" / "examples" / "cat.jpg"
# Runs the engine where only some distributions can be imported, then says which of them were.
ALONE = """
import json, sys
from importlib.abc import MetaPathFinder
from importlib.metadata import packages_distributions

allowed, arguments = json.loads(sys.argv[1]), sys.argv[2:]
owners = {
    module: {name.lower().replace("_", "-") for name in names} for module, names in packages_distributions().items()
}


class OnlyAllowed(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        owned_by = owners.get(name.partition(".")[0], set())
        if owned_by and not owned_by & set(allowed):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return None


sys.meta_path.insert(0, OnlyAllowed())
from engine.__main__ import main

status = main(arguments)
assert "torch" not in sys.modules
sys.exit(status)
"""


def pins(file: str) -> dict[str, str]:
    """The pinned version of each distribution."""
    lines = (ROOT / file).read_text().splitlines()
    return dict(line.lower().split("==") for line in lines if "==" in line and not line.startswith("#"))


def with_their_own(names: set[str]) -> set[str]:
    """Distributions and what they need themselves."""
    found: set[str] = set()
    todo = set(names)
    while todo:
        name = todo.pop()
        found.add(name)
        try:
            needed = requires(name) or []
        except PackageNotFoundError:
            continue
        plain = (line for line in needed if "extra ==" not in line)
        todo |= {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower().replace("_", "-") for line in plain} - found
    return found


def run_alone(*words: object) -> subprocess.CompletedProcess:
    allowed = json.dumps(sorted(with_their_own(set(pins("requirements-predict.txt")))))
    command = [sys.executable, "-c", ALONE, allowed, *map(str, words)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)


def test_the_pins_are_those_of_the_page():
    everything = pins("requirements.txt")
    assert pins("requirements-predict.txt").items() <= everything.items()
    assert {"torch", "torchvision", "nncf", "gradio", "tqdm"}.isdisjoint(
        with_their_own(set(pins("requirements-predict.txt")))
    )


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["openvino-int8", "openvino-fp32"])
def test_a_photo_is_segmented_with_these_packages_alone(tmp_path, backend):
    out = tmp_path / "out"
    more = ("--cutout", "--effect", "blur", "--export", "coco,svg", "--instances")
    done = run_alone("predict", CAT, "--out", out, "--backend", backend, *more)
    assert (done.returncode, done.stderr) == (0, "")
    assert (out / "cat-mask.png").is_file()
    assert (out / "cat-cutout-1.png").is_file()


@pytest.mark.slow
def test_an_export_whose_package_is_missing_says_so_before_anything_is_written(tmp_path):
    done = run_alone("predict", CAT, "--out", tmp_path / "out", "--export", "rle")
    assert done.returncode == 2
    assert done.stderr == "error: The export rle needs the package pycocotools. Install it.\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_clip_is_rendered_with_these_packages_alone(tmp_path):
    pets = [np.roll(read_picture(CAT).image[::2, ::2], 4 * i, axis=1) for i in range(8)]
    clip = make_clip(tmp_path / "cat.mp4", pets)
    done = run_alone("video", clip, tmp_path / "out.mp4")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out.mp4").is_file()


@pytest.mark.slow
def test_a_backend_whose_package_is_missing_says_so(tmp_path):
    done = run_alone("predict", CAT, "--out", tmp_path, "--backend", "torch")
    assert done.returncode == 2
    assert done.stderr == "error: The backend torch needs a package that is missing (No module named 'torch').\n"
