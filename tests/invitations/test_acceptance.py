"""Whoever accepts holds the reserved seat and belongs to the school; each refusal says why, and tells no name."""

import datetime

import pytest
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError

from accounts.models import Profile, User
from licensing.entitlements import operations as seats
from licensing.entitlements.models import Entitlement, SeatEvent
from licensing.entitlements.notifications import SEAT_TAKEN
from licensing.requests.invitations import exceptions, operations, queries
from licensing.requests.invitations.models import InvitationEnd
from schools.models import Affiliation
from tests.conftest import TERM
from tests.emails import list_emails
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.refusals import refuses
from tests.waiting_jobs import list_waiting_jobs

LATER = TERM + datetime.timedelta(hours=1)
PASSWORD = "trois-petits-chats-2026"


def accept_as_new(invitation, name="Léa Martin", password=PASSWORD, at=LATER):
    return operations.accept_with_new_account(token=invitation.link_token, name=name, password=password, at=at)


def account_at(address):
    """Return a teacher elsewhere whose confirmed address is the invited one."""
    teacher = TeacherFactory(email=address)
    EmailAddress.objects.create(user=teacher, email=address, primary=True, verified=True)
    return teacher


@pytest.mark.slow
def test_a_new_account_holds_the_reserved_seat(jaures):
    invitation = jaures.invite_one()
    seat = accept_as_new(invitation)
    teacher = User.objects.get(username="lea.martin@ac-nimes.example")
    assert (teacher.first_name, teacher.last_name, teacher.profile) == ("Léa", "Martin", Profile.TEACHER)
    assert teacher.check_password(PASSWORD)
    assert EmailAddress.objects.get(user=teacher).verified
    assert (seat.pk, seat.holder) == (invitation.seat_id, teacher)
    assert jaures.count_seats() == (2, 0, 1)
    assert Affiliation.objects.get(user=teacher).school == jaures.school
    event = SeatEvent.objects.get()
    assert (event.kind, event.teacher, event.by) == (SeatEvent.Kind.ASSIGNED, teacher, jaures.principal)
    invitation.refresh_from_db()
    assert (invitation.outcome, invitation.accepted_by) == (InvitationEnd.ACCEPTED, teacher)


