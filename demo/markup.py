"""The pieces of HTML that show a result; their looks are in style.css."""

from html import escape

from demo import words
from demo.comparison import Comparison
from demo.looks import label
from engine.segmenter import Segmentation

EMPTY = """<div class="empty"><p class="empty-title">See what four runtimes make of one photo</p>
<p>Drop in a cat or a dog, paste a picture, use the camera, or press an example. It runs at once.</p></div>"""
UNREADABLE = """<div class="empty"><p class="empty-title">Nothing to show</p>
<p>The message in the corner says why. Try another photo, or choose another backend.</p></div>"""


def verdict_html(comparison: Comparison) -> str:
    left, right = (comparison.segmentations[name] for name in (comparison.left, comparison.right))
    lines = [
        f'<p class="verdict-same">{escape(words.verdict(left, right, comparison.agreement))}</p>',
        f'<p class="verdict-fast">{escape(words.race(comparison.left, comparison.right, comparison.medians))}</p>',
    ]
    if words.pets(right):
        lines.append(f'<p class="verdict-note">{escape(words.segmentation_in_words(right))}</p>')
    for reason in dict.fromkeys(comparison.failures.values()):
        names = " and ".join(label(name) for name, why in comparison.failures.items() if why == reason)
        lines.append(f'<p class="verdict-note">{escape(names)} cannot answer here: {escape(reason)}</p>')
    return f'<div class="verdict" role="status" aria-live="polite">{"".join(lines)}</div>'


def captions_html(comparison: Comparison) -> str:
    """The backends on either side of the slider, with the precision that really executes."""
    sides = [
        f"<span><b>{mark} {escape(label(name))}</b><br>executes {escape(comparison.precisions[name])}</span>"
        for mark, name in (("◧", comparison.left), ("◨", comparison.right))
    ]
    return f'<div class="captions">{"".join(sides)}</div>'


def difference_text(comparison: Comparison) -> str:
    left, right = label(comparison.left), label(comparison.right)
    return f"{left} and {right} differ on {words.percent(1 - comparison.agreement)} of the pixels."


def areas_html(comparison: Comparison) -> str:
    """Areas and confidence of both sides as a table with bars."""
    spec = comparison.segmentations[comparison.left].spec
    shares = [shares_of(comparison.segmentations[name]) for name in (comparison.left, comparison.right)]
    colors = {c.name: c.color for c in spec.objects} | {"background": "var(--body-text-color-subdued)"}
    rows = "".join(
        f'<tr><th scope="row">{name}</th>' + "".join(bar_cell(side[name], colors[name]) for side in shares) + "</tr>"
        for name in shares[0]
    )
    sure = "".join(
        f"<td>{confidence_text(comparison.segmentations[n])}</td>" for n in (comparison.left, comparison.right)
    )
    heads = "".join(f'<th scope="col">{escape(label(n))}</th>' for n in (comparison.left, comparison.right))
    return (
        f'<table class="areas"><thead><tr><th></th>{heads}</tr></thead><tbody>{rows}'
        f'<tr><th scope="row">mean probability</th>{sure}</tr></tbody></table>'
    )


def shares_of(segmentation: Segmentation) -> dict[str, float]:
    return {**segmentation.areas, "background": 1 - sum(segmentation.areas.values())}


def bar_cell(share: float, color: str) -> str:
    bar = f'<span class="bar" style="width:{share * 100:.1f}%;background:{color}"></span>'
    return f"<td><span class='track'>{bar}</span>{words.percent(share)}</td>"


def confidence_text(segmentation: Segmentation) -> str:
    return "no pet" if segmentation.confidence is None else words.percent(segmentation.confidence)
