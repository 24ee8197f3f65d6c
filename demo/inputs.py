"""What all tabs take from a viewer: pictures as files, and refusals in the engine's own words."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from engine.errors import EngineError

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def photo_input(**options: Any) -> gr.Image:
    """An image input that hands the uploaded file to the engine as it is, instead of decoding it first.

    So there is one door for pictures: the same formats, limits and sentences as on the command line. (The method is
    replaced on the instance, since Gradio writes a stub file beside the source of every subclass.)
    """
    component = gr.Image(type="filepath", **options)
    component.preprocess = lambda payload: None if payload is None else payload.path  # type: ignore[method-assign]
    return component


def plainly(handler: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Shows an `EngineError` in its own words; a bug stays a bug."""

    @wraps(handler)
    def wrapped(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        try:
            return handler(*args, **kwargs)
        except EngineError as error:
            raise gr.Error(str(error), duration=None, print_exception=False) from error

    return wrapped


def hex_color(color: str) -> str:
    """A colour as Gradio's picker gives it, "rgba(0, 158, 115.2, 1)" or "#009e73", as "#009e73".

    What is neither comes back as it is, for the engine to refuse.
    """
    if not color.startswith("rgb") or "(" not in color:
        return color
    try:
        values = [round(float(part)) for part in color.partition("(")[2].rstrip(") ").split(",")[:3]]
        return "#" + bytes(values).hex() if len(values) == 3 else color
    except ValueError:
        return color
