# make demo    the page on http://127.0.0.1:7860
# make check   style, types and the quick tests: a minute, before every commit
# make test    all tests
# make lint    style and types
# make numbers measures this machine (a quarter of an hour) and writes its figures into the README, docs/ and the cards;
#              what a visitor of the page waits for as well, where there is Chromium
# make pictures takes the screenshots in docs/ anew: two minutes with headless Chromium
# make soak    the same of the Live tab: twenty minutes with headless Chromium
# make space   build/space, the folder that a Space of Hugging Face starts from; HARDWARE=zerogpu for ZeroGPU,
#              REPO=user/name to upload it (docs/hosting.md)
#
# VENV may live outside the checkout: make test VENV=/some/folder

VENV ?= .venv
PYTHON ?= python3
HARDWARE ?= cpu
BIN = $(VENV)/bin
unexport PYTHONDONTWRITEBYTECODE  # what is compiled once need not be compiled again

.PHONY: demo check test lint numbers pictures soak space clean

demo: $(VENV)/requirements.stamp
	$(BIN)/python app.py

check: lint
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not browser and not slow and not timing"

# Two workers, whose threads rather sleep than spin while the other computes; what measures time runs by itself, after.
test: $(VENV)/requirements-dev.stamp
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder -m "not timing"
	$(BIN)/python -m pytest -m timing

lint: $(VENV)/requirements-dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

numbers: $(VENV)/requirements-dev.stamp $(VENV)/rivals
	$(BIN)/python benchmarks/publish.py

pictures: $(VENV)/requirements-dev.stamp
	$(BIN)/python -m tools.pictures

soak: $(VENV)/requirements-dev.stamp
	$(BIN)/python benchmarks/publish.py --only soak --only soak_two

space: $(VENV)/requirements.stamp
	$(BIN)/python -m tools.space --hardware $(HARDWARE) $(if $(REPO),--repo $(REPO))

# Intel's ModelAPI, to be measured against; by itself, since it asks for an older OpenCV than the pins.
$(VENV)/rivals: $(VENV)/requirements.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $@ openvino-model-api==0.4.7

# A stamp stands for an environment that holds what the file of its name asks for.
$(VENV)/%.stamp: %.txt requirements.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

clean:
	rm -rf .venv build .pytest_cache .ruff_cache .mypy_cache
