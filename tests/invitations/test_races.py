"""Invariant 43 under real threads and real commits: a reserved seat is its invited teacher's, whatever runs at once."""

import datetime
import functools
import threading

import pytest
from django.db import transaction
from django_tenants.utils import schema_context

from accounts.models import User
from core.exceptions import DomainError
from licensing.entitlements import operations as seats
from licensing.entitlements.models import SeatEvent
from licensing.requests.invitations import emails, operations
from licensing.requests.invitations.models import InvitationEnd, TeacherInvitation
from mailing.models import Message
from tests.conftest import PASSWORD, TERM
from tests.factories.accounts import TeacherFactory
from tests.races import run_concurrently, wait_for_blocked_session
from tests.sites.audit.violations import list_all_violations
from tests.waits import wait_until

pytestmark = pytest.mark.slow

LATER = TERM + datetime.timedelta(hours=1)


def run(collectivity, *actions):
    """Run the actions at once; return the codes of the refusals."""
    outcomes = run_concurrently(collectivity.schema_name, actions, expected_errors=DomainError)
    assert "reserved_seats" not in list_all_violations()
    return sorted(outcome.code for outcome in outcomes if isinstance(outcome, DomainError))


def accepting(invitation, name="Léa Martin"):
    return functools.partial(
        operations.accept_with_new_account, token=invitation.link_token, name=name, password=PASSWORD, at=LATER
    )


def accepting_with_account(invitation, teacher):
    return functools.partial(
        operations.accept_invitation, token=invitation.link_token, by=teacher, at=LATER, deliberate=True
    )


def test_the_last_seats_are_reserved_or_claimed_and_never_both(committing, committed_jaures):
    """Three seats, eight teachers who type the key and four invitations of two: as many win as there are seats."""
    claims = [
        functools.partial(seats.claim, code=committed_jaures.code, by=teacher, at=TERM)
        for teacher in TeacherFactory.create_batch(8)
    ]
    invites = [functools.partial(committed_jaures.invite, f"a{n}@x.example", f"b{n}@x.example") for n in range(4)]
    refusals = run(committing, *claims, *invites)
    free, reserved, held = committed_jaures.count_seats()
    assert set(refusals) == {"no_seat_left"}
    assert free + reserved + held == 3
    assert reserved == 2 * TeacherInvitation.objects.count() // 2
    assert free <= 1  # two principals who need two each leave one seat that nobody typed the key for


def test_eight_principals_invite_the_same_teacher_once(committing, committed_jaures):
    colleagues = [committed_jaures.add_principal(verified=True) for _ in range(8)]
    run(committing, *[functools.partial(committed_jaures.invite, "lea@x.example", by=one) for one in colleagues])
    assert committed_jaures.count_seats() == (2, 1, 0)
    with schema_context("public"):
        assert Message.objects.filter(kind=emails.INVITED).count() == 1


def test_eight_clicks_on_one_link_make_one_account(committing, committed_jaures):
    invitation = committed_jaures.invite_one()
    refusals = run(committing, *[accepting(invitation)] * 8)
    assert refusals == ["invitation_spent"] * 7
    assert User.objects.filter(email=invitation.email).count() == 1
    assert committed_jaures.count_seats() == (2, 0, 1)


def test_eight_accounts_that_accept_one_invitation_are_one_teacher(committing, committed_jaures):
    invitation = committed_jaures.invite_one()
    teachers = TeacherFactory.create_batch(8)
    refusals = run(committing, *[accepting_with_account(invitation, teacher) for teacher in teachers])
    assert refusals == ["invitation_spent"] * 7
    assert committed_jaures.count_seats() == (2, 0, 1)
    invitation.refresh_from_db()
    assert [invitation.accepted_by_id] == list(committed_jaures.licences.seats.held().values_list("holder", flat=True))
    assert SeatEvent.objects.count() == 1


