"""The scores of models as Markdown, for their cards and the README: model.json in, text out."""

import textwrap
from collections.abc import Callable, Mapping

from engine.metrics import value_at
from engine.spec import ModelSpec

# Heading -> headline score; the means of the photos' own scores are in docs/accuracy.md only.
COLUMNS = {
    "outline IoU": "outline.dataset_iou",
    "binary IoU": "binary.dataset_iou",
    "trimap mIoU": "trimap.mean_iou",
    "species mIoU": "species.mean_iou",
    "boundary IoU": "boundary_iou",
    "pixel accuracy": "pixel_accuracy",
}
MEANS = {"outline, mean image": "outline.mean_image_iou", "binary, mean image": "binary.mean_image_iou"}
UNKNOWN = "-"  # a score that is younger than what scored the model
WIDTH = 120  # of a paragraph
FEW = 5  # breeds at either end that the card names


def score_table(specs: list[ModelSpec], columns: Mapping[str, str] = COLUMNS) -> str:
    """A row for each artefact of each model, and for what INT8 changes; the model is named where there are several.

    Args:
        specs: of the models.
        columns: headings with the headline score of each.
    """
    several = len(specs) > 1
    headings = [*(["model"] if several else []), "artefact", "MB", *columns]
    rows = [row(headings), "|" + "---|" * len(headings)]
    for spec in specs:
        first = [spec.name] if several else []
        for name, artefact in spec.artefacts.items():
            if artefact.metrics:
                rows.append(
                    row([*first, f"`{name}`", f"{artefact.size_mb:.2f}", *score_cells(artefact.metrics, columns)])
                )
        if changes := spec.evaluation.get("int8_minus_fp32"):
            cells = [
                f"{points(changes[name]['difference'])} {bracketed(changes[name]['ci95'], points)}"
                if name in changes
                else UNKNOWN
                for name in columns.values()
            ]
            rows.append(row([*first, "INT8 - FP32, in points", "", *cells]))
    return "\n".join(rows)


def row(cells: list[str]) -> str:
    """A line of a table; an empty cell has one space, as has Markdown that people write."""
    return "|" + "|".join(f" {cell} " if cell else " " for cell in cells) + "|"


def score_cells(metrics: dict, columns: Mapping[str, str]) -> list[str]:
    """The headline scores of an artefact, with their intervals where these are known."""
    cells = []
    for name in columns.values():
        if name.split(".")[0] not in metrics:
            cells.append(UNKNOWN)
            continue
        text = f"{value_at(metrics, name):.4f}"
        if "ci95" in metrics:
            text += f" {bracketed(metrics['ci95'][name], lambda end: f'{end:.3f}')}"
        cells.append(text)
    return cells


def points(difference: float) -> str:
    """A difference of two shares in points: "+0.04"."""
    return f"{difference * 100:+.2f}"


def bracketed(interval: list[float], text: Callable[[float], str]) -> str:
    """ "[0.905, 0.915]", each end in the words of `text`."""
    low, high = interval
    return f"[{text(low)}, {text(high)}]"


