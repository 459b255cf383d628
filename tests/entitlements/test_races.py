"""Invariants 2, 3 and 5 under real threads and real commits.

Each fails without its lock and its constraint.
"""

import datetime
import functools
import threading

import pytest
from django.db import IntegrityError, transaction

from core.exceptions import DomainError
from licensing.entitlements import code_sealing, exceptions, keys, operations, seat_holders
from licensing.entitlements.keys import grow_many
from licensing.entitlements.models import ActivationKey, Seat, SeatEvent, Subscription
from schools.models import Affiliation
from tests.conftest import TERM
from tests.factories.accounts import TeacherFactory
from tests.factories.licensing import KeyFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.waits import wait_until

pytestmark = pytest.mark.slow

LATER = TERM + datetime.timedelta(hours=1)


def refusals(outcomes):
    return sorted(outcome.code for outcome in outcomes if isinstance(outcome, DomainError))


def holders(subscription):
    return list(subscription.seats.held().values_list("holder_id", flat=True))


def test_thirty_two_teachers_type_one_key_of_five_units(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=5)
    teachers = TeacherFactory.create_batch(32)
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(operations.claim, code=code, by=teacher, at=TERM) for teacher in teachers],
        expected_errors=DomainError,
    )
    assert refusals(outcomes) == ["no_seat_left"] * 27
    assert len(set(holders(subscription))) == 5
    assert SeatEvent.objects.count() == 5


def test_thirty_two_teachers_ask_for_the_last_seat(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=1)
    outcomes = run_concurrently(
        committing.schema_name,
        [
            functools.partial(operations.claim, code=code, by=teacher, at=TERM)
            for teacher in TeacherFactory.create_batch(32)
        ],
        expected_errors=DomainError,
    )
    assert refusals(outcomes) == ["no_seat_left"] * 31
    assert len(holders(subscription)) == 1


def test_the_last_seat_is_not_refused_while_its_taker_may_roll_back(committing, committed_jaures):
    """A locked seat is not yet taken: a claim waits for it before being refused."""
    code, subscription = committed_jaures.subscription(units=1)
    waverer, other = TeacherFactory.create_batch(2)

    taken = threading.Event()

    def waver():
        with transaction.atomic():
            operations.claim(code=code, by=waverer, at=TERM)
            taken.set()
            wait_for_blocked_session()
            transaction.set_rollback(True)

    def ask():
        wait_until(taken.is_set)
        operations.claim(code=code, by=other, at=TERM)

    run_concurrently(committing.schema_name, [waver, ask], expected_errors=())
    assert holders(subscription) == [other.pk]


def test_sixteen_principals_redeem_one_key(committing, committed_jaures):
    code, key = committed_jaures.key(units=3)
    principals = [committed_jaures.add_principal() for _ in range(16)]
    outcomes = run_concurrently(
        committing.schema_name,
        [functools.partial(operations.redeem, code=code, by=principal, at=TERM) for principal in principals],
        expected_errors=DomainError,
    )
    assert refusals(outcomes) == ["already_redeemed"] * 15
    subscription = Subscription.objects.get()
    key.refresh_from_db()
    assert key.redeemed_by_id == subscription.principal_id
    assert Seat.objects.count() == 3


def test_one_teacher_is_given_the_key_and_types_it_at_once(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=8)
    teacher = committed_jaures.teacher()
    give = functools.partial(
        operations.assign, subscription_id=subscription.pk, teacher=teacher, by=committed_jaures.principal, at=TERM
    )
    outcomes = run_concurrently(
        committing.schema_name,
        [give, functools.partial(operations.claim, code=code, by=teacher, at=TERM)] * 6,
        expected_errors=DomainError,
    )
    assert refusals(outcomes) == ["already_served"] * 11
    assert holders(subscription) == [teacher.pk]


def test_two_principals_assign_in_the_same_school_at_once(committing, committed_jaures):
    """Ten seats, two principals select six teachers each, three in common: one wins, then the other."""
    _, subscription = committed_jaures.subscription(units=10)
    colleague = committed_jaures.add_principal(verified=True)
    teachers = [committed_jaures.teacher().pk for _ in range(9)]
    give = functools.partial(operations.assign_many, subscription_id=subscription.pk, at=TERM)
    outcomes = run_concurrently(
        committing.schema_name,
        [
            functools.partial(give, teacher_ids=teachers[:6], by=committed_jaures.principal),
            functools.partial(give, teacher_ids=teachers[3:], by=colleague),
        ],
        expected_errors=DomainError,
    )
    assert refusals(outcomes) == []
    assert sorted(holders(subscription)) == sorted(teachers)
    assert SeatEvent.objects.count() == 9


