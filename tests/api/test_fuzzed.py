"""Schemathesis asks the live API thousands of questions and holds each answer to the description.

All of its checks and all of its phases: the description's examples, what lies at its borders, what chance makes of it,
and requests that follow from earlier answers.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.api.program import token
from tests.api.serving import at_office
from tests.factories.schools import SchoolFactory

#: Cases that chance makes for each operation, in each phase that asks chance.
EXAMPLES = 25


@pytest.fixture
def secret(committing, settings):
    settings.API_REQUESTS_A_MINUTE = 1_000_000
    SchoolFactory.create_batch(3)
    return token().secret


def test_whatever_is_asked_is_answered_as_described(secret, live_server, tmp_path):
    with at_office(live_server) as address:
        command = [
            str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/api/v1/openapi.json",
            "--header", f"Authorization: Bearer {secret}", "--checks", "all", "--max-examples", str(EXAMPLES),
            "--continue-on-failure", "--no-color", "--generation-database", "none",
            # A slow machine is no fault of the API's.
            "--wait-for-schema", "60", "--request-timeout", "60",
        ]  # fmt: skip
        run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)  # noqa: S603 - our own command
    assert run.returncode == 0, run.stdout[-20_000:] + run.stderr[-2_000:]
    assert re.search(r"\d+ generated", run.stdout)
