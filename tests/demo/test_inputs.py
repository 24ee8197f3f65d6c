"""What comes in from a viewer."""

import gradio as gr
import pytest

from demo.inputs import hex_color, plainly
from engine.errors import InputError


@pytest.mark.parametrize(
    ("color", "expected"),
    [
        ("#009E73", "#009E73"),
        ("rgb(0, 158, 115)", "#009e73"),
        ("rgba(0, 157.6, 115.2, 0.5)", "#009e73"),
        ("rgba(300, 0, 0, 1)", "rgba(300, 0, 0, 1)"),  # left to the engine to refuse
        ("rgb(1)", "rgb(1)"),
        ("rgb", "rgb"),
        ("teal", "teal"),
    ],
)
def test_the_pickers_colours_become_hexadecimal(color, expected):
    assert hex_color(color) == expected


def test_a_refusal_keeps_its_words_and_a_bug_stays_one():
    @plainly
    def refuse():
        raise InputError("No photo came.")

    @plainly
    def fail():
        raise KeyError("bug")

    with pytest.raises(gr.Error, match=r"No photo came\."):
        refuse()
    with pytest.raises(KeyError):
        fail()
