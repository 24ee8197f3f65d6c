"""The pieces of HTML of the Lab tab; their looks are in style.css."""

from collections.abc import Mapping, Sequence
from html import escape

from demo import lab_words
from demo.lab_run import LabResult
from demo.looks import LOOKS, color, label
from demo.words import milliseconds, percent
from engine.progress import Step

INTRO = """<div class="lab-intro"><h2 class="empty-title">Which runtime should answer on this machine?</h2>
<p>Press the button: the chosen backends take turns on one picture, in a process of their own, and you get the answer
in a sentence with its proof in charts.</p></div>"""
WAITING = '<div class="working"><p>In line: one benchmark runs at a time. Your place is shown on the right.</p></div>'


def working_html(step: Step, label: str = "Benchmark") -> str:
    """How far it is, as a bar and in words; `label` is the bar's for a screen reader."""
    share = f"{step.share * 100:.0f} %"
    left = "" if step.left_s is None else f", {duration(step.left_s)} left"
    what = step.what[0].upper() + step.what[1:]
    return (
        f'<div class="working"><p><b>{escape(named(what))}</b> · {share}{left}</p>'
        f'<div class="track" role="progressbar" aria-label="{escape(label)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{step.share * 100:.0f}"><span class="bar" style="width:{step.share * 100:.1f}%"></span></div>'
        "</div>"
    )


def note_html(text: str) -> str:
    """One line where the progress was."""
    return f'<div class="working"><p>{escape(text)}</p></div>'


def duration(seconds: float) -> str:
    """ "about 40 s", "about 2 min"."""
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"


def named(text: str) -> str:
    """A sentence of the engine with the names of backends as a reader knows them."""
    for name in sorted(LOOKS, key=len, reverse=True):
        for around in (" {} ", "'{}'"):
            text = f"{text} ".replace(around.format(name), around.format(label(name)))[:-1]
    return text


def verdict_html(result: LabResult) -> str:
    """The sentence, what it was measured with, the advice, and who is missing and why."""
    benchmark = result.benchmark
    assert benchmark is not None  # a run without one has no result to show
    lines = [f'<h2 class="verdict-same">{escape(lab_words.headline(benchmark))}</h2>']
    if benchmark["cancelled"]:
        lines.append('<p class="verdict-fast">Cancelled: this is what was measured until then.</p>')
    if benchmark["backends"]:
        lines.append(f'<p class="verdict-note">{escape(lab_words.circumstances(benchmark))}</p>')
    troubles = [(label(name), reason) for name, reason in benchmark["unavailable"].items()]
    troubles += [(named(f" {name} ").strip(), reason) for name, reason in benchmark["failed"].items()]
    if result.sweep_trouble:
        troubles.append(("Sweep", result.sweep_trouble))
    lines += [f'<p class="verdict-note"><b>{escape(who)}:</b> {escape(why)}</p>' for who, why in troubles]
    advice = "".join(f"<li>{escape(each['text'])}</li>" for each in benchmark["advice"])
    return f'<div class="verdict" role="status" aria-live="polite">{"".join(lines)}</div>' + (
        f'<ul class="advice" aria-label="Advice">{advice}</ul>' if advice else ""
    )


def sweep_html(sentence: str, is_cancelled: bool) -> str:
    """The sentence on the sweet spot."""
    note = '<p class="verdict-note">Cancelled: only these settings were measured.</p>' if is_cancelled else ""
    return f'<div class="verdict"><p class="verdict-fast">{escape(sentence)}</p>{note}</div>'


def layers_html(layers: Mapping) -> str:
    """The dearest layers, each backend beside the other, with the precision they execute in."""
    backends = list(layers["backends"])
    most = max((ms for row in layers["dearest"] for ms in row["ms"].values()), default=1.0)
    heads = ["Layer", *(label(name) for name in backends)]
    rows = [[escape(row["what"]), *(layer_cell(row, name, most) for name in backends)] for row in layers["dearest"]]
    return section("The dearest layers", lab_words.layers_sentence(layers), table("layers", heads, rows))


def layer_cell(row: Mapping, backend: str, most: float) -> str:
    if backend not in row["ms"]:
        return "in another layer"
    ms = row["ms"][backend]
    bar = f'<span class="bar" style="width:{ms / most * 100:.0f}%;background:{color(backend)}"></span>'
    return f'<span class="track">{bar}</span><span class="number">{ms:.2f} ms, {row["precision"][backend]}</span>'


def startup_html(backends: Mapping[str, Mapping]) -> str:
    """What it costs to start each backend anew."""
    heads = ["Backend", "Import", "Load", "Compile", "First call", "In memory", "At most", "File"]
    keys = ("import_ms", "load_ms", "compile_ms", "first_inference_ms")
    rows = [
        [
            named_cell(name),
            *(milliseconds(entry["startup"][key]) for key in keys),
            *(f"{entry['startup'][key]:.0f} MB" for key in ("resident_mb", "peak_mb")),
            f"{entry['artefact_mb']:.1f} MB",
        ]
        for name, entry in backends.items()
        if "startup" in entry
    ]
    return section("Start-up and memory", "Each was started in a new process.", table("startup", heads, rows))


def roofline_html(roofline: Mapping) -> str:
    """How near each network comes to what this machine can do."""
    heads = ["Backend", "Network alone", "Reaches", "Of its peak", "Least possible"]
    rows = [
        [
            named_cell(name),
            milliseconds(entry["network_ms"]),
            f"{entry['achieved_gops']:.0f} Gop/s",
            f"{percent(entry['share_of_peak'])} of {entry['peak_gops']:.0f} Gop/s",
            milliseconds(entry["least_ms"]),
        ]
        for name, entry in roofline["backends"].items()
    ]
    return section(
        "How near to the machine's limit", lab_words.roofline_sentence(roofline), table("roofline", heads, rows)
    )


def section(title: str, sentence: str, content: str) -> str:
    return f"<h3>{escape(title)}</h3><p>{escape(sentence)}</p>{content}"


def named_cell(backend: str) -> str:
    return f'<span class="dot" style="background:{color(backend)}"></span>{escape(label(backend))}'


def table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose cells are HTML already; the first of a row is its head."""
    head = "".join(f'<th scope="col">{escape(each)}</th>' for each in heads)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>{"".join(f"<td>{cell}</td>" for cell in row[1:])}</tr>' for row in rows
    )
    return (
        f'<div class="scroll"><table class="figures {name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )
