"""Scores as a person reads them in a terminal; shared by the commands that score."""

from engine.metrics import HEADLINES, value_at
from engine.score_table import ModelScores

# Heading -> headline score; the means of the photos' own scores are told of one artefact and by `--json`.
COLUMNS = {
    "outline IoU": "outline.dataset_iou",
    "binary IoU": "binary.dataset_iou",
    "trimap mIoU": "trimap.mean_iou",
    "species mIoU": "species.mean_iou",
    "boundary": "boundary_iou",
    "pixels": "pixel_accuracy",
}
WIDTH, FIRST = 18, 24
FEW = 3  # breeds that are named at either end


def span(low: float, high: float) -> str:
    return f"[{low:.4f}, {high:.4f}]"


def points(difference: float) -> str:
    """A difference of two shares in points: "+0.04"."""
    return f"{difference * 100:+.2f}"


def columns(first: str, cells: list[str]) -> str:
    return (f"  {first:<{FIRST}}" + "".join(f"{cell:<{WIDTH}}" for cell in cells)).rstrip()


def print_report(report: dict) -> None:
    """The scores of one artefact, a protocol a line."""
    ci95 = {name: span(*report["ci95"][name]) for name in HEADLINES}
    for name in ("outline", "binary"):
        print(
            f"  {name:<9} dataset IoU {report[name]['dataset_iou']:.4f} {ci95[f'{name}.dataset_iou']}, "
            f"mean image IoU {report[name]['mean_image_iou']:.4f} {ci95[f'{name}.mean_image_iou']}"
        )
    for name in ("trimap", "species"):
        classes = ", ".join(f"{n} {v:.4f}" for n, v in report[name]["per_class"].items() if v is not None)
        print(f"  {name:<9} mean IoU {report[name]['mean_iou']:.4f} {ci95[f'{name}.mean_iou']} ({classes})")
    print(f"  boundary  IoU {report['boundary_iou']:.4f} {ci95['boundary_iou']}")
    print(f"  pixels    accuracy {report['pixel_accuracy']:.4f} {ci95['pixel_accuracy']}")
    print_groups(report)


def print_groups(report: dict) -> None:
    """What is found, species, breeds and calibration of one artefact, a line each."""
    found = report["found"]
    print(
        f"  found     {found['found']:,} of {found['photos']:,} photos, {found['unsure']:,} unsure, "
        f"{found['nothing']:,} nothing; {found['right_species']:,} of the right species"
    )
    if alarms := report.get("false_alarms"):
        print(
            f"  alarms    {alarms['found']:,} found and {alarms['unsure']:,} unsure on {alarms['photos']:,} photos "
            "without a pet"
        )
    species = [
        f"{name} {group['dataset_iou']:.4f} ({group['images']:,} photos, {group['species_accuracy']:.1%} called so)"
        for name, group in report["by_species"].items()
    ]
    print(f"  species   binary IoU: {', '.join(species)}")
    ranked = sorted(report["by_breed"].items(), key=lambda item: item[1]["dataset_iou"])
    few = min(FEW, len(ranked) // 2)
    if few:
        lowest, highest = (
            ", ".join(f"{name} {group['dataset_iou']:.3f}" for name, group in some)
            for some in (ranked[:few], ranked[: -few - 1 : -1])
        )
        print(f"  breeds    worst: {lowest}; best: {highest}")
    calibration = report["calibration"]
    errors = [f"{calibration['pixels']['ece']:.2%} of p(pet) a pixel"]
    if "pixels_without_border" in calibration:
        errors.append(f"{calibration['pixels_without_border']['ece']:.2%} with the border left out")
    if "found" in calibration:
        errors.append(f"{calibration['found']['ece']:.2%} of the confidence in a pet")
    print(f"  ECE       {', '.join(errors)}")


def print_table(models: list[ModelScores], reports: dict[str, dict]) -> None:
    """The table: two lines for each artefact, the scores and their intervals, and what INT8 changes."""
    print(columns("", list(COLUMNS)))
    for each in models:
        report = reports[each.name]
        print(f"{each.name} {each.model.spec.version}")
        for artefact, scores in report["artefacts"].items():
            print(columns(artefact, [f"{value_at(scores, name):.4f}" for name in COLUMNS.values()]))
            print(columns(f"  on {scores['backend']}", [span(*scores["ci95"][name]) for name in COLUMNS.values()]))
        for artefact, reason in report["unavailable"].items():
            print(columns(artefact, [f"not here: {reason}"]))
        if changes := report["int8_minus_fp32"]:
            print(columns("INT8 - FP32, in points", [points(changes[name]["difference"]) for name in COLUMNS.values()]))
            spans = [[points(end) for end in changes[name]["ci95"]] for name in COLUMNS.values()]
            print(columns("", [f"[{low}, {high}]" for low, high in spans]))
        print(f"  of {each.shown}:")
        print_groups(report["artefacts"][each.shown])
