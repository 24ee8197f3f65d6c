"""Measures this machine and writes every figure of speed into the README and the models' cards: `make numbers`.

    python benchmarks/publish.py             measures (about ten minutes), keeps the results, writes
    python benchmarks/publish.py --render    writes again from the results that are kept

The results of a machine are benchmarks/results/MACHINE.json, the whole output of the commands below. In a text, what
stands between `<!-- numbers:NAME -->` and `<!-- /numbers:NAME -->` is replaced; nothing there is typed by hand.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import tables  # noqa: E402
from engine.files import write_aside  # noqa: E402
from engine.machine import describe_machine  # noqa: E402
from engine.score_table import committed_models  # noqa: E402
from engine.spec import Model  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
README = ROOT / "README.md"
ALL = "torch,torch-compile,torch-bf16,torchscript,onnxruntime,openvino-fp32,openvino-int8"
PHOTO = "demo/examples/cat.jpg"
# Name -> the command, less `--json FILE`.
COMMANDS = {
    "benchmark": f"-m engine benchmark --backends {ALL} --seconds 40 --photo {PHOTO} --startup --layers --roofline",
    "repeated": f"-m engine benchmark --backends {ALL} --seconds 40 --photo {PHOTO}",
    "tuned": f"-m engine benchmark --backends torch,openvino-int8 --seconds 20 --photo {PHOTO} --torch-allocator tuned",
    "large": f"-m engine benchmark --model fastsegnet-large --backends {ALL} --seconds 40 --photo {PHOTO}",
    "sweep": "-m engine sweep --backend openvino-int8 --seconds 2",
    "rivals": "benchmarks/rivals.py",
    "picture_size": "benchmarks/picture_size.py",
    "video": "benchmarks/video.py",
}
# Those that take long and need Chromium: measured only when they are named.
SOAKS = {
    "soak": "tests/soak/live_soak.py --minutes 10",
    "soak_two": "tests/soak/live_soak.py --minutes 10 --two",
}
SMOOTHING = RESULTS / "smoothing" / "pets.json"  # of the model, not of a machine: `benchmarks/smoothing.py --json`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--render", action="store_true", help="do not measure")
    parser.add_argument(
        "--only", choices=COMMANDS | SOAKS, action="append", help="measure these again, keep the others"
    )
    args = parser.parse_args()
    if not args.render:
        measure(args.only or list(COMMANDS))
    kept = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    results = [result for result in kept if "benchmark" in result]
    if not results:
        raise SystemExit("error: benchmarks/results holds no benchmark yet. Run `make numbers` first.")
    latest = max(results, key=lambda result: result["date"])
    others = [result for result in results if result is not latest]
    specs = [Model.open(name).spec for name in committed_models()]
    write(README, tables.blocks(specs, latest, others, json.loads(SMOOTHING.read_text())))
    for model, name in tables.TIMED_BY.items():
        if name in latest:
            write_card(model, name, latest)


def measure(names: list[str]) -> None:
    """Runs the commands and keeps their results under the machine's name."""
    measured = {name: run(name) for name in names}
    machine = describe_machine()
    path = RESULTS / f"{slug(machine)}.json"
    before = json.loads(path.read_text()) if path.is_file() else {}
    commands = {name: tables.shown(command) for name, command in (COMMANDS | SOAKS).items()}
    kept = before | measured | {"machine": machine, "commands": commands, "date": today()}
    RESULTS.mkdir(exist_ok=True)
    with write_aside(path) as partial:
        partial.write_text(json.dumps(without_samples(kept), indent=1) + "\n")
    print(f"wrote {path.relative_to(ROOT)}")


def run(name: str) -> dict:
    """The result of one command."""
    command = (COMMANDS | SOAKS)[name]
    print(f"{name}: python {command}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        done = subprocess.run(
            [sys.executable, *command.split(), "--json", str(path)], cwd=ROOT, env=environment(), check=False
        )
        if not path.is_file() or (done.returncode and name not in SOAKS):  # a soak that misses a goal is a result too
            raise SystemExit(f"error: {name} failed; nothing was written.")
        return json.loads(path.read_text())


def environment() -> dict[str, str]:
    """This process's, with the folder that `make numbers` put ModelAPI into."""
    rivals = Path(sys.prefix) / "rivals"
    return {**os.environ, "PYTHONPATH": str(rivals)} if rivals.is_dir() else dict(os.environ)


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d %H:%M")


def without_samples(result: dict) -> dict:
    """The result less every single round: the tails are kept, and the file stays readable."""
    if isinstance(result, dict):
        return {key: without_samples(value) for key, value in result.items() if key != "samples_ms"}
    return result


def slug(machine: dict) -> str:
    """ "amd-epyc-family-25-model-17-2-cores": a file name for a machine."""
    words = f"{machine['cpu']} {machine['cpu_id'] or ''} {machine['cores']} cores"
    return re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")


def write(path: Path, blocks: dict[str, str]) -> None:
    """Replaces each named block of a text.

    Raises:
        SystemExit: the text lacks a block.
    """
    text = path.read_text()
    for name, block in blocks.items():
        pattern = re.compile(rf"(<!-- numbers:{name} -->\n).*?(<!-- /numbers:{name} -->)", re.DOTALL)
        if not pattern.search(text):
            raise SystemExit(f"error: {path.name} has no block {name}. Put its two comments back.")

        def filled(match: re.Match[str], block: str = block) -> str:
            return f"{match[1]}{block}\n{match[2]}"

        text = pattern.sub(filled, text)
    with write_aside(path) as partial:
        partial.write_text(text)
    print(f"wrote {path.name}")


def write_card(name: str, command: str, result: dict) -> None:
    """Puts the speeds of one command into a model's model.json and renders the card from it."""
    model = Model.open(name)
    speed = {
        "machine": tables.machine_words(result["machine"]),
        "command": result["commands"][command],
        "latency_ms": {backend: entry["latency_ms"] for backend, entry in result[command]["backends"].items()},
    }
    replace(model.spec, speed=speed).save(model.folder)
    subprocess.run([sys.executable, "-m", "train", "card", "--model", f"models/{name}"], cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
