"""What smoothing over time buys and what it costs: `python benchmarks/smoothing.py --data ROOT`.

Clips of real pets whose true mask is known: a camera of 640 x 480 px looks at a photo of Oxford-IIIT Pet (training
split, nothing here is tuned on the test split), stands still or pans at some pixels a frame, adds the noise of a sensor
and the loss of JPEG. Told for each speed: how much of the mask changes from a frame to the next though nothing does
(flicker, at rest), and the IoU of a user's mask with the truth (the border left out) over all frames but the first few.
"""

import argparse
import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.dataset import BORDER, PET, Sample, read_split  # noqa: E402
from engine.images import read_picture  # noqa: E402
from engine.segmenter import DEFAULT_BACKEND, Segmenter  # noqa: E402
from engine.video.segmenter import VideoSegmenter  # noqa: E402
from engine.video.smoothing import STRENGTH  # noqa: E402

CAMERA_HW = (480, 640)
MARGIN = 1.25  # by which the photo is larger than what the camera sees, so that it can pan
NOISE = 6.0  # standard deviation, of 255
JPEG_QUALITY = 80
FRAMES, SETTLING = 20, 5
SPEEDS = (0, 2, 6, 16)  # px a frame


def clip(sample: Sample, speed: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Frames, uint8 (480, 640, 3), and the trimap of each, uint8 (480, 640)."""
    image = read_picture(sample.photo).image
    scale = MARGIN * max(want / have for want, have in zip(CAMERA_HW, image.shape[:2], strict=True))
    size = tuple(round(side * scale) for side in image.shape[1::-1])
    photo = cv2.resize(image, size, interpolation=cv2.INTER_CUBIC)
    truth = cv2.resize(sample.read_trimap(), size, interpolation=cv2.INTER_NEAREST_EXACT)
    room = photo.shape[1] - CAMERA_HW[1]
    top = (photo.shape[0] - CAMERA_HW[0]) // 2
    for number in range(FRAMES):
        along = (number * speed) % (2 * room)  # there and back
        left = min(along, 2 * room - along)
        window = np.s_[top : top + CAMERA_HW[0], left : left + CAMERA_HW[1]]
        noisy = photo[window] + rng.normal(0, NOISE, (*CAMERA_HW, 3))
        encoded = cv2.imencode(
            ".jpg", np.clip(noisy, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
        )[1]
        frame = cv2.imdecode(encoded, cv2.IMREAD_COLOR)
        assert frame is not None  # it was encoded a line above
        yield frame, truth[window]


def outline_iou(mask: np.ndarray, trimap: np.ndarray) -> float:
    """IoU of a mask, bool (H, W), with the pet of a trimap, uint8 (H, W), whose border does not count."""
    is_pet, counted = trimap == PET, trimap != BORDER
    return (mask & is_pet).sum() / max(((mask | is_pet) & counted).sum(), 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", required=True, metavar="ROOT")
    parser.add_argument("--pets", type=int, default=40)
    parser.add_argument("--strengths", type=float, nargs="+", default=[0.0, 0.5, STRENGTH, 0.85])
    parser.add_argument("--backend", default=DEFAULT_BACKEND)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    segmenter = Segmenter.open(backend=args.backend)
    rng = np.random.default_rng(0)
    samples = read_split(args.data, "trainval")
    chosen = [samples[i] for i in sorted(rng.choice(len(samples), args.pets, replace=False))]
    results: dict[int, dict[float, list[tuple[float, float]]]] = {s: {w: [] for w in args.strengths} for s in SPEEDS}
    for sample in chosen:
        for speed in SPEEDS:
            frames = list(clip(sample, speed, rng))
            for strength in args.strengths:
                video = VideoSegmenter(segmenter, strength)
                masks = [video.step(image).mask > 0 for image, _ in frames][SETTLING:]
                truths = [truth for _, truth in frames][SETTLING:]
                changes = np.mean([(a != b).mean() for a, b in itertools.pairwise(masks)])
                iou = np.mean([outline_iou(mask, truth) for mask, truth in zip(masks, truths, strict=True)])
                results[speed][strength].append((float(changes), float(iou)))
    print(
        f"{len(chosen)} pets, {FRAMES} frames each; flicker: share of the pixels that change from a frame to the next"
    )
    print("| camera | share of the past | flicker | IoU with the truth |\n|---|---|---|---|")
    rows = []
    for speed, by_strength in results.items():
        for strength, values in by_strength.items():
            flicker, iou = np.mean(values, axis=0)
            rows.append({"px_a_frame": speed, "strength": strength, "flicker": flicker, "iou": iou})
            print(f"| {speed} px a frame | {strength:g} | {flicker:.3%} | {iou:.4f} |")
    if args.json is not None:
        args.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
