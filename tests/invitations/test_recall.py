"""A cancelled invitation: undone for a day with the same link, sent again later, or forgotten."""

import datetime

import pytest
from django_tenants.utils import schema_context

from licensing.entitlements import exceptions as seat_exceptions
from licensing.entitlements import operations as seats
from licensing.entitlements.models import Entitlement
from licensing.requests.invitations import emails, operations, queries
from licensing.requests.invitations.models import RESTORABLE_FOR, InvitationEnd, TeacherInvitation
from mailing.models import Message, MessageState
from tests.classes.class_rows import create_subscription
from tests.conftest import PASSWORD, TERM
from tests.emails import list_emails
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.invitations.inviting_school import InvitingSchool
from tests.refusals import refuses

pytestmark = pytest.mark.slow

SOON = TERM + datetime.timedelta(hours=20)
DAY = datetime.timedelta(days=1)
LEA = "lea@x.example"


@pytest.fixture
def recalled(jaures):
    """An invitation that was cancelled at TERM, before its letter left."""
    invitation = jaures.invite_one(f"Léa Martin <{LEA}>")
    return operations.recall_invitation(invitation_id=invitation.pk, by=jaures.principal, at=TERM)


def undo(jaures, invitation, *, at=SOON, by=None):
    return operations.undo_recall(invitation_id=invitation.pk, by=by or jaures.principal, at=at)


def invite_again(jaures, invitation, **fields):
    fields = {"subscription_id": jaures.licences.pk, "by": jaures.principal, "at": TERM + DAY} | fields
    return operations.invite_again(invitation_id=invitation.pk, **fields)


def list_states():
    return [letter.state for letter in list_emails(emails.INVITED)]


def test_an_undone_invitation_waits_again_with_its_link(jaures, recalled):
    with refuses("invitation_recalled", match=r"a annulé cette invitation.*Répondez"):
        queries.get_invitation_by_token(recalled.link_token, at=SOON)
    for _ in range(2):
        undone = undo(jaures, recalled)
        assert (undone.ended_at, undone.outcome) == (None, "")
        assert jaures.count_seats() == (2, 1, 0)
    operations.accept_with_new_account(token=recalled.link_token, name="Léa Martin", password=PASSWORD, at=SOON)
    assert jaures.count_seats() == (2, 0, 1)


def test_the_letter_that_was_stopped_leaves_and_one_that_had_left_does_not_leave_twice(jaures, recalled):
    undo(jaures, recalled)
    assert list_states() == [MessageState.CANCELLED, MessageState.QUEUED]
    with schema_context("public"):
        Message.objects.filter(state=MessageState.QUEUED).update(state=MessageState.SENT, sent_at=TERM)
    operations.recall_invitation(invitation_id=recalled.pk, by=jaures.principal, at=TERM)
    undo(jaures, recalled)
    assert list_states() == [MessageState.CANCELLED, MessageState.SENT]


@pytest.mark.small
def test_a_cancelled_invitation_sends_no_letter(jaures, recalled):
    assert list_states() == [MessageState.CANCELLED]
    assert list_emails(recipient=LEA) == list_emails(emails.INVITED)


@pytest.mark.parametrize("outcome", [InvitationEnd.EXPIRED, InvitationEnd.SERVED, InvitationEnd.OVER])
def test_only_what_a_principal_cancelled_is_undone(jaures, recalled, outcome):
    TeacherInvitation.objects.update(outcome=outcome)
    with pytest.raises(seat_exceptions.UndoTooLate):
        undo(jaures, recalled)


def test_it_is_refused_a_day_later_or_once_its_link_is_too_old(jaures, recalled):
    with pytest.raises(seat_exceptions.UndoTooLate, match="« Inviter »"):
        undo(jaures, recalled, at=TERM + RESTORABLE_FOR + datetime.timedelta(seconds=1))
    TeacherInvitation.objects.update(expires_at=SOON)
    with pytest.raises(seat_exceptions.UndoTooLate):
        undo(jaures, recalled, at=SOON)
    assert jaures.count_seats() == (3, 0, 0)
    assert undo(jaures, recalled, at=SOON - datetime.timedelta(seconds=1)).ended_at is None


