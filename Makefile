# make demo    the page on http://127.0.0.1:7860
# make test    all tests
# make lint    style and types
#
# VENV may live outside the checkout: make test VENV=/some/folder

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin

.PHONY: demo test lint clean

demo: $(VENV)/requirements.stamp
	$(BIN)/python app.py

test: $(VENV)/requirements-dev.stamp
	$(BIN)/python -m pytest

lint: $(VENV)/requirements-dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A stamp stands for an environment that holds what the file of its name asks for.
$(VENV)/%.stamp: %.txt requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf .venv .pytest_cache .ruff_cache .mypy_cache
