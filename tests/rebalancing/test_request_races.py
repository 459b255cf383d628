"""Requests that a rebalancing answers while others answer or undo: real threads and real commits.

Each fails without the lock of the requests, whether the constraint refuses or the audit finds what remained.
"""

import datetime
from collections import Counter
from functools import partial

import pytest

from core.connections import connection
from core.exceptions import DomainError
from licensing.plans.rebalancing.models import UNDOABLE_FOR, LicenceMove
from licensing.plans.rebalancing.operations import rebalance
from licensing.plans.rebalancing.plan import build_plan
from licensing.pools.models import Allocation, Pool
from licensing.requests.school_requests.models import LicenceRequestEnd
from licensing.requests.school_requests.personal_data import withdraw_requests
from tests.races import run_concurrently, three_rounds
from tests.rebalancing.unbalanced_pool import LATER, UnbalancedPool
from tests.requests.asking_school import accept, open_pool, read, refuse
from tests.sites.audit.violations import list_all_violations
from tests.waits import wait_until

pytestmark = pytest.mark.slow

SOON = LATER + UNDOABLE_FOR - datetime.timedelta(seconds=1)


@pytest.fixture
def lot(committing):
    return UnbalancedPool(committing, licences=30)


def run(*actions):
    """Run the actions at once; return how many were done, and how many refused with which code."""
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    assert not list_all_violations()
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def prepare(pool, request, units=3):
    """Return the rebalancing that gives units of a pool to the school that asked, as it is shown now."""
    given: dict[str, int] = {request.school_id: units}
    shown = build_plan(Pool.objects.get(pk=pool.pk), LATER, taken={}, given=given).fingerprint
    return partial(
        rebalance, pool_id=pool.pk, taken={}, given=given, asked=frozenset(), expected=shown, by=None, at=LATER
    )


def count_given(request):
    return sum(Allocation.objects.active().filter(school=request.school_id).values_list("units", flat=True))


@three_rounds
def test_a_request_is_granted_or_accepted_and_given_once(lot, race_round):
    request, other = lot.ask(), open_pool()
    results = run(prepare(lot.pool, request), partial(accept, other, request), partial(accept, lot.pool, request))
    assert results["done"] == 1
    assert count_given(request) == 3


@three_rounds
def test_a_request_is_granted_or_refused_and_never_both(lot, race_round):
    request = lot.ask()
    results = run(prepare(lot.pool, request), partial(refuse, request))
    refused = read(request).outcome == LicenceRequestEnd.REFUSED
    assert results == {"done": 1, "plan_outdated" if refused else "request_answered": 1}
    assert count_given(request) == (0 if refused else 3)


@three_rounds
def test_of_two_rebalancings_of_two_lots_one_answers_a_request(lot, race_round):
    request, other = lot.ask(), open_pool()
    assert run(prepare(lot.pool, request), prepare(other, request)) == {"done": 1, "plan_outdated": 1}
    assert LicenceMove.objects.filter(request=request.pk).count() == 1
    assert count_given(request) == 3


@three_rounds
def test_a_rebalancing_is_undone_or_its_request_accepted(lot, race_round):
    request = lot.ask()
    made = lot.rebalance({}, {request.school_id: 3})
    results = run(partial(lot.undo, made, SOON), lot.answer, partial(lot.undo, made, SOON), lot.answer)
    accepted = read(request).outcome == LicenceRequestEnd.ACCEPTED
    assert results == ({"done": 2, "rebalancing_not_undoable": 2} if accepted else {"done": 4})
    assert read(request).is_waiting != accepted
    assert count_given(request) == (3 if accepted else 0)


def test_a_request_that_is_being_granted_is_withdrawn_with_its_account(lot, giving_slowly):
    request = lot.ask()

    def withdraw():
        wait_until(giving_slowly.is_set)
        withdraw_requests(request.asked_by, at=LATER)

    assert run(prepare(lot.pool, request), withdraw) == {"done": 2}
    stored = read(request)
    assert (stored.outcome, stored.granted_until) == (LicenceRequestEnd.WITHDRAWN, None)


@three_rounds
def test_eight_workers_accept_what_was_granted_once(lot, race_round):
    first, second = lot.ask(), lot.ask(units=2)
    lot.rebalance({}, {first.school_id: 3, second.school_id: 2})
    assert run(*[lot.answer] * 8) == {"done": 8}
    assert {read(first).outcome, read(second).outcome} == {LicenceRequestEnd.ACCEPTED}
    assert Pool.objects.get(pk=lot.pool.pk).free == 30 - 16 - 5
