"""Schemathesis sends thousands of requests to the live API and checks each response against the description.

All of its checks, and its phases: the description's examples, what lies at its borders, what chance makes of it, and
requests that follow from earlier answers.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.utils import timezone

from licensing.orders import operations as orders
from tests.api.client import create_token
from tests.api.office_server import route_to_office
from tests.api.samples import licence_request
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units

#: Generated cases per operation: one in the suite. `make fuzz` runs many and the other phases: some minutes.
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "1")
PHASES = "examples,coverage,fuzzing,stateful" if "FUZZ_EXAMPLES" in os.environ else "fuzzing"
#: A fixed seed makes runs comparable; `FUZZ_SEED=random` explores new cases.
SEED = os.environ.get("FUZZ_SEED", "20260901")
#: Dates in the span that their pattern describes: of any year, the generator would throw nearly all away.
HOOKS = """import datetime
import schemathesis
from hypothesis import strategies as st

DAYS = st.dates(datetime.date(1900, 1, 2), datetime.date(2199, 12, 30))
ZONES = st.sampled_from(["Z", "+02:00"])
schemathesis.openapi.format("date", DAYS.map(str))
schemathesis.openapi.format("date-time", st.builds("{}T{}{}".format, DAYS, st.times(), ZONES))
"""
#: A valid request may still be refused: the generator may draw the same « Idempotency-Key » twice.
ALLOWED = """hooks = "fuzz_hooks.py"

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "422", "429", "5xx"]
"""


@pytest.fixture
def secret(committing, settings):
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    now = timezone.now()
    pool = orders.grant(collectivity=committing, licences=1000, reason="Essai", by=None, at=now)
    for school in SchoolFactory.create_batch(3):
        allocate_units(pool, school, at=now)
        licence_request()
    return create_token().secret


@pytest.mark.slow
def test_every_fuzzed_response_matches_the_description(secret, live_server, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(ALLOWED)
    (tmp_path / "fuzz_hooks.py").write_text(HOOKS)
    with route_to_office(live_server) as address:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {secret}", "--checks", "all",
            "--phases", PHASES, "--max-examples", EXAMPLES,
            *(() if SEED == "random" else ("--seed", SEED)),
            "--continue-on-failure", "--no-color", "--generation-database", "none",
            # A slow machine is no failure of the API.
            "--wait-for-schema", "60", "--request-timeout", "60",
        ]  # fmt: skip
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert re.search(r"\d+ generated", run.stdout)
    # With `-s`, show the number of cases.
    sys.stdout.write(run.stdout[-1_500:])