def test_an_invitation_is_accepted_or_recalled_and_never_both(committing, committed_jaures):
    for turn in range(4):
        invitation, teacher = committed_jaures.invite_one(f"a{turn}@x.example"), TeacherFactory()
        recall = functools.partial(
            operations.recall_invitation, invitation_id=invitation.pk, by=committed_jaures.principal, at=LATER
        )
        expire = functools.partial(operations.expire_invitations, at=invitation.expires_at)
        refusals = run(committing, accepting_with_account(invitation, teacher), recall, recall, expire)
        invitation.refresh_from_db()
        is_accepted = invitation.outcome == InvitationEnd.ACCEPTED
        assert refusals == (["invitation_ended"] * 2 if is_accepted else [f"invitation_{invitation.outcome}"])
        assert committed_jaures.licences.seats.filter(holder=teacher).exists() == is_accepted
        committed_jaures.licences.seats.held().update(holder=None, held_since=None, mode="")


def test_a_teacher_who_accepts_and_types_the_key_at_once_holds_one_seat(committing, committed_jaures, can_sign_in):
    with schema_context("public"):
        teacher = can_sign_in(TeacherFactory(first_name="Léa", last_name="Martin"))
    invitation = committed_jaures.invite_one(f"Léa Martin <{teacher.email}>")
    accept = functools.partial(operations.accept_invitation, token=invitation.link_token, by=teacher, at=LATER)
    claim = functools.partial(seats.claim, code=committed_jaures.code, by=teacher, at=LATER)
    run(committing, accept, claim, accept, claim)
    assert committed_jaures.count_seats() == (2, 0, 1)


@pytest.mark.small
def test_a_teacher_who_accepts_while_their_claim_commits_frees_the_reserved_seat(committing, committed_jaures):
    """The claim does not know the invitation for the teacher's: it bears another name."""
    invitation, teacher = committed_jaures.invite_one("Léa Martin <lea@x.example>"), TeacherFactory()
    claimed = threading.Event()

    def claim():
        with transaction.atomic():
            seat = seats.claim(code=committed_jaures.code, by=teacher, at=LATER)
            claimed.set()
            wait_for_blocked_session()
            return seat

    def accept():
        wait_until(claimed.is_set)
        return accepting_with_account(invitation, teacher)()

    claimed_seat, accepted_seat = run_concurrently(committing.schema_name, [claim, accept], expected_errors=())
    assert accepted_seat == claimed_seat
    assert committed_jaures.count_seats() == (2, 0, 1)


def test_two_workers_send_each_reminder_once(committing, committed_jaures):
    committed_jaures.invite("lea@x.example", "paul@x.example")
    week = TERM + datetime.timedelta(days=7)
    run(committing, *[functools.partial(operations.send_due_reminders, at=week)] * 6)
    with schema_context("public"):
        assert Message.objects.filter(kind=emails.REMINDED).count() == 2


def test_a_seat_whose_invitation_is_restored_is_not_claimed_meanwhile(committing, committed_jaures):
    """One seat, cancelled hours ago: four who type the key and four clicks on « Rétablir »; it is taken once."""
    for turn in range(4):
        code, licences = committed_jaures.subscription(units=1)
        invitation = committed_jaures.invite_one(f"a{turn}@x.example", subscription_id=licences.pk)
        operations.recall_invitation(invitation_id=invitation.pk, by=committed_jaures.principal, at=TERM)
        undo = functools.partial(
            operations.undo_recall, invitation_id=invitation.pk, by=committed_jaures.principal, at=LATER
        )
        claims = [
            functools.partial(seats.claim, code=code, by=teacher, at=LATER)
            for teacher in TeacherFactory.create_batch(4)
        ]
        refusals = run(committing, *claims, undo, undo, undo, undo)
        invitation.refresh_from_db()
        assert licences.seats.reserved().count() + licences.seats.held().count() == 1
        assert (invitation.ended_at is None) == licences.seats.reserved().exists()
        assert len(refusals) == (4 if invitation.ended_at is None else 7)


def test_a_person_is_invited_anew_or_restored_and_never_both(committing, committed_jaures):
    for turn in range(4):
        address = f"a{turn}@x.example"
        invitation = committed_jaures.invite_one(address)
        operations.recall_invitation(invitation_id=invitation.pk, by=committed_jaures.principal, at=TERM)
        undo = functools.partial(
            operations.undo_recall, invitation_id=invitation.pk, by=committed_jaures.principal, at=LATER
        )
        run(committing, undo, functools.partial(committed_jaures.invite, address), undo)
        [waiting] = TeacherInvitation.objects.pending()
        operations.recall_invitation(invitation_id=waiting.pk, by=committed_jaures.principal, at=TERM)
