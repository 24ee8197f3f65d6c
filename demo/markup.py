"""The pieces of HTML that show a result; their looks are in photo.css."""

from html import escape
from urllib.parse import quote

from demo import words
from demo.answers import Seen
from demo.comparison import Comparison
from demo.looks import label
from demo.photo_handlers import sameness
from demo.timing import Timings
from engine.segmenter import FOUND, NOTHING, Segmentation

EMPTY = """<div class="empty"><h2 class="empty-title">Cut out your cat or dog</h2>
<p>Drop in a photo, paste one, use the camera, or press an example. Several at once come back as one ZIP.</p></div>"""


def file_url(path: str) -> str:
    """Where the page finds a file that the server wrote, relative to the page, which may live behind a prefix."""
    return f"gradio_api/file={quote(path)}"


def verdict_html(segmentation: Segmentation, touched_up: bool = False) -> str:
    """What was found, the pet first."""
    said, detail = words.headline(segmentation), words.detail(segmentation)
    if touched_up:
        said, detail = words.touched_headline(segmentation), words.segmentation_in_words(segmentation)
    lines = [f'<h2 class="verdict-found">{escape(said)}</h2>']
    if detail:
        lines.append(f'<p class="verdict-note">{escape(detail)}</p>')
    return f'<div class="verdict {segmentation.found}">{"".join(lines)}</div>'


def result_html(path: str, segmentation: Segmentation, view: str, preview: str | None = None) -> str:
    """The picture of the answer, as `demo.photo_handlers` wrote it.

    Args:
        path: of the picture.
        segmentation: the answer.
        view: what it is shown as, for a reader.
        preview: path of the photo itself where a browser cannot show its file; photo.js puts it in its place.
    """
    said = words.segmentation_in_words(segmentation)
    text = f"{view}. {said}" if segmentation.found == FOUND else said
    is_alone = path.endswith(".png")
    shown_as = f' data-preview="{escape(file_url(preview))}"' if preview else ""
    return (
        f'<figure class="answer{" checkered" if is_alone else ""}" data-found="{segmentation.found}"{shown_as}>'
        f'<img src="{escape(file_url(path))}" alt="{escape(text)}"></figure>'
    )


def trouble_html(text: str) -> str:
    """A refusal, where the result would be."""
    return (
        f'<div class="trouble" role="alert"><h2 class="verdict-found">That did not work</h2><p>{escape(text)}</p></div>'
    )


def note_html(text: str) -> str:
    """A word beside the answer, which stays as it is."""
    return f'<p class="note" role="status">{escape(text)}</p>'


def working_html(text: str) -> str:
    """What is being done, in words."""
    return f'<p class="speed-working">{escape(text)}</p>'


def speed_html(right: str, left: str, timings: Timings) -> str:
    """How fast, with intervals, or why it cannot be told; and who cannot answer here."""
    lines = [f'<p class="speed-said">{escape(words.speed(right, left, timings))}</p>']
    for reason in dict.fromkeys(timings.failures.values()):
        names = " and ".join(label(name) for name, why in timings.failures.items() if why == reason)
        lines.append(f'<p class="verdict-note">{escape(names)} cannot answer here: {escape(reason)}</p>')
    return "".join(lines)


def comparison_html(comparison: Comparison, left_path: str, right_path: str) -> str:
    """One picture over the other, and a slider that moves the line between them; arrow keys move it too."""
    sides = (comparison.left, left_path, "◧"), (comparison.right, right_path, "◨")
    pictures = "".join(
        f'<img class="side-{number}" src="{escape(file_url(path))}" '
        f'alt="{escape(label(seen.backend))}: {escape(words.segmentation_in_words(seen.segmentation))}">'
        for number, (seen, path, _) in enumerate(sides)
    )
    captions = "".join(
        f"<span><b>{mark} {escape(label(seen.backend))}</b><br>"
        f"executes {escape(comparison.precisions[seen.backend])}</span>"
        for seen, _, mark in sides
    )
    return (
        f'<p class="same-said">{escape(sameness(comparison))}</p><div class="captions">{captions}</div>'
        f'<div class="compare" style="--at:50%">{pictures}<div class="compare-line"></div>'
        '<input type="range" min="0" max="100" value="50" aria-label="Line between the two backends, in percent" '
        "oninput=\"this.parentElement.style.setProperty('--at', this.value + '%')\"></div>"
    )


def difference_html(comparison: Comparison, path: str) -> str:
    """Where the two disagree."""
    text = difference_text(comparison)
    return (
        f'<figure class="difference"><img src="{escape(file_url(path))}" alt="{escape(text)}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )


def difference_text(comparison: Comparison) -> str:
    left, right = label(comparison.left.backend), label(comparison.right.backend)
    return f"{left} and {right} differ on {words.percent(1 - comparison.agreement)} of the pixels."


def areas_html(left: Seen, right: Seen) -> str:
    """Areas and confidence of both sides as a table with bars."""
    sides = [(each.backend, each.segmentation) for each in (left, right)]
    spec = sides[0][1].spec
    colors = {c.name: c.color for c in spec.objects} | {"background": "var(--body-text-color-subdued)"}
    shares = [shares_of(segmentation) for _, segmentation in sides]
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        + "".join(bar_cell(side[name], colors[name]) for side in shares)
        + "</tr>"
        for name in shares[0]
    )
    sure = "".join(f"<td>{confidence_text(segmentation)}</td>" for _, segmentation in sides)
    heads = "".join(f'<th scope="col">{escape(label(name))}</th>' for name, _ in sides)
    return (
        f'<table class="areas"><thead><tr><td></td>{heads}</tr></thead><tbody>{rows}'
        f'<tr><th scope="row">confidence</th>{sure}</tr></tbody></table>'
    )


def shares_of(segmentation: Segmentation) -> dict[str, float]:
    return {**segmentation.areas, "background": 1 - sum(segmentation.areas.values())}


def bar_cell(share: float, color: str) -> str:
    bar = f'<span class="bar" style="width:{share * 100:.1f}%;background:{color}"></span>'
    return f"<td><span class='track'>{bar}</span>{words.percent(share)}</td>"


def confidence_text(segmentation: Segmentation) -> str:
    if segmentation.confidence is None:
        return "no pet"
    told = {FOUND: "", NOTHING: ", too little"}.get(segmentation.found, ", not sure")
    return words.percent(segmentation.confidence) + told
