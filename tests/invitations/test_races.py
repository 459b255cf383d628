"""Invariant 43 under real threads and real commits: a reserved seat is its invited teacher's, whatever runs at once."""

from __future__ import annotations

import datetime
import functools

from django_tenants.utils import schema_context

from accounts.models import User
from licensing.entitlements import operations as seats
from licensing.exceptions import LicensingError
from licensing.invitations import notifications, operations
from licensing.invitations.models import InvitationEnd, TeacherInvitation
from mailing.models import Message
from tests.conftest import PASSWORD, TERM
from tests.factories.accounts import TeacherFactory
from tests.races import run_concurrently
from tests.sites.audit.violations import list_all_violations

LATER = TERM + datetime.timedelta(hours=1)


def run(collectivity, *actions):
    """Run the actions at once; return the names of the refusals."""
    outcomes = run_concurrently(collectivity.schema_name, actions, expected_errors=LicensingError)
    assert "reserved_seats" not in list_all_violations()
    return sorted(type(outcome).__name__ for outcome in outcomes if isinstance(outcome, Exception))


def accepting(invitation, name="Léa Martin"):
    return functools.partial(
        operations.accept_with_new_account, token=invitation.link_token, name=name, password=PASSWORD, at=LATER
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
    assert set(refusals) == {"NoSeatLeft"}
    assert free + reserved + held == 3
    assert reserved == 2 * TeacherInvitation.objects.count() // 2
    assert free <= 1  # two principals who need two each leave one seat that nobody typed the key for


def test_eight_principals_invite_the_same_teacher_once(committing, committed_jaures):
    colleagues = [committed_jaures.add_principal(verified=True) for _ in range(8)]
    run(committing, *[functools.partial(committed_jaures.invite, "lea@x.example", by=one) for one in colleagues])
    assert committed_jaures.count_seats() == (2, 1, 0)
    with schema_context("public"):
        assert Message.objects.filter(kind=notifications.INVITED).count() == 1


def test_eight_clicks_on_one_link_make_one_account(committing, committed_jaures):
    invitation = committed_jaures.invite_one()
    refusals = run(committing, *[accepting(invitation)] * 8)
    assert refusals == ["InvitationSpent"] * 7
    assert User.objects.filter(email=invitation.email).count() == 1
    assert committed_jaures.count_seats() == (2, 0, 1)


def test_an_invitation_is_accepted_or_recalled_and_never_both(committing, committed_jaures):
    for turn in range(4):
        invitation = committed_jaures.invite_one(f"a{turn}@x.example")
        recall = functools.partial(
            operations.recall_invitation, invitation_id=invitation.pk, by=committed_jaures.principal, at=LATER
        )
        expire = functools.partial(operations.expire_invitations, at=LATER)
        [refusal] = run(committing, accepting(invitation), recall, recall, expire)[:1]
        invitation.refresh_from_db()
        is_accepted = invitation.outcome == InvitationEnd.ACCEPTED
        assert refusal == ("InvitationEnded" if is_accepted else "InvitationRecalled")
        assert User.objects.filter(email=invitation.email).exists() == is_accepted
        committed_jaures.licences.seats.held().update(holder=None, held_since=None, mode="")


def test_a_teacher_who_accepts_and_types_the_key_at_once_holds_one_seat(committing, committed_jaures, can_sign_in):
    with schema_context("public"):
        teacher = can_sign_in(TeacherFactory(first_name="Léa", last_name="Martin"))
    invitation = committed_jaures.invite_one(f"Léa Martin <{teacher.email}>")
    accept = functools.partial(operations.accept_invitation, token=invitation.link_token, by=teacher, at=LATER)
    claim = functools.partial(seats.claim, code=committed_jaures.code, by=teacher, at=LATER)
    run(committing, accept, claim, accept, claim)
    assert committed_jaures.count_seats() == (2, 0, 1)


def test_two_workers_send_each_reminder_once(committing, committed_jaures):
    committed_jaures.invite("lea@x.example", "paul@x.example")
    week = TERM + datetime.timedelta(days=7)
    run(committing, *[functools.partial(operations.send_due_reminders, at=week)] * 6)
    with schema_context("public"):
        assert Message.objects.filter(kind=notifications.REMINDED).count() == 2
