# Each target does all the set-up it needs: Python 3.11 or newer and make are enough. All of them may be repeated.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.installed
# Watching every line makes tests slower by half: only the core, whose coverage is asked for, is watched.
CORE := tests/derive tests/flows tests/measures

.PHONY: demo test test-browser check notebooks docs figure accuracy bench clean

demo: $(READY)  ## mode-learning curves of the digits data, in the folder fa-dynamics-demo
	$(BIN)/fa-dynamics demo

test: $(READY)  ## the tests, those of the core with coverage
	$(BIN)/python -m pytest -n 2 --dist loadfile $(CORE) --cov --cov-report=
	$(BIN)/python -m coverage report --include="fa_dynamics/derive/*,fa_dynamics/flows/*,fa_dynamics/measures/*" \
		--fail-under=95
	$(BIN)/python -m pytest -n 2 --dist loadfile tests $(CORE:%=--ignore=%)

check: $(READY)  ## lint and docstrings, format, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: $(READY)  ## run every notebook from top to bottom
	$(BIN)/python -m pytest -n 2 --nbmake notebooks

figure: $(READY)  ## the figure of the README
	$(BIN)/fa-dynamics demo
	cp fa-dynamics-demo/modes.png docs/images/modes.png

test-browser: $(READY)  ## the explorer in headless Chromium, which has to be installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[browser]"
	$(BIN)/python -m pytest tests/browser

docs: $(READY)  ## the site, in docs/_build/html
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[docs]"
	$(BIN)/python -m sphinx -q -b html -W --keep-going -n docs docs/_build/html

accuracy: $(READY)  ## 20,000 chains against arithmetic of 150 digits: minutes
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]"
	$(BIN)/python benchmarks/accuracy.py

bench: $(READY)  ## everything beside other integrators, on an idle machine; writes benchmarks/results: half an hour
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable ".[bench]" torch==2.13.0 torchdiffeq
	$(BIN)/python benchmarks/flows.py
	$(BIN)/python benchmarks/many.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/velocity.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/growth.py
	$(BIN)/python benchmarks/sweeps.py
	$(BIN)/python benchmarks/modes.py
	$(BIN)/python benchmarks/index.py

clean:
	rm -rf $(VENV) docs/_build docs/gathered fa-dynamics-demo fa-dynamics-out fa-dynamics-reproduce .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; try make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[data,sweep,explore,dev]"
	@touch $(READY)
