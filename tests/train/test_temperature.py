"""A temperature against arithmetic done by hand."""

import numpy as np
import pytest

from train.__main__ import main
from train.temperature import Odds, crossed_error, expected_error, fit_temperature


def odds(value: float, right: int, wrong: int) -> Odds:
    """Pixels whose log-odds are this sure, on either side, and of which so many are right."""
    is_right = np.arange(right + wrong) < right
    sign = np.where(np.arange(right + wrong) % 2, 1, -1)
    return Odds(value * sign, np.where(is_right, sign > 0, sign < 0))


def test_the_temperature_makes_the_odds_what_they_are():
    # sigmoid(2 / T) = 3 / 4, so 2 / T = log(3).
    assert fit_temperature([odds(2.0, 300, 100)]) == pytest.approx(2 / np.log(3), rel=1e-6)


def test_odds_that_are_right_as_often_as_they_say_have_temperature_one():
    assert fit_temperature([odds(float(np.log(4)), 800, 200)]) == pytest.approx(1.0, rel=1e-6)


def test_tempering_removes_the_error():
    pictures = [odds(2.0, 300, 100), odds(2.0, 300, 100)]
    # sigmoid(2) = 0.8808, of which 0.75 came true.
    assert expected_error(pictures, 1.0) == pytest.approx(1 / (1 + np.exp(-2)) - 0.75, abs=1e-6)
    assert expected_error(pictures, 2 / np.log(3)) == pytest.approx(0, abs=1e-6)
    assert crossed_error(pictures) == pytest.approx(0, abs=1e-6)


def test_an_error_is_measured_on_pictures_that_were_not_fitted():
    # The halves want different temperatures, so each is tempered wrongly by the other's.
    assert crossed_error([odds(2.0, 300, 100), odds(2.0, 390, 10)]) > 0.1


def test_the_command_tells_temperature_and_what_it_would_move(exported, shared_dataset, capsys):
    command = ["temperature", "--model", exported, "--data", shared_dataset, "--backend", "openvino-fp32"]
    assert main([str(word) for word in command]) == 0
    printed = capsys.readouterr().out
    assert "2 validation pictures, border counted as pet" in printed
    assert "ECE" in printed
    assert "it moves" in printed
