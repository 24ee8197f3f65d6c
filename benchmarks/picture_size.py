"""What the engine costs around the network, and what a large photo costs: `python benchmarks/picture_size.py`.

The cat of the examples as a JPEG of 500 x 375 and of 4000 x 3000 pixels (12 megapixels, with film grain, so that the
file has the 3 MB of a phone's photo), predicted in turn from its bytes, read included.
"""

import argparse
import io
import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.machine import describe_machine, machine_in_words  # noqa: E402
from engine.segmenter import DEFAULT_BACKEND, STAGES, Segmenter  # noqa: E402

SIZES = {"500 x 375": (500, 375), "4000 x 3000": (4000, 3000)}
GRAIN = 8.0  # standard deviation of the grain, of 255
WARM_UP = 5


def photo(size: tuple[int, int]) -> bytes:
    """The example as a JPEG of a size (width, height), quality 85."""
    with Image.open(ROOT / "demo" / "examples" / "cat.jpg") as file:
        pixels = np.asarray(file.convert("RGB").resize(size, Image.Resampling.BICUBIC)).astype(np.float32)
    pixels += np.random.default_rng(0).normal(0, GRAIN, (*pixels.shape[:2], 1)).astype(np.float32)
    encoded = io.BytesIO()
    Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(encoded, "JPEG", quality=85)
    return encoded.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="fastsegnet")
    parser.add_argument("--backend", default=DEFAULT_BACKEND)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    segmenter = Segmenter.open(args.model, args.backend)
    photos = {name: photo(size) for name, size in SIZES.items()}
    samples: dict[str, list[list[float]]] = {name: [] for name in photos}
    for round_number in range(-WARM_UP, args.rounds):
        for name, encoded in photos.items():
            timings = segmenter.predict(encoded).timings
            if round_number >= 0:
                samples[name].append([timings[stage] for stage in STAGES])

    result: dict = {"machine": describe_machine(), "backend": args.backend, "rounds": args.rounds, "photos": {}}
    print(f"{machine_in_words(result['machine'])}; {args.backend}, {args.rounds} rounds in turn, medians in ms\n")
    print("| JPEG | MB | " + " | ".join(STAGES) + " | all | all but infer and read, over infer |")
    print("|---|---|" + "---|" * (len(STAGES) + 2))
    for name, rows in samples.items():
        medians = dict(zip(STAGES, np.median(rows, axis=0).tolist(), strict=True))
        total = float(np.median(np.sum(rows, axis=1)))
        around = (medians["preprocess"] + medians["postprocess"]) / medians["infer"]
        megabytes = len(photos[name]) / 1e6
        result["photos"][name] = {"megabytes": megabytes, "stages_ms": medians, "total_ms": total, "around": around}
        stages = " | ".join(f"{medians[stage]:.2f}" for stage in STAGES)
        print(f"| {name} | {megabytes:.2f} | {stages} | {total:.2f} | {around:.2f} |")
    small, large = (np.sum(samples[name], axis=1) for name in SIZES)
    result["ratio"] = float(np.median(large) / np.median(small))
    print(f"\nThe large photo costs {result['ratio']:.1f} times the small one.")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
