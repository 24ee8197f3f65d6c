"""How the committed models do on photos from elsewhere: `python benchmarks/elsewhere.py --everyday ROOT --outdoor ROOT
--without FOLDER`.

In INT8, by `python -m engine evaluate`: everyday photos with cats and dogs (the trainval split, on which the thresholds
of "found" and "perhaps" were chosen), cats outdoors (the test split), and photos without either. The result is kept in
benchmarks/results/elsewhere/pets.json, from which docs/accuracy.md is written.
"""

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.commands import evaluate  # noqa: E402
from engine.dataset import read_split  # noqa: E402
from engine.files import write_aside  # noqa: E402
from engine.score_table import committed_models  # noqa: E402
from engine.segmenter import DEFAULT_BACKEND  # noqa: E402

RESULT = ROOT / "benchmarks" / "results" / "elsewhere" / "pets.json"
KEPT = ("split", "images", "outline", "species", "found", "false_alarms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--everyday", required=True, type=Path, metavar="ROOT")
    parser.add_argument("--outdoor", required=True, type=Path, metavar="ROOT")
    parser.add_argument("--without", required=True, type=Path, metavar="FOLDER")
    args = parser.parse_args()
    measured = {
        name: {
            "everyday": measure(name, args.everyday, "trainval", args.without),
            "outdoor": measure(name, args.outdoor, "test"),
        }
        for name in committed_models()
    }
    RESULT.parent.mkdir(parents=True, exist_ok=True)
    with write_aside(RESULT) as partial:
        partial.write_text(json.dumps(measured, indent=1) + "\n")
    print(f"wrote {RESULT.relative_to(ROOT)}")


def measure(model: str, root: Path, split: str, without: Path | None = None) -> dict:
    """What is kept of an evaluation in INT8, and how many of its photos show one species."""
    result = evaluate.run(data=root, split=split, without=without, backend=DEFAULT_BACKEND, model=model).result
    kept = {name: result[name] for name in KEPT if name in result}
    kept["outline_ci95"] = result["ci95"]["outline.dataset_iou"]
    kept["one_species"] = sum(not sample.shows_both for sample in read_split(root, split))
    return kept


if __name__ == "__main__":
    main()