def by_species_text(spec: ModelSpec) -> str:
    """How each species does, and the breeds at either end."""
    if "by_species" not in spec.evaluation:
        return ""
    rows = [row(["", "photos", "binary IoU", "mean image IoU", "called cat", "called dog", "not found"])]
    rows.append("|" + "---|" * 7)
    for name, group in spec.evaluation["by_species"].items():
        called = [str(group["called"][key]) for key in ("cat", "dog", "nothing")]
        rows.append(row([name, f"{group['images']:,}", *group_cells(group), *called]))
    breeds = sorted(spec.evaluation["by_breed"].items(), key=lambda item: item[1]["dataset_iou"])
    few = min(FEW, len(breeds) // 2)
    rows += ["", f"The {few} breeds that do worst, and the {few} that do best; all are in model.json:", ""]
    rows += [row(["breed", "photos", "binary IoU", "mean image IoU", "called by its species"]), "|" + "---|" * 5]
    for name, group in (*breeds[:few], *breeds[-few:]):
        words = name.replace("_", " ")
        rows.append(row([words, str(group["images"]), *group_cells(group), f"{group['species_accuracy']:.1%}"]))
    return f"By species, of `{spec.evaluation['artefact']}`:\n\n" + "\n".join(rows)


def group_cells(group: dict) -> list[str]:
    interval = bracketed(group["dataset_iou_ci95"], lambda end: f"{end:.3f}")
    return [f"{group['dataset_iou']:.4f} {interval}", f"{group['mean_image_iou']:.4f}"]


def calibration_text(spec: ModelSpec) -> str:
    """What a probability is worth."""
    calibration = spec.evaluation.get("calibration")
    if not calibration:
        return ""
    text = (
        f"Calibration (expected calibration error, {calibration['bins']} bins, Guo et al., ICML 2017): "
        f"{calibration['pixels']['ece']:.2%} of p(not background) of a pixel, the border counted as pet"
    )
    if "pixels_without_border" in calibration:
        text += f" ({calibration['pixels_without_border']['ece']:.2%} with the border left out)"
    if "found" in calibration:
        text += (
            f"; {calibration['found']['ece']:.2%} of the confidence shown with a pet, against the share of its mask "
            "that is one, the border left out"
        )
    lines = [filled(text + ".")]
    if table := calibration["pixels"]["table"]:
        lines += ["", row(["p(not background)", "mean", "really pet", "share of the pixels"]), "|" + "---|" * 4]
        lines += [
            row([
                f"{each['from']:.2f} to {each['to']:.2f}", f"{each['mean_probability']:.3f}",
                f"{each['came_true']:.3f}", f"{each['share']:.1%}",
            ])
            for each in table
        ]  # fmt: skip
    return "\n".join(lines)


def finding_section(spec: ModelSpec) -> str:
    """When a pet counts as found, and what that costs."""
    told = spec.evaluation.get("finding")
    if not told:
        return ""
    text = (
        f"A pet is found where the confidence in it is {spec.finding.found:.3f} or more, perhaps one from "
        f"{spec.finding.unsure:.3f} on, and below that there is nothing. Chosen by `python -m train threshold` so that "
        f"{told['called_nothing']:.0%} of {told['photos']:,} everyday photos with a cat or a dog are called nothing "
        f"and {told['not_found']:.0%} are not called found. Beside it, {told['photos_without']:,} photos without one, "
        "many of them of other animals, which this network has never seen:"
    )
    rows = [row(["confidence from", "photos with a pet that are below", "photos without one that are not"])]
    rows.append("|" + "---|" * 3)
    rows += [
        row([f"{each['threshold']:.3f}", f"{each['below']:.1%}", f"{each['false_alarms']:.1%}"])
        for each in told["curve"]
    ]
    return "\n\n".join(["## Found or not", filled(text), "\n".join(rows)])


def robustness_section(spec: ModelSpec) -> str:
    """Scores on disturbed photos, FP32 beside INT8, and what is lost."""
    robustness = spec.evaluation.get("robustness")
    if not robustness:
        return ""
    plain = robustness["rows"][0]["scores"]
    names = list(plain)
    words = [name.removeprefix("openvino-").upper() for name in names]
    headings = [f"{what}, {word}" for what in ("binary IoU", "species mIoU") for word in words]
    rows = [row(["photos", *headings, "INT8 - FP32, binary, in points"]), "|" + "---|" * (len(headings) + 2)]
    for each in robustness["rows"]:
        cells = []
        for key in ("binary.dataset_iou", "species.mean_iou"):
            for name in names:
                value = each["scores"][name][key]
                lost = f" ({points(value - plain[name][key])})" if each is not robustness["rows"][0] else ""
                cells.append(f"{value:.4f}{lost}")
        change = each["int8_minus_fp32"]
        title = f"{each['kind']}, {each['strength']}" if each["strength"] else each["kind"]
        rows.append(row([title, *cells, f"{points(change['difference'])} {bracketed(change['ci95'], points)}"]))
    text = (
        f"On {robustness['images']:,} photos of the test split; in brackets what is lost, in points, against the "
        "photos as they are. Small pets: the photo is shrunk and lies on a plain ground, or is mirrored over the "
        "canvas."
    )
    return "\n\n".join(["## Disturbed photos", filled(text), "\n".join(rows)])


def filled(text: str) -> str:
    """A paragraph, wrapped."""
    return "\n".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))
