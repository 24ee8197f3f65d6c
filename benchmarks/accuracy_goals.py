"""What this project set itself in accuracy, and what came out, as Markdown: model.json in, text out."""

from engine.metrics import value_at
from engine.score_table import INT8_IR
from engine.spec import ModelSpec

# Score -> what it is called, and the least of it by model.
LEAST = {
    "binary.dataset_iou": ("binary IoU", {"fastsegnet": 0.925, "fastsegnet-large": 0.935}),
    "binary.mean_image_iou": ("mean image IoU", {"fastsegnet": 0.915, "fastsegnet-large": 0.925}),
    "trimap.mean_iou": ("trimap mIoU", {"fastsegnet": 0.815, "fastsegnet-large": 0.830}),
    "species.mean_iou": ("species mIoU", {"fastsegnet": 0.935, "fastsegnet-large": 0.945}),
}
MAX_LOSS = 0.2  # points that INT8 may lose of any of these
MAX_MILLIONS = {"fastsegnet": 2.5, "fastsegnet-large": 6.0}  # of parameters


def accuracy_goal_table(specs: list[ModelSpec]) -> str:
    """Goals by row, models by column: the goal, what INT8 scores on the test split, whether that reaches it.

    A score itself counts, not the lower end of its interval.
    """
    specs = [spec for spec in specs if spec.name in MAX_MILLIONS]
    head = "".join(f" {spec.name} | goal | reached |" for spec in specs)
    rows = [f"| INT8 on the test split |{head}", "|---|" + "---|---|---|" * len(specs)]
    for name, (words, least) in LEAST.items():
        cells = ""
        for spec in specs:
            value, goal = value_at(spec.artefacts[INT8_IR].metrics, name), least[spec.name]
            cells += f" {value:.4f} | {goal:.3f} | {yes(value >= goal)} |"
        rows.append(f"| {words}, at least |{cells}")
    lost, size = "", ""
    for spec in specs:
        loss, millions, most = largest_loss(spec), spec.network["parameters"] / 1e6, MAX_MILLIONS[spec.name]
        lost += f" {loss:.2f} | {MAX_LOSS:g} | {yes(loss <= MAX_LOSS)} |"
        size += f" {millions:.2f} M | {most:g} M | {yes(millions <= most)} |"
    rows += [f"| points that INT8 loses of these, at most |{lost}", f"| parameters, at most |{size}"]
    return "\n".join(rows)


def largest_loss(spec: ModelSpec) -> float:
    """Of the judged scores, in points; a gain counts as 0."""
    changes = spec.evaluation["int8_minus_fp32"]
    return max(0.0, *(-100 * changes[name]["difference"] for name in LEAST))


def yes(reached: bool) -> str:
    return "yes" if reached else "**no**"
