"""Licences given back while others hand out, grow, undo, ask or answer: real threads and real commits.

Each fails without its lock.
"""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db import transaction

from collectivities.models import AuditEntry
from core.connections import connection
from core.exceptions import DomainError
from licensing.entitlements import operations as entitlements
from licensing.entitlements.models import Seat, SeatEvent
from licensing.pools.models import Allocation, Pool
from licensing.pools.positions import list_pool_positions
from licensing.requests.returns import operations
from licensing.requests.returns.models import LicenceReturn, ReturnRequest
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import SchoolFactory
from tests.pools.actions import allocate_units
from tests.races import run_concurrently, three_rounds, wait_for_blocked_session
from tests.returns.given_school import GivenSchool
from tests.sites.audit.violations import list_all_violations
from tests.waits import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def jaures(committing):
    return GivenSchool(committing)


def run(actions):
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def assert_sound():
    for pool in Pool.objects.all():
        given = Allocation.objects.active().filter(pool=pool).values_list("units", flat=True)
        assert pool.allocated == sum(given) <= pool.capacity
    assert all(position.is_balanced for position in list_pool_positions())
    assert not list_all_violations()


def test_sixteen_give_one_back_and_five_come_back(jaures):
    assert run([partial(jaures.give_back, 1)] * 16) == {"done": 5, "licences_in_use": 11}
    assert jaures.figures() == (20, 0, 0, 0, 0)
    assert_sound()


@three_rounds
def test_a_licence_that_is_handed_out_meanwhile_is_not_given_back(jaures, race_round):
    teachers = [jaures.teacher() for _ in range(5)]
    results = run([partial(jaures.give_back, 3), *(partial(jaures.assign, teacher) for teacher in teachers)])
    held = jaures.subscription.seats.held().count()
    assert held + LicenceReturn.objects.count() * 3 <= 5
    assert results["done"] == held + LicenceReturn.objects.count()
    assert_sound()


@three_rounds
def test_a_licence_whose_key_is_typed_meanwhile_is_not_given_back(jaures, race_round):
    claims = [partial(entitlements.claim, code=jaures.code, by=TeacherFactory(), at=TERM) for _ in range(5)]
    run([*claims[:2], partial(jaures.give_back, 4), *claims[2:]])
    assert jaures.subscription.seats.held().count() == SeatEvent.objects.count()
    assert Seat.objects.count() == 5 - 4 * LicenceReturn.objects.count()
    assert_sound()


@three_rounds
def test_a_key_that_grows_meanwhile_counts_both(jaures, race_round):
    growth = partial(allocate_units, jaures.pool, jaures.school, units=2)
    assert run([partial(jaures.give_back, 1), growth] * 4) == {"done": 8}
    assert jaures.figures() == (11, 9, 9, 9, 9)
    assert_sound()


def test_sixteen_undo_one_return_and_its_licences_leave_the_pool_once(jaures):
    made = jaures.give_back(3).licence_return
    assert run([partial(jaures.undo, made)] * 16) == {"done": 16}
    assert jaures.figures() == (15, 5, 5, 5, 5)
    assert_sound()


@three_rounds
def test_what_comes_back_is_taken_again_or_given_to_one_other_school(jaures, race_round):
    made = jaures.give_back(5).licence_return
    allocate_units(jaures.pool, SchoolFactory(), units=15)
    giving = [partial(allocate_units, jaures.pool, SchoolFactory(), units=5) for _ in range(5)]
    results = run([*giving[:2], partial(jaures.undo, made), *giving[2:]])
    assert results["done"] == 1
    assert Pool.objects.get().free == 0
    assert_sound()


def test_sixteen_ask_and_the_school_is_asked_once(jaures):
    assert run([partial(jaures.ask, again=True)] * 16) == {"done": 1, "return_already_requested": 15}
    assert_sound()


@three_rounds
def test_a_request_is_answered_once(jaures, race_round):
    asked = jaures.ask()
    results = run([partial(jaures.keep, asked)] * 8)
    assert results == {"done": 1, "return_request_ended": 7}
    assert_sound()


@three_rounds
def test_a_request_is_accepted_or_declined(jaures, race_round):
    asked = jaures.ask()
    results = run([partial(jaures.keep, asked), partial(jaures.give_back, 5)] * 3)
    asked.refresh_from_db()
    # Whoever gives back after a refusal gives back all the same, unasked.
    assert LicenceReturn.objects.count() == 1
    assert (asked.outcome == "accepted") == (results["done"] == 1)
    assert_sound()


def test_a_request_that_is_being_answered_is_not_withdrawn(jaures):
    """The withdrawal begins while the answer is about to commit: it waits, and then comes too late."""
    asked, answered = jaures.ask(), threading.Event()

    def keep_slowly():
        with transaction.atomic():
            jaures.keep(asked)
            answered.set()
            wait_for_blocked_session()

    def withdraw_then():
        wait_until(answered.is_set)
        operations.withdraw(request_id=asked.pk, by=None, at=TERM)

    assert run([keep_slowly, withdraw_then]) == {"done": 1, "return_request_ended": 1}
    assert ReturnRequest.objects.get().outcome == "declined"
    assert_sound()


@three_rounds
def test_eight_withdraw_a_request_and_the_journal_has_it_once(jaures, race_round):
    asked = jaures.ask()
    assert run([partial(operations.withdraw, request_id=asked.pk, by=None, at=TERM)] * 8) == {"done": 8}
    assert AuditEntry.objects.filter(action="pools.return_request_withdrawn").count() == 1
    assert_sound()


@three_rounds
def test_a_request_is_answered_or_withdrawn(jaures, race_round):
    asked = jaures.ask()
    withdrawal = partial(operations.withdraw, request_id=asked.pk, by=None, at=TERM)
    results = run_concurrently(
        connection.schema_name, [partial(jaures.keep, asked), withdrawal] * 2, expected_errors=DomainError
    )
    done = {result.outcome for result in results if not isinstance(result, DomainError)}
    assert done == {ReturnRequest.objects.get().outcome}
    assert_sound()
