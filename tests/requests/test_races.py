"""Invariants 49 and 50 under real threads and real commits: a request is open once, and answered once.

Each fails without its lock and its constraint.
"""

import threading
from collections import Counter
from functools import partial

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from core.connections import connection
from core.exceptions import DomainError
from licensing.entitlements import operations as seats
from licensing.entitlements.models import SeatEvent
from licensing.pools.models import Allocation, Pool
from licensing.requests.school_requests import emails, operations
from licensing.requests.school_requests.models import (
    LicenceRequest,
    LicenceRequestEnd,
    TeacherRequest,
    TeacherRequestEnd,
)
from mailing.models import Message
from tests.conftest import TERM
from tests.pools.actions import mark_redeemed
from tests.races import run_concurrently, wait_for_blocked_session
from tests.requests.asking_school import AskingSchool, accept, open_pool, read, refuse
from tests.sites.audit.violations import list_all_violations
from tests.waits import wait_until

pytestmark = pytest.mark.slow

RULES = {"requests_answered", "requests_open", "teacher_requests_open", "requests_noted", "allocated"}


def run(*actions):
    """Run the actions at once; return how many were done, and how many refused with which code."""
    results = run_concurrently(connection.schema_name, actions, expected_errors=DomainError)
    assert not {"requests_answered", "requests_open", "teacher_requests_open", "requests_noted", "allocated"} & set(
        list_all_violations()
    )
    return Counter(result.code if isinstance(result, DomainError) else "done" for result in results)


def count_letters(kind):
    with schema_context("public"):
        return Message.objects.filter(kind=kind).count()


def test_eight_principals_who_ask_at_once_open_one_request(committing, committed_jaures):
    colleagues = [committed_jaures.add_principal() for _ in range(4)]
    results = run(*[partial(committed_jaures.ask, by=one, units=2) for one in colleagues])
    assert results == {"done": 1, "request_open": 3}
    assert LicenceRequest.objects.pending().count() == 1


def test_two_managers_who_accept_one_request_give_once(committing, committed_jaures):
    pool, request = open_pool(), committed_jaures.ask()
    results = run(*[partial(accept, pool, request)] * 6)
    assert results == {"done": 1, "request_answered": 5}
    assert Pool.objects.get(pk=pool.pk).allocated == 3
    assert [one.units for one in Allocation.objects.all()] == [3]
    assert count_letters(emails.ACCEPTED) == 1


def test_overlapping_lists_in_opposite_orders_give_to_each_school_once(committing, committed_jaures):
    other = AskingSchool()
    pool, first, second = open_pool(), committed_jaures.ask(), other.ask(units=2)
    results = run(*[partial(accept, pool, first, second), partial(accept, pool, second, first)] * 3)
    assert results == {"done": 1, "request_answered": 5}
    assert Pool.objects.get(pk=pool.pk).allocated == 5


def test_a_request_is_accepted_or_withdrawn_and_never_both(committing, committed_jaures):
    pool = open_pool(40)
    for turn in range(5):
        request = committed_jaures.ask(units=turn + 1)
        before = Pool.objects.get(pk=pool.pk).allocated
        results = run(
            partial(accept, pool, request), partial(committed_jaures.withdraw, request), partial(accept, pool, request)
        )
        given = Pool.objects.get(pk=pool.pk).allocated - before
        accepted = read(request).outcome == LicenceRequestEnd.ACCEPTED
        assert given == (turn + 1 if accepted else 0)
        assert results == {"done": 1, "request_answered": 2}


def test_a_request_is_accepted_or_refused_and_never_both(committing, committed_jaures):
    pool = open_pool(40)
    for turn in range(5):
        request = committed_jaures.ask(units=turn + 1)
        before = Pool.objects.get(pk=pool.pk).allocated
        assert run(partial(accept, pool, request), partial(refuse, request)) == {"done": 1, "request_answered": 1}
        accepted = read(request).outcome == LicenceRequestEnd.ACCEPTED
        assert Pool.objects.get(pk=pool.pk).allocated - before == (turn + 1 if accepted else 0)
    letters = count_letters(emails.ACCEPTED) + count_letters(emails.REFUSED)
    assert letters == 5


def test_two_requests_share_the_last_licences_of_a_pool_and_never_exceed_it(committing, committed_jaures):
    other = AskingSchool()
    pool, first, second = open_pool(4), committed_jaures.ask(), other.ask()
    results = run(partial(accept, pool, first), partial(accept, pool, second))
    assert results == {"done": 1, "pool_exhausted": 1}
    assert LicenceRequest.objects.pending().count() == 1


@pytest.mark.small
def test_a_teacher_who_asks_twice_has_one_request_open(committing, committed_jaures):
    teacher = committed_jaures.add_teacher()
    ask = partial(operations.ask_principal, uai=committed_jaures.school.pk, by=teacher, at=TERM)
    assert run(*[ask] * 4) == {"done": 1, "request_open": 3}
    assert TeacherRequest.objects.count() == 1


def test_a_licence_given_while_the_refusal_commits_leaves_the_request_refused(committing, committed_jaures):
    accept(open_pool(4), committed_jaures.ask(units=4))
    subscription = mark_redeemed(Allocation.objects.get(), committed_jaures.principal)
    teacher = committed_jaures.add_teacher()
    request = operations.ask_principal(uai=committed_jaures.school.pk, by=teacher, at=TERM)
    refused = threading.Event()

    def refuse_slowly():
        with transaction.atomic():
            operations.refuse_teacher_request(
                request_id=request.pk, sentence="Pas cette année.", by=committed_jaures.principal, at=TERM
            )
            refused.set()
            wait_for_blocked_session()

    def give():
        wait_until(refused.is_set)
        seats.assign(subscription_id=subscription.pk, teacher=teacher, by=committed_jaures.principal, at=TERM)

    assert run(refuse_slowly, give) == {"done": 2}
    stored = TeacherRequest.objects.get()
    assert (stored.outcome, stored.answer) == (TeacherRequestEnd.REFUSED, "Pas cette année.")
    assert SeatEvent.objects.filter(teacher=teacher).count() == 1


def test_a_refusal_while_the_licence_is_being_given_comes_too_late(committing, committed_jaures):
    accept(open_pool(4), committed_jaures.ask(units=4))
    subscription = mark_redeemed(Allocation.objects.get(), committed_jaures.principal)
    teacher = committed_jaures.add_teacher()
    request = operations.ask_principal(uai=committed_jaures.school.pk, by=teacher, at=TERM)
    given = threading.Event()

    def give_slowly():
        with transaction.atomic():
            seats.assign(subscription_id=subscription.pk, teacher=teacher, by=committed_jaures.principal, at=TERM)
            given.set()
            wait_for_blocked_session()

    def refuse_then():
        wait_until(given.is_set)
        operations.refuse_teacher_request(request_id=request.pk, sentence="", by=committed_jaures.principal, at=TERM)

    assert run(give_slowly, refuse_then) == {"done": 1, "request_answered": 1}
    assert TeacherRequest.objects.get().outcome == TeacherRequestEnd.GIVEN
