"""A model's card as Markdown: model.json in, text out; every figure is one of model.json."""

import shlex
import textwrap
from pathlib import Path

from engine.score_table import INT8_IR
from engine.spec import ModelSpec
from train.cards.score_text import (
    by_species_text,
    calibration_text,
    filled,
    finding_section,
    robustness_section,
    score_table,
)
from train.recipe import Recipe
from train.revision import STEPS

OFFICIAL_TEST = 3669  # photos of the test split, torchvision.datasets.OxfordIIITPet
SOURCES = {
    "imagenet": "torchvision's MobileNet_V2_Weights.IMAGENET1K_V2 (BSD-3-Clause)",
    "mobilenet_v2_voc.pth": "the encoder of TensorFlow's DeepLab MobileNetV2, trained on ImageNet, COCO and VOC "
    "(Apache-2.0), as a torchvision state dict",
    "mobilenet_v2_imagenet.pth": "MobileNetV2 of the ONNX model zoo, trained on ImageNet (Apache-2.0), as a "
    "torchvision state dict",
    "vit_tiny_patch16_224_torchvision.pth": 'the vision transformer of size tiny of Steiner et al., "How to train your '
    'ViT?", trained on ImageNet-21k and ImageNet (Apache-2.0), as a torchvision state dict',
    "none": "nothing",
}
MOBILENET = 'Sandler et al., "MobileNetV2", CVPR 2018. Yu et al., "BiSeNet", ECCV 2018.'
TRANSFORMER = f'Dosovitskiy et al., "An Image is Worth 16x16 Words", ICLR 2021. {MOBILENET}'
CITED = {"fastsegnet": TRANSFORMER, "fastsegnet-large": TRANSFORMER, "fastsegnet-cnn": MOBILENET}
# Settings that the card tells in words, or that change nothing that is learnt.
TOLD = (
    "network", "encoder_weights", "initial_weights", "epochs", "batch_size", "size", "scenes", "lovasz", "seed",
    "workers", "precision",
)  # fmt: skip


def render(spec: ModelSpec) -> str:
    """The card; sections whose figures model.json does not hold yet are left out."""
    network, (height, width) = spec.network, spec.size_hw
    parts = [
        f"""---
license: mit
pipeline_tag: image-segmentation
tags: [image-segmentation, openvino, nncf, pets]
---

# {spec.name} {spec.version}

Finds cats and dogs in a photo: every pixel is background, cat or dog. It is made for CPUs, and comes as PyTorch, ONNX,
OpenVINO FP32 and OpenVINO INT8, all from one set of weights.

| | |
|---|---|
| architecture | {network["architecture"]} |
| size | {network["parameters"] / 1e6:.2f} M parameters, {network["gmacs"]:.2f} G multiply-adds |
| input | `batch` uint8 (N, {height}, {width}, 3) RGB, stretched to that size; normalisation is inside |
| output | `logits` float32 (N, {len(spec.classes)}, {height}, {width}): {", ".join(c.name for c in spec.classes)} |
| licence | {spec.licence} |

## Scores
""",
        filled(
            f"Test split of Oxford-IIIT Pet, {scored_photos(spec)}, at the annotation's own resolution, each artefact "
            "run through the engine. Outline is the mask that a user gets, the annotated border ignored. Binary counts "
            "the border as pet, in prediction and annotation; trimap is pet, background and border; species ignores "
            f"the border.{interval_words(spec)}"
        ),
        score_table([spec]),
        by_species_text(spec),
        calibration_text(spec),
        finding_section(spec),
        robustness_section(spec),
        speed_section(spec),
        training_section(spec),
        """## Limits

Trained on photos of one cat or dog that fills much of the frame, and on scenes composed of them: several animals, small
ones, grounds without any. Half hidden animals, drawings and other species are outside what it has seen; other furry
animals are often called cat or dog.

## Source""",
        filled(
            'Parkhi, Vedaldi, Zisserman, Jawahar, "Cats and Dogs", CVPR 2012 (pictures and annotations CC BY-SA 4.0). '
            f"{CITED.get(network['architecture'], '')} Made by commit `{spec.commit[:12]}` with "
            f"{', '.join(f'{name} {v}' for name, v in spec.versions.items())}."
        ),
    ]
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def scored_photos(spec: ModelSpec) -> str:
    """How many photos the scores are of, and of how many where the copy of the dataset holds fewer."""
    counts = sorted({a.metrics["images"] for a in spec.artefacts.values() if a.metrics})
    if not counts:
        return "no photos"
    text = " or ".join(f"{count:,}" for count in counts)
    return f"{text} photos" if counts == [OFFICIAL_TEST] else f"a copy with {text} of its {OFFICIAL_TEST:,} photos"