def test_it_is_refused_once_the_licence_is_somebody_elses(jaures, recalled):
    for _ in range(3):
        seats.claim(code=jaures.code, by=TeacherFactory(), at=TERM)
    with pytest.raises(seat_exceptions.NoSeatLeft, match="reste annulée"):
        undo(jaures, recalled)


def test_it_is_refused_once_the_person_was_invited_anew(jaures, recalled):
    jaures.invite(f"léa martin <{LEA.upper()}>")
    with refuses("invitation_ended", match="déjà partie"):
        undo(jaures, recalled)


def test_only_verified_principals_of_the_school_undo_invite_again_and_forget(jaures, recalled):
    elsewhere = PrincipalFactory()
    AffiliationFactory(user=elsewhere, verified_at=TERM, verified_by="operator")
    for stranger in (elsewhere, jaures.teacher()):
        for act in (undo, invite_again):
            with pytest.raises(seat_exceptions.SubscriptionNotAdministered):
                act(jaures, recalled, by=stranger)
        with pytest.raises(seat_exceptions.SubscriptionNotAdministered):
            operations.forget_invited_person(invitation_id=recalled.pk, by=stranger)


def test_an_address_waits_once_whichever_key_of_the_year_its_licence_is_of(jaures):
    invitation = jaures.invite_one(f"Léa Martin <{LEA}>")
    _, other = jaures.subscription(units=2)
    result = jaures.invite(LEA, subscription_id=other.pk)
    assert (result.invitations, result.waiting) == ([], [invitation])
    teacher = TeacherFactory(email="paul@x.example")
    AffiliationFactory(user=teacher, school=jaures.school)
    seats.assign(subscription_id=jaures.licences.pk, teacher=teacher, by=jaures.principal, at=TERM)
    assert jaures.invite(teacher.email, subscription_id=other.pk).already == [teacher]
    # Whose licence is suspended may have another.
    fresh = create_subscription(size=1, school=jaures.school, principal=jaures.principal)
    Entitlement.objects.filter(pk=jaures.licences.key.entitlement_id).update(suspended_at=TERM)
    assert len(jaures.invite(teacher.email, subscription_id=fresh.pk).seats) == 1


def test_who_was_invited_before_is_invited_again_with_a_licence_of_the_chosen_key(jaures, recalled):
    _, other = jaures.subscription(units=1)
    [again] = invite_again(jaures, recalled, subscription_id=other.pk).invitations
    assert (again.email, again.name, again.subscription) == (LEA, "Léa Martin", other)
    assert again.link_token != recalled.link_token
    [waiting] = invite_again(jaures, recalled, subscription_id=other.pk).waiting
    assert waiting == again


def test_nobody_is_invited_again_with_the_licences_of_another_school(jaures, recalled):
    other = InvitingSchool()
    AffiliationFactory(user=other.principal, school=jaures.school, verified_at=TERM, verified_by="operator")
    with refuses("teacher_of_another_school"):
        invite_again(jaures, recalled, subscription_id=other.licences.pk, by=other.principal)


def test_a_forgotten_person_leaves_no_address(jaures, recalled):
    colleague = jaures.invite_one(f"Paul Durand <{LEA}>")
    operations.recall_invitation(invitation_id=colleague.pk, by=jaures.principal, at=TERM)
    [again] = invite_again(jaures, recalled).invitations
    with refuses("invitation_ended"):
        operations.forget_invited_person(invitation_id=again.pk, by=jaures.principal)
    operations.recall_invitation(invitation_id=again.pk, by=jaures.principal, at=TERM + DAY)
    operations.forget_invited_person(invitation_id=again.pk, by=jaures.principal)
    # The colleague of the same mailbox stays in the list.
    assert [one.name for one in TeacherInvitation.objects.all()] == ["Paul Durand"]
