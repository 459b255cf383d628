"""« Annuler »: an assignment is undone for some seconds, as if it had not been, and not a moment longer."""

import datetime
import functools

import pytest

from core.exceptions import DomainError
from licensing.entitlements import notifications, operations, seat_holders
from licensing.entitlements.exceptions import SubscriptionNotAdministered, UndoTooLate
from licensing.entitlements.models import SeatEvent
from mailing.models import MessageState
from tests.conftest import TERM
from tests.emails import list_emails
from tests.factories.accounts import PrincipalFactory
from tests.races import run_concurrently

SOON = TERM + seat_holders.UNDO_OFFERED_FOR
TOO_LATE = TERM + notifications.UNDO_PERIOD + datetime.timedelta(microseconds=1)


@pytest.fixture
def given(jaures):
    """A seat that the principal gave at TERM."""
    _, subscription = jaures.subscription()
    return operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)


def undo(*seats, by, at=SOON):
    return seat_holders.undo_assignments(seat_ids=[seat.pk for seat in seats], by=by, at=at)


def kinds_of(seat):
    return list(seat.events.order_by("pk").values_list("kind", flat=True))


@pytest.mark.slow
@pytest.mark.parametrize("at", [SOON, TERM + notifications.UNDO_PERIOD])
def test_an_undone_seat_is_free_and_its_teacher_hears_nothing(given, jaures, at):
    teacher = given.holder
    assert undo(given, by=jaures.principal, at=at) == [teacher]
    given.refresh_from_db()
    assert (given.holder, given.held_since, given.mode) == (None, None, "")
    assert kinds_of(given) == ["assigned", "undone"]
    assert [message.state for message in list_emails(recipient=teacher.email)] == [MessageState.CANCELLED]


def test_the_email_of_an_assignment_leaves_once_it_is_too_late_to_undo(given):
    [message] = list_emails("seat.assigned")
    assert message.due_at == TERM + notifications.UNDO_PERIOD
    assert notifications.UNDO_PERIOD > seat_holders.UNDO_OFFERED_FOR


@pytest.mark.slow
def test_it_is_refused_later(given, jaures):
    with pytest.raises(UndoTooLate, match="trop tard"):
        undo(given, by=jaures.principal, at=TOO_LATE)
    given.refresh_from_db()
    assert given.holder is not None
    assert kinds_of(given) == ["assigned"]


@pytest.mark.slow
def test_only_who_gave_undoes_and_only_with_a_right_to_the_subscription(given, jaures):
    with pytest.raises(UndoTooLate):
        undo(given, by=jaures.add_principal(verified=True))
    with pytest.raises(SubscriptionNotAdministered):
        undo(given, by=PrincipalFactory())
    with pytest.raises(UndoTooLate):
        seat_holders.undo_assignments(seat_ids=[10**9], by=jaures.principal, at=SOON)
    given.refresh_from_db()
    assert given.holder is not None


@pytest.mark.slow
def test_a_seat_that_was_claimed_or_has_changed_hands_is_not_undone(given, jaures):
    code, _ = jaures.subscription()
    claimed = operations.claim(code=code, by=jaures.teacher(), at=TERM)
    with pytest.raises(UndoTooLate):
        undo(claimed, by=jaures.principal)
    colleague = jaures.add_principal(verified=True)
    operations.replace(
        seat_id=given.pk, holder_id=given.holder_id, successor_id=jaures.teacher().pk, by=colleague, at=TERM
    )
    with pytest.raises(UndoTooLate):
        undo(given, by=jaures.principal)


@pytest.mark.slow
def test_several_are_undone_together_or_none(jaures):
    _, subscription = jaures.subscription(units=4)
    teachers = [jaures.teacher() for _ in range(3)]
    seats = operations.assign_many(
        subscription_id=subscription.pk, teacher_ids=[one.pk for one in teachers], by=jaures.principal, at=TERM
    ).seats
    late = operations.assign(
        subscription_id=subscription.pk,
        teacher=jaures.teacher(),
        by=jaures.principal,
        at=TERM - datetime.timedelta(minutes=1),
    )
    with pytest.raises(UndoTooLate):
        undo(*seats, late, by=jaures.principal)
    assert subscription.seats.held().count() == 4
    assert len(undo(*seats, by=jaures.principal)) == 3
    assert subscription.seats.held().count() == 1


@pytest.mark.slow
def test_a_teacher_whose_licence_was_undone_may_type_the_key(jaures):
    """Unlike one from whom it was withdrawn."""
    code, subscription = jaures.subscription()
    teacher = jaures.teacher()
    seat = operations.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    undo(seat, by=jaures.principal)
    assert operations.claim(code=code, by=teacher, at=SOON).holder == teacher


@pytest.mark.slow
def test_given_again_at_once_the_teacher_gets_one_email(given, jaures):
    teacher = given.holder
    undo(given, by=jaures.principal)
    operations.assign(subscription_id=given.subscription_id, teacher=teacher, by=jaures.principal, at=SOON)
    states = [message.state for message in list_emails("seat.assigned", recipient=teacher.email)]
    assert states == [MessageState.CANCELLED, MessageState.QUEUED]


@pytest.mark.slow
def test_two_clicks_at_once_undo_once(committing, committed_jaures):
    jaures = committed_jaures
    _, subscription = jaures.subscription()
    seat = operations.assign(subscription_id=subscription.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    click = functools.partial(undo, seat, by=jaures.principal)
    outcomes = run_concurrently(committing.schema_name, [click] * 4, expected_errors=DomainError)
    assert sorted(len(outcome) for outcome in outcomes) == [0, 0, 0, 1]
    assert SeatEvent.objects.filter(kind=SeatEvent.Kind.UNDONE).count() == 1