def interval_words(spec: ModelSpec) -> str:
    has_intervals = any("ci95" in artefact.metrics for artefact in spec.artefacts.values())
    return " In brackets, 95 % intervals by the bootstrap over the photos." if has_intervals else ""


def speed_section(spec: ModelSpec) -> str:
    """Latencies, where they were measured."""
    if not spec.speed:
        return ""
    rows = "\n".join(
        f"| {name} | {entry['median']:.1f} ms | {entry['p90']:.1f} ms | {entry['p99']:.1f} ms |"
        for name, entry in spec.speed["latency_ms"].items()
    )
    return f"""## Speed

On {spec.speed["machine"]}, from a decoded picture to its mask, by
`{spec.speed["command"]}`:

| backend | median | p90 | p99 |
|---|---|---|---|
{rows}"""


def training_section(spec: ModelSpec) -> str:
    """Data, settings, quantization, and the commands that do it again."""
    settings, quantization = spec.training["settings"], spec.training.get("quantization", {})
    paragraph = (
        f"{spec.training['dataset']}. {spec.training['split']}. Choices were made on those; the test split gave the "
        f"scores above. {start_words(settings)} "
        f"{settings['epochs']} epochs{epoch_words(spec)}, batches of {settings['batch_size']}, {settings['size']} px, "
        f"AdamW, cosine schedule, {loss_words(settings)}, moving average of the weights.{other_settings(settings)}"
        f"{interpolation_words(spec)}{adjustment_words(spec)} "
        f"The pictures are single photos and, {scene_words(settings)}, scenes: collages, pets pasted on other grounds, "
        "grounds without a pet."
    )
    parts = [
        "## Training",
        filled(paragraph),
        filled(quantization_words(quantization)) if quantization else "",
        "To make this folder again (`ROOT` holds `oxford-iiit-pet/`):",
        f"""```
{fit_command(spec)}{interpolate_command(spec)}{adjust_command(spec)}
python -m train export --run {exported_run(spec)} --model models/{spec.name}{export_options(spec)}
python -m train quantize --model models/{spec.name} --data ROOT{quantize_options(spec)}
python -m train card --model models/{spec.name} --data ROOT
```""",
    ]
    return "\n\n".join(part for part in parts if part)


def epoch_words(spec: ModelSpec) -> str:
    """Which epoch the weights are of, where it is not the last."""
    return f", of which number {spec.training['epoch']} was taken" if "epoch" in spec.training else ""


def start_words(settings: dict) -> str:
    """What the weights were before the run."""
    first = settings.get("initial_weights", "none")
    if settings["encoder_weights"] == "none" and first != "none":
        return f"All weights start from `{first}` (train/LOG.md says what that is and whose weights came before)."
    names = (Path(source).name for source in settings["encoder_weights"].split(","))
    words = f"The encoder starts from {' and '.join(SOURCES.get(name, name) for name in names)}"
    if first != "none":
        words += f", the rest of the network from `{first}` (train/LOG.md says what that is)"
    return f"{words}."


def scene_words(settings: dict) -> str:
    """How many of the training pictures are composed."""
    share = settings.get("scenes")
    return "about as often" if share is None else f"{share:.0%} of the time"


def loss_words(settings: dict) -> str:
    share = settings.get("lovasz", 0)
    return "cross entropy" + (f" with {share:g} of a Lovász hinge" if share else "")


def other_settings(settings: dict) -> str:
    """The settings that are not the defaults of `fit` and that no sentence tells."""
    defaults = Recipe().settings()
    others = [
        f"{name.replace('_', ' ')} {value}"
        for name, value in settings.items()
        if name not in TOLD and value != defaults.get(name)
    ]
    return f" Other than by default: {', '.join(others)}." if others else ""


