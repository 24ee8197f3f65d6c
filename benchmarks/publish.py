"""Measures this machine and writes every figure into the README, docs/ and the models' cards: `make numbers`.

    python benchmarks/publish.py             measures (about a quarter of an hour), keeps the results, writes
    python benchmarks/publish.py --render    writes again from the results that are kept

The results of a machine are benchmarks/results/MACHINE.json, the whole output of the commands below. In the README and
in docs/*.md, what stands between `<!-- numbers:NAME -->` and `<!-- /numbers:NAME -->` is replaced; nothing there is
typed by hand.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
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
from tools.pictures import what_is_missing  # noqa: E402

RESULTS = ROOT / "benchmarks" / "results"
# What is filled: blocks may stand in any of them.
TEXTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"<!-- numbers:(?P<name>\w+) -->\n.*?<!-- /numbers:(?P=name) -->", re.DOTALL)
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
    "page": "benchmarks/page.py",
}
# Those that take long and need Chromium: measured only when they are named.
SOAKS = {
    "soak": "tests/soak/live_soak.py --minutes 10",
    "soak_two": "tests/soak/live_soak.py --minutes 10 --two",
}
SMOOTHING = RESULTS / "smoothing" / "pets.json"  # of the model, not of a machine: `benchmarks/smoothing.py --json`
ELSEWHERE = RESULTS / "elsewhere" / "pets.json"  # likewise: `benchmarks/elsewhere.py`


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--render", action="store_true", help="do not measure")
    parser.add_argument(
        "--only", choices=COMMANDS | SOAKS, action="append", help="measure these again, keep the others"
    )
    args = parser.parse_args()
    if not args.render:
        measure(args.only or what_can_be_measured())
    latest, others = kept_results()
    write(TEXTS, blocks(latest, others))
    for model, name in tables.TIMED_BY.items():
        if name in latest:
            write_card(model, name, latest)


def kept_results() -> tuple[dict, list[dict]]:
    """The results of the machine that was measured last, and those of the others.

    Raises:
        SystemExit: nothing was measured yet.
    """
    kept = [json.loads(path.read_text()) for path in sorted(RESULTS.glob("*.json"))]
    results = [result for result in kept if "benchmark" in result]
    pages = [result for result in kept if "page" in result]
    if not results:
        raise SystemExit("error: benchmarks/results holds no benchmark yet. Run `make numbers` first.")
    latest = max(results, key=lambda result: result["date"])
    if pages:  # the page may have been measured on another machine since; its table names it
        latest = latest | {"page": max(pages, key=lambda result: result["date"])["page"]}
    return latest, [result for result in results if result["machine"] != latest["machine"]]


def blocks(latest: dict, others: list[dict]) -> dict[str, str]:
    """The text of each block, by name, from what is committed."""
    specs = [Model.open(name).spec for name in committed_models()]
    elsewhere = json.loads(ELSEWHERE.read_text()) if ELSEWHERE.is_file() else {}
    return tables.blocks(specs, latest, others, json.loads(SMOOTHING.read_text()), elsewhere)


def what_can_be_measured() -> list[str]:
    """The commands that run here; says what is skipped, and why: what was kept of it stays."""
    if missing := what_is_missing():
        print(f"page: skipped. {missing}")
        return [name for name in COMMANDS if name != "page"]
    return list(COMMANDS)


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


def write(paths: Sequence[Path], blocks: Mapping[str, str]) -> None:
    """Fills the named blocks of some texts; each block stands in one of them at least.

    Raises:
        SystemExit: no text has a block, or a text has one that nobody fills; nothing was written.
    """
    texts = {path: path.read_text() for path in paths}
    named = {name: path.name for path, text in texts.items() for name in BLOCK.findall(text)}
    if missing := sorted(set(blocks) - set(named)):
        raise SystemExit(f"error: no text has a block {missing[0]}. Put its two comments back.")
    if unknown := sorted(set(named) - set(blocks)):
        raise SystemExit(
            f"error: {named[unknown[0]]} has a block {unknown[0]}, which nothing fills. Known: {', '.join(blocks)}."
        )
    filled = {path: fill(text, blocks) for path, text in texts.items()}
    for path, text in filled.items():
        if text != texts[path]:
            with write_aside(path) as partial:
                partial.write_text(text)
            print(f"wrote {path.name}")


def fill(text: str, blocks: Mapping[str, str]) -> str:
    """A text with what stands between the comments of its blocks replaced."""

    def filled(match: re.Match) -> str:
        name = match["name"]
        return f"<!-- numbers:{name} -->\n{blocks[name]}\n<!-- /numbers:{name} -->"

    return BLOCK.sub(filled, text)


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
