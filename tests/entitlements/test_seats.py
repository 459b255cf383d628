"""Seats: assigned by a principal or claimed with the key, withdrawn, passed on."""

import datetime

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from licensing.entitlements import keys, operations, seat_holders
from licensing.entitlements.models import Seat, SeatEvent, SeatMode
from mailing.models import Message
from tests.conftest import TERM
from tests.entitlements.school_scenario import seat_counter
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.licensing import KeyFactory
from tests.factories.schools import AffiliationFactory
from tests.refusals import refuses

LATER = TERM + datetime.timedelta(hours=1)
EXPIRED = datetime.datetime(2027, 9, 1, 0, 0, tzinfo=TERM.tzinfo)


def assert_refused(code, action, /, **kwargs):
    before = list(Seat.objects.order_by("pk").values()), SeatEvent.objects.count()
    with refuses(code) as refusal:
        action(**{"at": TERM, **kwargs})
    assert before == (list(Seat.objects.order_by("pk").values()), SeatEvent.objects.count())
    return refusal.value


def list_recipients(kind):
    with schema_context("public"):
        return list(Message.objects.filter(kind=kind).values_list("recipient", flat=True))


# --- Manual mode ----------------------------------------------------------------------------------------------------


def test_a_teacher_with_a_typed_school_claims_with_the_key(jaures, elsewhere):
    code, subscription = jaures.subscription()
    teacher = elsewhere(TeacherFactory)
    seat = operations.claim(code=code, by=teacher, at=TERM)
    assert (seat.holder, seat.mode, seat.held_since, seat_counter(subscription)) == (
        teacher,
        SeatMode.MANUAL,
        TERM,
        "1/3",
    )
    assert [(event.kind, event.teacher, event.by) for event in seat.events.all()] == [("claimed", teacher, teacher)]


@pytest.mark.slow
def test_a_teacher_is_never_refused_for_their_school(jaures):
    code, subscription = jaures.subscription()
    stranger = TeacherFactory()
    AffiliationFactory(user=stranger)
    operations.claim(code=code, by=stranger, at=TERM)
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    assert seat_counter(subscription) == "2/3"


def test_the_principal_is_emailed_when_a_teacher_claims_a_seat(jaures):
    code, _ = jaures.subscription()
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    assert list_recipients("seat.taken") == [jaures.principal.email]


def test_a_teacher_s_typo_is_reported_without_a_query(jaures, django_assert_num_queries):
    teacher = TeacherFactory()
    with django_assert_num_queries(0), refuses("typo"):
        operations.claim(code="7K3M-Q9TX-0000", by=teacher, at=TERM)


def test_an_unknown_key(jaures):
    assert_refused("unknown_key", operations.claim, code=keys.generate(), by=TeacherFactory())


def test_a_revoked_key(jaures):
    code, _ = jaures.key(revoked_at=TERM)
    assert_refused("key_revoked", operations.claim, code=code, by=TeacherFactory())


def test_a_key_that_the_principal_has_not_activated(jaures):
    code, _ = jaures.key()
    refusal = assert_refused("not_yet_redeemed", operations.claim, code=code, by=TeacherFactory())
    assert "Demandez-lui de la saisir" in str(refusal)


def test_an_expired_key(jaures):
    code, _ = jaures.subscription()
    assert_refused("key_expired", operations.claim, code=code, by=TeacherFactory(), at=EXPIRED)


def test_a_suspended_key(jaures):
    code, _ = jaures.subscription()
    jaures.entitlement.suspended_at = TERM
    jaures.entitlement.save()
    assert_refused("key_suspended", operations.claim, code=code, by=TeacherFactory())


@pytest.mark.slow
def test_no_unit_left(jaures):
    code, _ = jaures.subscription(units=1)
    operations.claim(code=code, by=TeacherFactory(), at=TERM)
    assert_refused("no_seat_left", operations.claim, code=code, by=TeacherFactory())


