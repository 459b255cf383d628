"""Invariant 4, and the counting of attempts, with real threads and commits."""

import functools
import threading
from collections import Counter

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from accounts import attempt_delays
from accounts.known_origins import Origin
from accounts.models import KnownOrigin
from core.exceptions import DomainError
from licensing.classes import operations, passwords, words
from licensing.classes.exceptions import ClassNotTaught
from licensing.classes.models import ClassInvitation, Classroom, PupilAccount
from licensing.classes.pupils import add_pupils, reset_passwords
from licensing.entitlements import operations as seats
from mailing.models import Message
from tests.classes.seat_changes import LATER
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.classes import PASSWORD, ClassroomFactory, PupilFactory, SeatFactory
from tests.factories.schools import AffiliationFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.waits import wait_until

pytestmark = pytest.mark.slow


def codes(outcomes):
    return Counter(outcome.code if isinstance(outcome, DomainError) else "done" for outcome in outcomes)


def pupils_of(classroom):
    return sorted(PupilAccount.objects.filter(classroom=classroom).values_list("number", flat=True))


@pytest.fixture
def classroom(committing):
    return ClassroomFactory()


def test_the_thirty_first_and_the_thirty_second_at_once(committing, classroom):
    for number in range(1, 30):
        PupilFactory(classroom=classroom, number=number)
    add = functools.partial(add_pupils, classroom_id=classroom.pk, count=1, by=classroom.seat.holder, at=TERM)
    outcomes = run_concurrently(committing.schema_name, [add] * 8, expected_errors=DomainError)
    assert codes(outcomes) == {"done": 1, "class_full": 7}
    assert pupils_of(classroom) == list(range(1, 31))


def test_two_teachers_add_at_once_and_each_gets_their_own(committing, classroom):
    second = TeacherFactory()
    Classroom.objects.filter(pk=classroom.pk).update(second_teacher=second, second_invited_by=classroom.seat.holder)
    outcomes = run_concurrently(
        committing.schema_name,
        [
            functools.partial(add_pupils, classroom_id=classroom.pk, count=4, by=by, at=TERM)
            for by in (classroom.seat.holder, second) * 4
        ],
        expected_errors=DomainError,
    )
    # Seven times four are 28: the eighth wants two more than are left, and is refused.
    assert codes(outcomes) == {"done": 7, "class_full": 1}
    made = [credential for outcome in outcomes if isinstance(outcome, list) for credential in outcome]
    assert sorted(credential.number for credential in made) == list(range(1, 29)) == pupils_of(classroom)
    assert len({credential.login for credential in made}) == 28


def test_a_seat_opens_one_class_whoever_is_first(committing):
    seat = SeatFactory()
    action = functools.partial(operations.open_class, seat_id=seat.pk, by=seat.holder, name="CE1", at=TERM)
    assert len({one.pk for one in run_concurrently(committing.schema_name, [action] * 16, expected_errors=())}) == 1
    assert Classroom.objects.count() == 1


def test_classes_that_draw_one_code_at_once_have_one_each(committing, monkeypatch):
    drawn = threading.local()
    draw = words.generate_code

    def same_first():
        if getattr(drawn, "once", False):
            return draw()
        drawn.once = True
        return "tulipe-5837"

    monkeypatch.setattr(words, "generate_code", same_first)
    held = SeatFactory.create_batch(8)
    run_concurrently(
        committing.schema_name,
        [functools.partial(operations.open_class, seat_id=one.pk, by=one.holder, name="CE1", at=TERM) for one in held],
        expected_errors=(),
    )
    assert Classroom.objects.values("code").distinct().count() == 8


def sign_in(login, *, right=False):
    return functools.partial(
        operations.sign_in, login=login, password=PASSWORD if right else "autre", origin=Origin("192.0.2.1"), at=TERM
    )


def test_of_thirty_two_wrong_attempts_at_once_five_passwords_are_checked(committing, classroom, monkeypatch):
    looked = []
    matches = passwords.verify
    monkeypatch.setattr(passwords, "verify", lambda typed, stored: looked.append(stored) or matches(typed, stored))
    pupil = PupilFactory(classroom=classroom)
    outcomes = run_concurrently(committing.schema_name, [sign_in(pupil.login)] * 32, expected_errors=DomainError)
    assert looked.count(pupil.password) == operations.AT_NETWORK.free == 5
    assert codes(outcomes) == {"wrong_credentials": 5, "too_many_attempts": 27}


def test_a_whole_class_signs_in_at_once(committing, classroom):
    pupils = [PupilFactory(classroom=classroom, number=number) for number in range(1, 31)]
    outcomes = run_concurrently(
        committing.schema_name, [sign_in(one.login, right=True) for one in pupils], expected_errors=()
    )
    assert sorted(one.pupil.number for one in outcomes) == list(range(1, 31))
    assert KnownOrigin.objects.filter(owner=f"class:{classroom.pk}").count() == 1


def test_a_class_that_mistypes_at_once_is_counted_once_each(committing, classroom):
    pupils = [PupilFactory(classroom=classroom, number=number) for number in range(1, 31)]
    actions = [sign_in(one.login, right=one.number % 2 == 0) for one in pupils]
    outcomes = run_concurrently(committing.schema_name, actions, expected_errors=DomainError)
    assert codes(outcomes) == {"done": 15, "wrong_credentials": 15}
    rule = operations.OF_CLASS
    assert attempt_delays.begin([(rule, classroom.code)]).counted[0].failures == 15 + 1


@pytest.mark.small
def test_a_teacher_who_is_losing_the_seat_gets_no_passwords_afterwards(committing, classroom):
    """The seat is locked first: either the teacher still holds the class, or is refused."""
    PupilFactory(classroom=classroom, number=1)
    subscription = classroom.seat.subscription
    AffiliationFactory(user=subscription.principal, school=subscription.school)
    withdrawn = threading.Event()

    def withdraw():
        with transaction.atomic():
            seats.release(seat_id=classroom.seat_id, by=subscription.principal, at=LATER)
            withdrawn.set()
            wait_for_blocked_session()

    def reset():
        wait_until(withdrawn.is_set)
        return reset_passwords(classroom_id=classroom.pk, numbers=None, by=classroom.seat.holder, at=LATER)

    first, outcome = run_concurrently(committing.schema_name, [withdraw, reset], expected_errors=DomainError)
    assert not isinstance(first, Exception)
    assert isinstance(outcome, ClassNotTaught)
    pupil = PupilAccount.objects.get()
    assert pupil.password_set_at == pupil.created_at


def test_an_invitation_that_is_accepted_eight_times_at_once_is_accepted_once(committing, classroom):
    colleague = TeacherFactory()
    ClassInvitation.objects.create(classroom=classroom, teacher=colleague, by=classroom.seat.holder, created_at=TERM)
    accept = functools.partial(operations.accept, classroom_id=classroom.pk, by=colleague, at=LATER)
    run_concurrently(committing.schema_name, [accept] * 8, expected_errors=())
    classroom.refresh_from_db()
    assert (classroom.second_teacher, classroom.second_invited_by) == (colleague, classroom.seat.holder)
    with schema_context("public"):
        assert Message.objects.filter(kind="class.accepted").count() == 1