def test_several_teachers_are_assigned_seats_while_they_claim_them(committing, committed_jaures):
    """Whichever is first, each holds one seat, and the bulk assignment applies entirely."""
    code, subscription = committed_jaures.subscription(units=12)
    teachers = [committed_jaures.teacher() for _ in range(8)]
    give = functools.partial(
        operations.assign_many,
        subscription_id=subscription.pk,
        teacher_ids=[teacher.pk for teacher in teachers],
        by=committed_jaures.principal,
        at=TERM,
    )
    outcomes = run_concurrently(
        committing.schema_name,
        [give, *(functools.partial(operations.claim, code=code, by=teacher, at=TERM) for teacher in teachers), give],
        expected_errors=DomainError,
    )
    assert set(refusals(outcomes)) <= {"already_served"}
    assert sorted(holders(subscription)) == sorted(teacher.pk for teacher in teachers)


def test_a_bulk_assignment_and_claims_never_share_a_seat_nor_apply_in_part(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=6)
    ticked = [committed_jaures.teacher().pk for _ in range(4)]
    give = functools.partial(
        operations.assign_many, subscription_id=subscription.pk, teacher_ids=ticked, by=committed_jaures.principal,
        at=TERM,
    )  # fmt: skip
    outcomes = run_concurrently(
        committing.schema_name,
        [
            give,
            *(
                functools.partial(operations.claim, code=code, by=teacher, at=TERM)
                for teacher in TeacherFactory.create_batch(8)
            ),
        ],
        expected_errors=DomainError,
    )
    assert set(refusals(outcomes)) <= {"no_seat_left"}
    held = set(holders(subscription))
    assert len(held & set(ticked)) in (0, 4)
    assert len(held) == SeatEvent.objects.count() <= 6


def test_two_principals_pass_one_seat_to_two_teachers(committing, committed_jaures):
    _, subscription = committed_jaures.subscription(units=2)
    colleague = committed_jaures.add_principal(verified=True)
    leaving, one, other = (committed_jaures.teacher() for _ in range(3))
    seat = operations.assign(subscription_id=subscription.pk, teacher=leaving, by=committed_jaures.principal, at=TERM)
    replace = functools.partial(operations.replace, seat_id=seat.pk, holder_id=leaving.pk, at=LATER)
    outcomes = run_concurrently(
        committing.schema_name,
        [
            functools.partial(replace, successor_id=one.pk, by=committed_jaures.principal),
            functools.partial(replace, successor_id=other.pk, by=colleague),
        ],
        expected_errors=DomainError,
    )
    assert refusals(outcomes) == ["seat_reassigned"]
    assert len(holders(subscription)) == 1


def test_assigning_claiming_and_releasing_at_once_neither_deadlock_nor_lose_seats(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=4)
    principal = committed_jaures.principal
    given = [committed_jaures.teacher() for _ in range(10)]
    seats = [operations.claim(code=code, by=TeacherFactory(), at=TERM) for _ in range(3)]
    give = functools.partial(operations.assign, subscription_id=subscription.pk, by=principal, at=TERM)
    actions = [
        *(
            functools.partial(give, teacher=teacher)
            for teacher in given
        ),
        *(
            functools.partial(operations.claim, code=code, by=teacher, at=TERM)
            for teacher in TeacherFactory.create_batch(10)
        ),
        *(
            functools.partial(
                operations.release, seat_id=seat.pk, holder_id=seat.holder_id, by=principal, at=LATER
            )
            for seat in seats
        )
    ]  # fmt: skip
    outcomes = run_concurrently(committing.schema_name, actions, expected_errors=DomainError)
    assert set(refusals(outcomes)) <= {"no_seat_left"}
    taken = SeatEvent.objects.exclude(kind="withdrawn").count() - SeatEvent.objects.filter(kind="withdrawn").count()
    assert len(holders(subscription)) == len(set(holders(subscription))) == taken
    assert SeatEvent.objects.filter(kind="withdrawn").count() == 3


def test_a_teacher_who_retypes_the_key_while_it_is_withdrawn_does_not_keep_it(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=4)
    teacher = TeacherFactory()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    outcomes = run_concurrently(
        committing.schema_name,
        [
            functools.partial(operations.release, seat_id=seat.pk, by=committed_jaures.principal, at=LATER),
            *[functools.partial(operations.claim, code=code, by=teacher, at=LATER)] * 8,
        ],
        expected_errors=DomainError,
    )
    assert set(refusals(outcomes)) <= {"already_served", "withdrawn"}
    assert len(refusals(outcomes)) == 8
    assert holders(subscription) == []