@pytest.mark.parametrize(
    ("units", "reserved", "sentence"),
    [
        (1, 0, "La seule licence de cet abonnement est déjà attribuée."),
        (1, 1, "La seule licence de cet abonnement est déjà réservée."),
        (2, 0, "Les 2 licences de cet abonnement sont déjà attribuées."),
        (2, 1, "Les 2 licences de cet abonnement sont déjà attribuées, ou réservées à des personnes invitées."),
    ],
)
def test_a_refusal_says_what_became_of_the_seats(jaures, units, reserved, sentence):
    _, subscription = jaures.subscription(units=units)
    with transaction.atomic():
        subscription.seats.filter(number__lte=reserved).update(reserved_at=TERM)
        message = seat_holders.no_seat_left_message(subscription)
        # Only an invitation reserves for good.
        transaction.set_rollback(True)
    assert message == sentence


def test_already_served(jaures):
    code, _ = jaures.subscription()
    teacher = TeacherFactory()
    operations.claim(code=code, by=teacher, at=TERM)
    assert_refused("already_served", operations.claim, code=code, by=teacher)


@pytest.mark.slow
def test_a_withdrawn_teacher_cannot_retype_the_key(jaures):
    code, subscription = jaures.subscription()
    teacher = TeacherFactory()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    assert_refused("withdrawn", operations.claim, code=code, by=teacher, at=LATER)
    assert seat_counter(subscription) == "0/3"


@pytest.mark.slow
def test_a_withdrawn_teacher_may_be_given_the_key_again(jaures):
    code, subscription = jaures.subscription()
    teacher = jaures.teacher()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=LATER)
    assert seat_counter(subscription) == "1/3"


@pytest.mark.slow
def test_a_withdrawal_concerns_one_subscription(jaures):
    code, _ = jaures.subscription()
    other_code = keys.generate()
    KeyFactory(code=other_code, entitlement=jaures.entitlement, school=jaures.school)
    operations.redeem(code=other_code, by=jaures.principal, at=TERM)
    teacher = TeacherFactory()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    assert operations.claim(code=other_code, by=teacher, at=LATER)


def test_a_principal_claims_nothing(jaures):
    code, _ = jaures.subscription()
    assert_refused("not_for_this_profile", operations.claim, code=code, by=PrincipalFactory())


# --- Automatic mode -------------------------------------------------------------------------------------------------


def test_a_teacher_of_the_same_school_is_given_the_key_at_once(jaures):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    seat = operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    assert (seat.holder, seat.mode, seat_counter(subscription)) == (teacher, SeatMode.AUTOMATIC, "1/3")
    assert [(event.kind, event.by) for event in seat.events.all()] == [("assigned", jaures.principal)]
    assert list_recipients("seat.assigned") == [teacher.email]


def test_an_unverified_principal_reaches_no_teacher(jaures):
    _, subscription = jaures.subscription(exposed_at=TERM)
    assert_refused(
        "not_verified",
        operations.assign,
        subscription_id=subscription.pk,
        teacher=jaures.teacher(),
        by=jaures.principal,
    )


def test_an_unverified_principal_may_take_a_seat_themselves(jaures):
    _, subscription = jaures.subscription(exposed_at=TERM)
    operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    assert seat_counter(subscription) == "1/3"
    assert list_recipients("seat.assigned") == []


def test_a_teacher_of_another_school_is_not_assigned(jaures, elsewhere):
    _, subscription = jaures.subscription()
    assert_refused(
        "teacher_of_another_school",
        operations.assign,
        subscription_id=subscription.pk,
        teacher=elsewhere(TeacherFactory),
        by=jaures.principal,
    )


def test_another_principal_is_not_assigned(jaures):
    _, subscription = jaures.subscription()
    assert_refused(
        "teacher_of_another_school",
        operations.assign,
        subscription_id=subscription.pk,
        teacher=jaures.add_principal(),
        by=jaures.principal,
    )


