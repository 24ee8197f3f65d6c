"""What a picture that is handed out says of itself, in the text chunks of its PNG."""

from datetime import UTC, datetime

from PIL.PngImagePlugin import PngInfo

from engine.spec import ModelSpec


def png_notes(spec: ModelSpec, lane: str, machine: str, when: datetime | None = None) -> PngInfo:
    """Software, model, lane, machine and date as text chunks.

    Args:
        spec: the model's.
        lane: the backend that ran it.
        machine: in words.
        when: it was made; now, without it.

    Source: PNG specification, third edition, 11.3.3.2 (keywords "Software" and "Creation Time").
    """
    notes = PngInfo()
    made = (when or datetime.now(UTC)).isoformat(timespec="seconds")
    for keyword, text in {
        "Software": "Whisker",
        "Model": f"{spec.name} {spec.version}",
        "Lane": f"{spec.name}:{lane}",
        "Machine": machine,
        "Creation Time": made,
    }.items():
        notes.add_text(keyword, text)
    return notes
