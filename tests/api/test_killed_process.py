"""A process killed during an allocation leaves both allocation and stored answer or neither; a retry runs once."""

import json
import os
import random
import signal
import subprocess
import sys
import uuid

import pytest
from django.utils import timezone

from api.models import IdempotencyRecord
from licensing.entitlements.models import ActivationKey
from licensing.orders import operations as orders
from licensing.pools.models import Allocation, Pool
from mailing.models import Message
from tests.api.client import ApiClient, create_token
from tests.factories.schools import SchoolFactory
from tests.workers import ROOT, database_url

#: Every n-th statement is tried, from an offset drawn by the seed.
STEP = 8


@pytest.fixture
def asking(committing):
    """Request three licences for a school in a process killed at a given point; return its exit."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.api.killed_process"],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}", "DATABASE_URL": database_url()},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:

        def request(secret, body, key, point):
            process.stdin.write(json.dumps([secret, "/allocations", body, key, point]) + "\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield request
        process.stdin.close()


def collect_traces():
    """Return every trace of an allocation: the pool's count, allocations, keys, e-mails, stored answers."""
    counted = [model.objects.count() for model in (Allocation, ActivationKey, Message, IdempotencyRecord)]
    return (Pool.objects.get().allocated, *counted)


@pytest.mark.slow
def test_a_process_killed_before_the_commit_leaves_nothing_and_the_retry_runs_once(committing, asking):
    pool = orders.grant(collectivity=committing, licences=100, reason="Essai", by=None, at=timezone.now())
    secret = create_token().secret
    # A token's first use in a minute is recorded: one more statement.
    ApiClient(secret).get("/pools")

    def gift():
        return {"pool": pool.pk, "school": SchoolFactory().uai, "units": 3}, str(uuid.uuid4())

    statements = asking(secret, *gift(), None)
    assert statements > 20
    assert collect_traces() == (3, 1, 1, 1, 1)
    body, key = gift()
    for point in [*range(random.randint(1, STEP), statements, STEP), statements, "commit"]:  # noqa: S311 - a point, no secret
        assert asking(secret, body, key, point) == -signal.SIGKILL
        assert collect_traces() == (3, 1, 1, 1, 1), point
    retried = ApiClient(secret).post("/allocations", body, key=key)
    assert (retried.status_code, "Idempotent-Replayed" in retried) == (201, False)
    assert collect_traces() == (6, 2, 2, 2, 2)


@pytest.mark.slow
def test_a_process_killed_after_the_commit_replays_its_answer_to_the_retry(committing, asking):
    pool = orders.grant(collectivity=committing, licences=100, reason="Essai", by=None, at=timezone.now())
    secret, key = create_token().secret, str(uuid.uuid4())
    body = {"pool": pool.pk, "school": SchoolFactory().uai, "units": 3}
    assert asking(secret, body, key, "committed") == -signal.SIGKILL
    assert collect_traces() == (3, 1, 1, 1, 1)
    retried = ApiClient(secret).post("/allocations", body, key=key)
    assert (retried.status_code, retried["Idempotent-Replayed"]) == (201, "true")
    assert retried["Location"].endswith(f"/api/v1/allocations/{retried.json()['id']}")
    assert collect_traces() == (3, 1, 1, 1, 1)