@pytest.mark.slow
def test_a_verified_colleague_shares_the_subscription(jaures):
    _, subscription = jaures.subscription()
    colleague = jaures.add_principal(verified=True)
    seat = operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=colleague, at=TERM)
    operations.release(seat_id=seat.pk, by=colleague, at=LATER)
    assert seat_counter(subscription) == "0/3"


def test_an_unverified_colleague_does_not(jaures):
    _, subscription = jaures.subscription()
    assert_refused(
        "not_owner",
        operations.assign,
        subscription_id=subscription.pk,
        teacher=jaures.teacher(),
        by=jaures.add_principal(),
    )


def test_nobody_gives_from_another_s_subscription(jaures):
    _, subscription = jaures.subscription()
    stranger = AffiliationFactory(user=PrincipalFactory(), verified_at=TERM, verified_by="operator").user
    assert_refused("not_owner", operations.assign, subscription_id=subscription.pk, teacher=stranger, by=stranger)
    assert_refused("not_owner", operations.assign, subscription_id=10**9, teacher=stranger, by=stranger)


@pytest.mark.parametrize("case", ["expired", "suspended"])
def test_nothing_is_given_from_what_is_over(jaures, case):
    _, subscription = jaures.subscription()
    if case == "suspended":
        jaures.entitlement.suspended_at = TERM
        jaures.entitlement.save()
    at = EXPIRED if case == "expired" else TERM
    assert_refused(
        f"key_{case}",
        operations.assign,
        subscription_id=subscription.pk,
        teacher=jaures.teacher(),
        by=jaures.principal,
        at=at,
    )


@pytest.mark.slow
def test_one_unit_a_teacher(jaures):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    refusal = assert_refused(
        "already_served", operations.assign, subscription_id=subscription.pk, teacher=teacher, by=jaures.principal
    )
    assert str(refusal).startswith(f"{teacher} détient")
    mine = {"subscription_id": subscription.pk, "teacher": jaures.principal, "by": jaures.principal}
    operations.assign(**mine, at=TERM)
    assert str(assert_refused("already_served", operations.assign, **mine)).startswith("Vous détenez")


# --- Withdrawing ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_seat_stays_and_passes_to_the_next_teacher(jaures):
    code, subscription = jaures.subscription(units=1)
    seat = operations.claim(code=code, by=TeacherFactory(), at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    again = operations.claim(code=code, by=TeacherFactory(), at=LATER)
    assert (again.pk, seat_counter(subscription)) == (seat.pk, "1/1")


@pytest.mark.slow
def test_the_teacher_is_emailed_about_the_withdrawal(jaures):
    code, _ = jaures.subscription()
    teacher = TeacherFactory()
    seat = operations.claim(code=code, by=teacher, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    assert list_recipients("seat.withdrawn") == [teacher.email]


@pytest.mark.slow
def test_withdrawing_twice_is_the_same_as_once(jaures):
    code, _ = jaures.subscription()
    seat = operations.claim(code=code, by=TeacherFactory(), at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    assert SeatEvent.objects.filter(kind="withdrawn").count() == 1


@pytest.mark.slow
def test_an_old_page_does_not_withdraw_from_the_wrong_teacher(jaures):
    code, _ = jaures.subscription(units=1)
    first, second = TeacherFactory(), TeacherFactory()
    seat = operations.claim(code=code, by=first, at=TERM)
    operations.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    operations.claim(code=code, by=second, at=LATER)
    assert_refused("seat_reassigned", operations.release, seat_id=seat.pk, holder_id=first.pk, by=jaures.principal)


@pytest.mark.slow
@pytest.mark.parametrize("factory", [PrincipalFactory, TeacherFactory])
def test_a_stranger_withdraws_nothing(jaures, factory):
    code, _ = jaures.subscription()
    seat = operations.claim(code=code, by=TeacherFactory(), at=TERM)
    assert_refused("not_owner", operations.release, seat_id=seat.pk, by=factory())
    assert_refused("not_owner", operations.release, seat_id=10**9, by=factory())
