"""A class that goes on and pupils who change teacher, with real threads and commits."""

import functools
import threading
from collections import Counter

import pytest
from django.db import transaction

from core.exceptions import DomainError
from licensing.classes import handovers, operations, pupil_erasure
from licensing.classes.exceptions import CannotCarryOn, HandoverEnded, UnknownHandover
from licensing.classes.models import Classroom, DeletionCertificate, PupilAccount, PupilHandover
from tests.classes.two_years import ERASURE, LAST_DAY, SEPTEMBER, TwoYears
from tests.races import run_concurrently, wait_for_blocked_session
from tests.waits import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _days(settings):
    settings.PUPILS_KEPT_DAYS = 60


@pytest.fixture
def years(committing):
    return TwoYears(pupils=3)


def codes(outcomes):
    return Counter(outcome.code if isinstance(outcome, DomainError) else "done" for outcome in outcomes)


def carry(years, at=SEPTEMBER):
    return functools.partial(
        operations.carry_on,
        classroom_id=years.classroom.pk, seat_id=years.seat.pk, numbers=[1, 2], name="CE2", by=years.teacher, at=at,
    )  # fmt: skip


def prepare(years, numbers, classroom=None):
    classroom = classroom or years.classroom
    handover = handovers.prepare_handover(
        classroom_id=classroom.pk, numbers=numbers, by=classroom.seat.holder, at=SEPTEMBER
    )
    return handovers.parse_code(handovers.unseal_code(handover))


def receive(code, classroom, at=SEPTEMBER):
    return functools.partial(
        handovers.receive_pupils, symbols=code, classroom_id=classroom.pk, by=classroom.seat.holder, at=at
    )


class PausedErasure:
    """Erase in a transaction that stays open a while; `meanwhile` begins once it has its locks."""

    def __init__(self):
        self.has_locks = threading.Event()

    def erase(self, at=ERASURE):
        with transaction.atomic():
            erased = pupil_erasure.erase_batch(at=at)
            self.has_locks.set()
            wait_for_blocked_session()
        return erased

    def meanwhile(self, action):
        wait_until(self.has_locks.is_set)
        return action()


def test_a_seat_opens_one_class_whether_carried_on_or_new(committing, years):
    open_new = functools.partial(
        operations.open_class, seat_id=years.seat.pk, by=years.teacher, name="CM1", at=SEPTEMBER
    )
    outcomes = run_concurrently(committing.schema_name, [carry(years), open_new] * 4, expected_errors=DomainError)
    assert set(codes(outcomes)) <= {"done", "cannot_carry_on"}
    assert Classroom.objects.filter(seat=years.seat).count() == 1
    assert PupilAccount.objects.count() == 3


def test_a_class_that_is_carried_on_eight_times_at_once_leaves_one_behind(committing, years):
    outcomes = run_concurrently(committing.schema_name, [carry(years)] * 8, expected_errors=())
    assert Counter(outcome.left for outcome in outcomes) == {1: 1, 0: 7}
    assert Classroom.objects.count() == 2


@pytest.mark.small
def test_a_class_that_is_being_erased_is_not_carried_on(committing, years):
    erasure = PausedErasure()
    erased, outcome = run_concurrently(
        committing.schema_name,
        # The clock of who carries on is a moment behind: the day itself would refuse.
        [erasure.erase, functools.partial(erasure.meanwhile, carry(years, at=LAST_DAY))],
        expected_errors=DomainError,
    )
    assert erased == 1
    assert isinstance(outcome, CannotCarryOn)
    years.classroom.refresh_from_db()
    assert years.classroom.carried_at is None
    assert DeletionCertificate.objects.get().pupils == 3


def test_what_is_carried_on_is_not_erased(committing, years):
    run_concurrently(
        committing.schema_name,
        [carry(years, at=LAST_DAY)] + [functools.partial(pupil_erasure.erase_pupils, at=ERASURE)] * 3,
        expected_errors=DomainError,
    )
    pupil_erasure.erase_pupils(at=ERASURE)
    years.classroom.refresh_from_db()
    is_carried = years.classroom.carried_at is not None
    assert PupilAccount.objects.count() == (2 if is_carried else 0)
    assert DeletionCertificate.objects.get().pupils == (1 if is_carried else 3)


def test_of_eight_colleagues_who_type_one_code_at_once_one_receives_the_pupils(committing):
    years = TwoYears(pupils=3, size=9)
    code = prepare(years, [1, 2])
    classes = [years.colleague_class(number=number) for number in range(2, 10)]
    outcomes = run_concurrently(
        committing.schema_name, [receive(code, one) for one in classes], expected_errors=DomainError
    )
    refusals = [one for one in outcomes if isinstance(one, DomainError)]
    assert len(refusals) == 7
    assert all(isinstance(one, (HandoverEnded, UnknownHandover)) for one in refusals)
    assert Classroom.objects.filter(pupils__isnull=False).distinct().count() == 2
    assert PupilHandover.objects.get().received == 2


def test_pupils_who_are_being_erased_are_not_received(committing, years):
    code, target = prepare(years, [1, 2]), years.colleague_class()
    erasure = PausedErasure()
    erased, outcome = run_concurrently(
        committing.schema_name,
        [erasure.erase, functools.partial(erasure.meanwhile, receive(code, target))],
        expected_errors=DomainError,
    )
    assert erased == 1
    assert isinstance(outcome, (HandoverEnded, UnknownHandover))
    assert PupilHandover.objects.get().outcome == "expired"
    assert DeletionCertificate.objects.get().pupils == 3


def test_two_codes_for_one_class_do_not_make_thirty_one(committing):
    years = TwoYears(pupils=20, size=5)
    target = years.colleague_class(pupils=12)
    target.pupils.update(code="harpe-2894")
    handed = [prepare(years, range(first, first + 10)) for first in (1, 11)]
    outcomes = run_concurrently(
        committing.schema_name, [receive(code, target) for code in handed], expected_errors=DomainError
    )
    assert codes(outcomes) == {"done": 1, "class_full": 1}
    assert target.pupils.count() == 22


def test_a_code_that_is_taken_back_and_typed_at_once_does_one_of_both(committing, years):
    code, target = prepare(years, [1, 2]), years.colleague_class()
    handover = PupilHandover.objects.get()
    withdraw = functools.partial(
        handovers.withdraw_handover,
        classroom_id=years.classroom.pk, handover_id=handover.pk, by=years.teacher, at=SEPTEMBER,
    )  # fmt: skip
    run_concurrently(committing.schema_name, [withdraw, receive(code, target)] * 3, expected_errors=DomainError)
    handover.refresh_from_db()
    assert (handover.outcome, target.pupils.count()) in {("accepted", 2), ("withdrawn", 0)}


def test_pupils_who_swap_classes_at_once_do_not_wait_for_each_other(committing):
    years = TwoYears(pupils=3, size=5)
    years.classroom.seat = years.seat
    years.classroom.save(update_fields=["seat"])
    other = years.colleague_class(pupils=3)
    other.pupils.update(code="harpe-2894")
    there, back = prepare(years, [1]), prepare(years, [2], other)
    outcomes = run_concurrently(
        committing.schema_name, [receive(there, other), receive(back, years.classroom)], expected_errors=DomainError
    )
    assert codes(outcomes) == {"done": 2}
    assert (years.classroom.pupils.count(), other.pupils.count()) == (3, 3)