@pytest.mark.slow
def test_the_inviter_and_the_collectivity_are_notified(jaures):
    accept_as_new(jaures.invite_one())
    [letter] = list_emails(SEAT_TAKEN)
    assert letter.recipient == jaures.principal.email
    note = list_waiting_jobs("pools.note_key_event")[-1]["args"]
    assert (note["event"], note["held"], note["size"]) == ("held", 1, 3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Léa", "", "Léa www.exemple.example", "L" * 61])
def test_first_name_and_surname_are_needed(jaures, name):
    invitation = jaures.invite_one()
    with pytest.raises(ValidationError) as refusal:
        accept_as_new(invitation, name=name)
    assert list(refusal.value.message_dict) == ["name"]
    assert jaures.count_seats() == (2, 1, 0)


def test_a_weak_password_creates_nothing(jaures):
    invitation = jaures.invite_one()
    with pytest.raises(ValidationError) as refusal:
        accept_as_new(invitation, password="123")
    assert list(refusal.value.message_dict) == ["password"]
    assert not User.objects.filter(email=invitation.email).exists()


@pytest.mark.slow
def test_an_account_of_the_address_accepts_by_one_act(jaures):
    invitation = jaures.invite_one()
    teacher = account_at(invitation.email.upper())
    seat = operations.accept_invitation(token=invitation.link_token, by=teacher, at=LATER)
    assert seat.holder == teacher
    assert jaures.count_seats() == (2, 0, 1)


@pytest.mark.slow
def test_another_account_accepts_only_on_purpose(jaures):
    invitation, other = jaures.invite_one(), account_at("autre@x.example")
    with pytest.raises(exceptions.MeantForAnotherAccount):
        operations.accept_invitation(token=invitation.link_token, by=other, at=LATER)
    assert operations.accept_invitation(
        token=invitation.link_token, by=other, at=LATER, deliberate=True
    ).holder == other  # fmt: skip


@pytest.mark.slow
def test_an_unconfirmed_address_proves_nothing(jaures):
    invitation = jaures.invite_one()
    with pytest.raises(exceptions.MeantForAnotherAccount):
        operations.accept_invitation(token=invitation.link_token, by=TeacherFactory(email=invitation.email), at=LATER)


@pytest.mark.slow
def test_a_principal_does_not_take_a_teacher_s_seat(jaures):
    invitation = jaures.invite_one()
    for principal in (jaures.principal, PrincipalFactory(email=invitation.email)):
        with pytest.raises(exceptions.MeantForAnotherAccount):
            operations.accept_invitation(token=invitation.link_token, by=principal, at=LATER, deliberate=True)


@pytest.mark.slow
@pytest.mark.parametrize("shared_with", ["the school", "its principal", "a username"])
def test_a_shared_mailbox_gives_a_sign_in_name_of_its_own(jaures, shared_with):
    mailbox = "ecole.jaures@nimes.example"
    if shared_with == "the school":
        jaures.school.email = mailbox
        jaures.school.save()
    elif shared_with == "its principal":
        User.objects.filter(pk=jaures.principal.pk).update(email=mailbox.upper())
    else:
        PrincipalFactory(username=mailbox)
    first = accept_as_new(jaures.invite_one(f"Léa Martin <{mailbox}>")).holder
    second = accept_as_new(jaures.invite_one(f"Paul Martin <{mailbox}>"), name="Paul Martin").holder
    third = accept_as_new(jaures.invite_one(f"Léa MARTIN-PETIT <{mailbox}>"), name="Lea Martin").holder
    assert [one.username for one in (first, second, third)] == ["lea.martin", "paul.martin", "lea.martin2"]
    assert {one.email for one in (first, second, third)} == {mailbox}


@pytest.mark.slow
def test_a_teacher_who_holds_a_seat_already_frees_the_reserved_one(jaures):
    teacher = account_at("lea@x.example")
    invitation = jaures.invite_one("Léa Martin <lea@x.example>")
    held = seats.claim(code=jaures.code, by=teacher, at=TERM)
    # Under another name: it was not known that they are the same person.
    assert jaures.count_seats() == (1, 1, 1)
    assert operations.accept_invitation(token=invitation.link_token, by=teacher, at=LATER) == held
    assert jaures.count_seats() == (2, 0, 1)
    invitation.refresh_from_db()
    assert invitation.outcome == InvitationEnd.SERVED


@pytest.mark.slow
def test_a_link_serves_once(jaures):
    invitation = jaures.invite_one()
    accept_as_new(invitation)
    with refuses("invitation_spent", match="votre licence vous attend dans votre compte"):
        accept_as_new(invitation)
    assert User.objects.filter(email=invitation.email).count() == 1


@pytest.mark.slow
def test_a_withdrawn_teacher_may_be_invited_again(jaures):
    seat = accept_as_new(jaures.invite_one())
    seats.release(seat_id=seat.pk, by=jaures.principal, at=LATER)
    teacher = User.objects.get(pk=seat.holder_id)
    Affiliation.objects.filter(user=teacher).delete()
    invitation = jaures.invite_one(at=LATER)
    assert operations.accept_invitation(token=invitation.link_token, by=teacher, at=LATER).holder == teacher


def recall(jaures, invitation):
    operations.recall_invitation(invitation_id=invitation.pk, by=jaures.principal, at=TERM)


def change_licences(**fields):
    def change(jaures, invitation):
        Entitlement.objects.filter(pk=jaures.licences.key.entitlement_id).update(**fields)

    return change


def leave(jaures, invitation):
    Affiliation.objects.filter(school=jaures.school).delete()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (recall, "invitation_recalled"),
        (change_licences(suspended_at=TERM), "licences_suspended"),
        (change_licences(suspended_at=TERM, cancelled_at=TERM), "licences_over"),
        (leave, "school_without_principal"),
    ],
)
def test_each_reason_not_to_open_has_its_refusal(jaures, change, refusal):
    invitation = jaures.invite_one()
    change(jaures, invitation)
    for act in (
        lambda: queries.get_invitation_by_token(invitation.link_token, at=LATER),
        lambda: accept_as_new(invitation),
    ):
        with refuses(refusal) as refused:
            act()
        assert "Jaurès" not in str(refused.value)
        assert jaures.principal.last_name not in str(refused.value)


@pytest.mark.slow
def test_an_unknown_token_and_a_late_one_are_refused(jaures):
    invitation = jaures.invite_one()
    with refuses("unknown_invitation"):
        queries.get_invitation_by_token("x" * 43, at=LATER)
    queries.get_invitation_by_token(invitation.link_token, at=invitation.expires_at - datetime.timedelta(seconds=1))
    with refuses("invitation_expired", match=r"24\sdécembre 2026"):
        queries.get_invitation_by_token(invitation.link_token, at=invitation.expires_at)