def test_a_withdrawal_between_the_two_reads_of_a_claim_is_noticed(committing, committed_jaures, monkeypatch):
    """The second query must be the one a withdrawal changes: held first, withdrawn second."""
    code, subscription = committed_jaures.subscription(units=4)
    teacher = TeacherFactory()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    looked = seat_holders.was_withdrawn

    def withdraw_just_after(*args):
        result = looked(*args)
        release = functools.partial(operations.release, seat_id=seat.pk, by=committed_jaures.principal, at=LATER)
        run_concurrently(committing.schema_name, [release], expected_errors=())
        return result

    monkeypatch.setattr("licensing.entitlements.seat_holders.was_withdrawn", withdraw_just_after)
    with pytest.raises(DomainError):
        operations.claim(code=code, by=teacher, at=LATER)
    assert holders(subscription) in ([], [teacher.pk])
    assert SeatEvent.objects.filter(kind="claimed").count() == 1


def test_a_key_grows_while_teachers_take_its_seats(committing, committed_jaures):
    code, subscription = committed_jaures.subscription(units=2)

    claim = functools.partial(operations.claim, code=code, at=TERM)

    def grow():
        with transaction.atomic():
            key = ActivationKey.objects.locked().get(pk=subscription.key_id)
            grow_many({key.pk: 2})

    outcomes = run_concurrently(
        committing.schema_name,
        [
            grow,
            grow,
            *(functools.partial(claim, by=teacher) for teacher in TeacherFactory.create_batch(4)),
        ],
        expected_errors=DomainError,
    )
    subscription.refresh_from_db()
    assert (subscription.size, subscription.seats.count()) == (6, 6)
    assert ActivationKey.objects.get(pk=subscription.key_id).units == 6
    assert len(holders(subscription)) + len(refusals(outcomes)) == 4


@pytest.mark.small
@pytest.mark.parametrize("turn", range(5))
def test_a_key_being_exposed_verifies_only_whoever_redeemed_first(committing, committed_jaures, turn):
    code, key = committed_jaures.key()
    run_concurrently(
        committing.schema_name,
        [
            functools.partial(operations.expose, key_id=key.pk, at=TERM),
            functools.partial(operations.redeem, code=code, by=committed_jaures.principal, at=LATER),
        ],
        expected_errors=(),
    )
    key.refresh_from_db()
    # Both took effect, in either order.
    assert key.redeemed_by == committed_jaures.principal
    assert key.exposed_at == TERM
    assert Affiliation.objects.filter(user=committed_jaures.principal, verified_at__isnull=False).count() in (0, 1)


@pytest.mark.small
def test_a_key_exposed_first_verifies_nobody(committing, committed_jaures):
    """Redemption waits for the lock of the exposure, then sees the key exposed."""
    code, key = committed_jaures.key()
    locked = threading.Event()

    def expose():
        with transaction.atomic():
            operations.expose(key_id=key.pk, at=TERM)
            locked.set()
            wait_for_blocked_session()

    def redeem():
        wait_until(locked.is_set)
        operations.redeem(code=code, by=committed_jaures.principal, at=LATER)

    run_concurrently(committing.schema_name, [expose, redeem], expected_errors=())
    assert Affiliation.objects.get(user=committed_jaures.principal).verified_at is None


@pytest.mark.small
def test_one_code_is_minted_once_whoever_draws_it(committing, committed_jaures, monkeypatch):
    """Every thread generates the same code first: one keeps it, the others retry."""
    same = keys.generate()
    drawn = threading.local()
    generate = keys.generate

    def draw():
        if getattr(drawn, "once", False):
            return generate()
        drawn.once = True
        return same

    monkeypatch.setattr(keys, "generate", draw)
    mint = functools.partial(
        keys.mint, entitlement=committed_jaures.entitlement, prefix="NIMES", demands=[(None, 1, False)], at=TERM
    )
    outcomes = run_concurrently(committing.schema_name, [mint] * 8, expected_errors=())
    assert len({number for [number] in outcomes}) == 8
    assert ActivationKey.objects.filter(sealed_code=code_sealing.seal(same).code).count() == 1


@pytest.mark.small
def test_the_database_refuses_a_code_twice(committing, committed_jaures):
    code, _ = committed_jaures.key()
    with pytest.raises(IntegrityError):
        KeyFactory(code=code, entitlement=committed_jaures.entitlement)


def test_a_refused_claim_says_why(committing, committed_jaures):
    code, _ = committed_jaures.subscription(units=1)
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    with pytest.raises(exceptions.NoSeatLeft, match="La seule licence de cet abonnement est déjà attribuée"):
        operations.claim(code=code, by=TeacherFactory(), at=TERM)
