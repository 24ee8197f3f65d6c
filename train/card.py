"""Scores every artefact of a model on the test split and writes its card (README.md of its folder).

    python -m train card --model models/fastsegnet --data ROOT

The scores go into model.json, the card is rendered from model.json alone; without --data it is only rendered.
"""

import argparse
import textwrap
from dataclasses import replace
from pathlib import Path

from engine.backends import BACKENDS
from engine.evaluate import evaluate
from engine.files import write_aside
from engine.segmenter import Segmenter
from engine.spec import Model, ModelSpec
from train import fit

# The backend that scores an artefact: the first that reads it.
SCORED_BY = {artefact: name for name, (_, artefact) in reversed(BACKENDS.items())}
OFFICIAL_TEST = 3669  # photos of the test split, torchvision.datasets.OxfordIIITPet
SOURCES = {
    "imagenet": "torchvision's MobileNet_V2_Weights.IMAGENET1K_V2 (BSD-3-Clause)",
    "mobilenet_v2_voc.pth": "the encoder of TensorFlow's DeepLab MobileNetV2, trained on ImageNet, COCO and VOC "
    "(Apache-2.0), as a torchvision state dict",
    "mobilenet_v2_imagenet.pth": "MobileNetV2 of the ONNX model zoo, trained on ImageNet (Apache-2.0), as a "
    "torchvision state dict",
    "none": "nothing",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", type=Path, default=Path("models/fastsegnet"), help="the model's folder")
    parser.add_argument("--data", type=Path, default=None, metavar="ROOT", help="score the test split of this dataset")


def run(args: argparse.Namespace) -> None:
    model = Model.open(args.model)
    spec = model.spec
    if args.data is not None:
        artefacts = {}
        for name, artefact in spec.artefacts.items():
            scores = evaluate(Segmenter.open(model.folder, SCORED_BY[name]), args.data, "test")
            artefacts[name] = replace(artefact, metrics=scores)
            print(f"{name:<18} {score_line(scores)}", flush=True)
        spec = replace(spec, artefacts=artefacts)
        spec.save(model.folder)
    with write_aside(model.folder / "README.md") as partial:
        partial.write_text(render(spec))
    print(f"wrote {model.folder / 'README.md'}")


def score_line(scores: dict) -> str:
    return (
        f"binary {scores['binary']['dataset_iou']:.4f}  trimap {scores['trimap']['mean_iou']:.4f}  "
        f"species {scores['species']['mean_iou']:.4f}"
    )


def render(spec: ModelSpec) -> str:
    """The card as Markdown; every figure is one of model.json."""
    settings, network = spec.training["settings"], spec.network
    height, width = spec.size_hw
    quantization = spec.training.get("quantization", {})
    return f"""---
license: mit
pipeline_tag: image-segmentation
tags: [image-segmentation, openvino, nncf, pets]
---

# {spec.name} {spec.version}

Finds cats and dogs in a photo: every pixel is background, cat or dog. It is small enough to answer in milliseconds on a
CPU, and comes as PyTorch, ONNX, OpenVINO FP32 and OpenVINO INT8, all from one set of weights.

| | |
|---|---|
| architecture | {network["architecture"]} |
| size | {network["parameters"] / 1e6:.2f} M parameters, {network["gmacs"]:.2f} G multiply-adds |
| input | `batch` uint8 (N, {height}, {width}, 3) RGB, stretched to that size; normalisation is inside |
| output | `logits` float32 (N, {len(spec.classes)}, {height}, {width}): {", ".join(c.name for c in spec.classes)} |
| licence | {spec.licence} |

## Scores

Test split of Oxford-IIIT Pet, {scored_photos(spec)}, at the annotation's own resolution, each
artefact run through the engine. Binary counts the border as pet; trimap is pet, background and border; species ignores
the border.

{score_table(spec)}
{speed_section(spec)}
## Training

{spec.training["dataset"]}. {spec.training["split"]}.
Choices were made on those; the test split gave the scores above. The encoder starts from
{SOURCES.get(settings["encoder_weights"], settings["encoder_weights"])}{first_leg(settings)}.
{settings["epochs"]} epochs, batches of {settings["batch_size"]}, {settings["size"]} px, AdamW, cosine schedule, cross
entropy{lovasz_words(settings)}, moving average of the weights. Half of the training pictures are single photos, the
others collages, pets pasted on other grounds, and grounds without a pet.

INT8 is NNCF's post-training quantization, preset {quantization.get("preset", "-")},
{quantization.get("bias_correction", "-")} bias correction, calibrated on
{len(quantization.get("calibration_sha256", []))} of the training pictures (their hashes are in model.json). On the
machine that made it, it executes {quantization.get("executes", "-")}.

To make this folder again (`ROOT` holds `oxford-iiit-pet/`):

```
{fit_command(settings)}
python -m train export --run runs/{spec.name} --model models/{spec.name}{export_size(spec)}
python -m train quantize --model models/{spec.name} --data ROOT
python -m train card --model models/{spec.name} --data ROOT
```

## Limits

Trained on photos of one cat or dog that fills much of the frame, and on scenes composed of them: several animals, small
ones, grounds without any. Half hidden animals, drawings and other species are outside what it has seen; other furry
animals are often called cat or dog. The probabilities are not calibrated.

## Source

Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and Dogs", CVPR 2012 (pictures and annotations CC BY-SA 4.0). Sandler et al.,
"MobileNetV2", CVPR 2018. Yu et al., "BiSeNet", ECCV 2018. Made by commit `{spec.commit[:12]}` with
{", ".join(f"{name} {v}" for name, v in spec.versions.items())}.
"""


def scored_photos(spec: ModelSpec) -> str:
    """How many photos the scores are of, and of how many where the copy of the dataset holds fewer."""
    counts = sorted({a.metrics["images"] for a in spec.artefacts.values() if a.metrics})
    if not counts:
        return "no photos"
    text = " or ".join(f"{count:,}" for count in counts)
    return f"{text} photos" if counts == [OFFICIAL_TEST] else f"a copy with {text} of its {OFFICIAL_TEST:,} photos"


def score_table(spec: ModelSpec) -> str:
    rows = [
        "| artefact | MB | binary IoU | mean image IoU | trimap mIoU | species mIoU | boundary IoU | pixel accuracy |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, artefact in spec.artefacts.items():
        if not (m := artefact.metrics):
            continue
        values = (
            m["binary"]["dataset_iou"], m["binary"]["mean_image_iou"], m["trimap"]["mean_iou"],
            m["species"]["mean_iou"], m["boundary_iou"], m["pixel_accuracy"],
        )  # fmt: skip
        rows.append(f"| `{name}` | {artefact.size_mb:.2f} | " + " | ".join(f"{v:.4f}" for v in values) + " |")
    return "\n".join(rows)


def first_leg(settings: dict) -> str:
    """Where the rest of the network starts from, if not from nothing."""
    start = settings.get("initial_weights", "none")
    return "" if start == "none" else f", the rest of the network from `{start}` (train/LOG.md says what that is)"


def lovasz_words(settings: dict) -> str:
    share = settings.get("lovasz", 0)
    return f" with {share:g} of a Lovász hinge" if share else ""


def speed_section(spec: ModelSpec) -> str:
    """Latencies, where they were measured."""
    if not spec.speed:
        return ""
    rows = "\n".join(
        f"| {name} | {entry['median']:.1f} ms | {entry['p90']:.1f} ms | {entry['p99']:.1f} ms |"
        for name, entry in spec.speed["latency_ms"].items()
    )
    return f"""
## Speed

On {spec.speed["machine"]}, from a decoded picture to its mask, by
`{spec.speed["command"]}`:

| backend | median | p90 | p99 |
|---|---|---|---|
{rows}
"""


def fit_command(settings: dict) -> str:
    """The command of the training run: every setting that is not the default of `fit`."""
    parser = argparse.ArgumentParser()
    fit.add_arguments(parser)
    settings = {key: value for key, value in settings.items() if value != parser.get_default(key)}
    if settings.get("encoder_weights", "none") not in ("imagenet", "none"):
        settings["encoder_weights"] = f"WEIGHTS/{settings['encoder_weights']}"
    options = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in settings.items() if name != "network")
    run_name = settings.get("network", parser.get_default("network"))
    command = f"python -m train fit --data ROOT --run runs/{run_name} {options}"
    lines = textwrap.wrap(command, 108, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    return " \\\n".join(lines)


def export_size(spec: ModelSpec) -> str:
    return "" if spec.size_hw[0] == spec.training["settings"]["size"] else f" --size {spec.size_hw[0]}"