def quantization_words(quantization: dict) -> str:
    """How INT8 was made, as far as it is recorded."""
    pictures = quantization.get("subset_size") or len(quantization.get("calibration_sha256", []))
    how = [f"preset {quantization['preset']}"] if "preset" in quantization else []
    if "bias_correction" in quantization:
        how.append(f"{quantization['bias_correction']} bias correction")
    if quantization.get("range_estimator"):
        named = quantization["range_estimator"]
        how.append("activation ranges by " + ("NNCF's default" if named == "default" else named))
    how.append(f"calibrated on {pictures} of the training pictures (their hashes are in model.json)")
    text = f"INT8 is NNCF's post-training quantization, {', '.join(how)}."
    if quantization.get("reason"):
        text += f" {quantization['reason'].rstrip('.')}."
    if quantization.get("max_drop") is not None:
        text += f" At most {quantization['max_drop']:g} points might be lost."
    if layers := quantization.get("put_back"):
        text += f" Put back to FP32 for that: {', '.join(f'`{name}`' for name in layers)}."
    if "executes" in quantization:
        text += f" On the machine that made it, it executes {quantization['executes']}."
    return text


def fit_command(spec: ModelSpec) -> str:
    """The command of the training run: every setting that is not the default of `fit`."""
    defaults = Recipe().settings()
    options = {key: value for key, value in spec.training["settings"].items() if value != defaults.get(key)}
    if options.get("encoder_weights", "none") not in ("imagenet", "none"):
        options["encoder_weights"] = ",".join(f"WEIGHTS/{name}" for name in options["encoder_weights"].split(","))
    # A space at which no line is broken keeps an option and its value together.
    if "epoch" in spec.training:
        options["keep_every"] = spec.training["epoch"]
    words = [f"--{name.replace('_', '-')}\u00a0{shlex.quote(str(value))}" for name, value in options.items()]
    command = " ".join([f"python -m train fit --data ROOT --run runs/{spec.name}", *words])
    lines = textwrap.wrap(command, 108, subsequent_indent="    ", break_on_hyphens=False, break_long_words=False)
    return " \\\n".join(lines).replace("\u00a0", " ")


def interpolation_words(spec: ModelSpec) -> str:
    """Where the weights lie between two, where they do."""
    between = spec.training.get("interpolation")
    return f" The weights were then moved {between['share']:.0%} of the way to `{between['other']}`." if between else ""


def interpolate_command(spec: ModelSpec) -> str:
    """The command between training and export, on a line of its own, where there was one."""
    between = spec.training.get("interpolation")
    if not between:
        return ""
    return (
        f"\npython -m train interpolate --run {kept_run(spec)} --other {between['other']} --share {between['share']:g} "
        "--data ROOT"
    )


def adjustment_words(spec: ModelSpec) -> str:
    """What was added to the logits, where something was."""
    added = spec.training.get("adjustment")
    if not added:
        return ""
    return (
        f" {added['background']:+g} was added to the background's logit and {added['border']:+g} to the border's, "
        "which scored best on validation."
    )


def adjust_command(spec: ModelSpec) -> str:
    """The last command before export, on a line of its own, where there was one."""
    if not spec.training.get("adjustment"):
        return ""
    return f"\npython -m train adjust --run {interpolated_run(spec)} --data ROOT"


def kept_run(spec: ModelSpec) -> str:
    """The folder of the weights that `fit` wrote."""
    return f"runs/{spec.name}" + (f"/epoch-{spec.training['epoch']}" if "epoch" in spec.training else "")


def interpolated_run(spec: ModelSpec) -> str:
    """The folder of the weights after `interpolate`, if they were."""
    return kept_run(spec) + folder_ending(spec, "interpolation")


def exported_run(spec: ModelSpec) -> str:
    """The folder of the weights that were exported."""
    return interpolated_run(spec) + folder_ending(spec, "adjustment")


def folder_ending(spec: ModelSpec, step: str) -> str:
    """What a step adds to the name of a run's folder, if it was taken."""
    return f"-{STEPS[step]}" if spec.training.get(step) else ""


def quantize_options(spec: ModelSpec) -> str:
    """Those of the quantization that are not its defaults."""
    made = spec.artefacts.get(INT8_IR)
    return made.command.partition("--data ROOT")[2] if made else ""


def export_options(spec: ModelSpec) -> str:
    """Those of the export that are not its defaults."""
    size = "" if spec.size_hw[0] == spec.training["settings"]["size"] else f" --size {spec.size_hw[0]}"
    return size + (" --half" if "--half" in spec.artefacts["torch.pt2"].command else "")
