"""An invitation ends once, whatever ends it, and its seat is free again; a reminder leaves once by itself."""

import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_tenants.utils import schema_context

from jobs import retention
from licensing.entitlements import exceptions as seat_exceptions
from licensing.entitlements import operations as seats
from licensing.entitlements.models import Entitlement
from licensing.requests.invitations import emails, operations
from licensing.requests.invitations.models import InvitationEnd, TeacherInvitation
from mailing.models import Message, MessageState
from schools.models import HolidayZone, SchoolHoliday
from tests.conftest import PASSWORD, TERM
from tests.emails import list_emails
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.refusals import refuses

DAY = datetime.timedelta(days=1)
LEA, PAUL = "lea@x.example", "paul@x.example"


def outcomes():
    return list(TeacherInvitation.objects.order_by("pk").values_list("outcome", flat=True))


def recall(jaures, invitation, **fields):
    return operations.recall_invitation(
        **({"invitation_id": invitation.pk, "by": jaures.principal, "at": TERM} | fields)
    )


def remind(jaures, invitation, at):
    return operations.remind_invitation(invitation_id=invitation.pk, by=jaures.principal, at=at)


@pytest.mark.slow
def test_a_recalled_invitation_frees_its_seat_and_stops_its_letter(jaures):
    invitation = jaures.invite_one()
    for _ in range(2):
        recall(jaures, invitation)
        assert outcomes() == [InvitationEnd.RECALLED]
        assert jaures.count_seats() == (3, 0, 0)
    assert [letter.state for letter in list_emails(emails.INVITED)] == [MessageState.CANCELLED]
    assert jaures.invite_one().pk != invitation.pk


@pytest.mark.slow
def test_an_accepted_invitation_is_not_recalled(jaures):
    invitation = jaures.invite_one()
    operations.accept_with_new_account(token=invitation.link_token, name="Léa Martin", password=PASSWORD, at=TERM)
    with refuses("invitation_ended", match="retirez-la-lui"):
        recall(jaures, invitation)


@pytest.mark.slow
def test_only_verified_principals_of_the_school_recall_and_remind(jaures, nimes):
    invitation = jaures.invite_one()
    elsewhere = PrincipalFactory()
    AffiliationFactory(user=elsewhere, verified_at=TERM, verified_by="operator")
    for stranger in (elsewhere, jaures.teacher()):
        with pytest.raises(seat_exceptions.SubscriptionNotAdministered):
            recall(jaures, invitation, by=stranger)
    with pytest.raises(seat_exceptions.SubscriptionNotAdministered):
        recall(jaures, invitation, invitation_id=invitation.pk + 1)
    jaures.principal.affiliations.update(verified_at=None, verified_by="")
    with refuses("not_verified"):
        recall(jaures, invitation)
    with refuses("not_verified"):
        remind(jaures, invitation, TERM + 2 * DAY)


@pytest.mark.slow
def test_invitations_expire_at_their_date_and_not_before(jaures):
    invitation = jaures.invite_one()
    assert operations.expire_invitations(at=invitation.expires_at - datetime.timedelta(seconds=1)) == 0
    assert operations.expire_invitations(at=invitation.expires_at) == 1
    assert outcomes() == [InvitationEnd.EXPIRED]
    assert jaures.count_seats() == (3, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("change", [{"suspended_at": TERM, "cancelled_at": TERM}, {"last_day": TERM.date() - DAY}])
def test_invitations_of_licences_that_are_over_end(jaures, change):
    jaures.invite(LEA, PAUL)
    Entitlement.objects.filter(pk=jaures.licences.key.entitlement_id).update(
        first_day=datetime.date(2026, 9, 1), **change
    )
    assert operations.expire_invitations(at=TERM) == 2
    assert outcomes() == [InvitationEnd.OVER] * 2


def test_invitations_of_suspended_licences_wait(jaures):
    jaures.invite_one()
    Entitlement.objects.update(suspended_at=TERM)
    assert operations.expire_invitations(at=TERM) == 0
    assert operations.send_due_reminders(at=TERM + 8 * DAY) == 0


@pytest.mark.slow
def test_a_person_who_receives_a_seat_otherwise_frees_the_reserved_one(jaures):
    teacher = TeacherFactory(first_name="Léa", last_name="Martin", email=LEA)
    AffiliationFactory(user=teacher)
    jaures.invite(f"MARTIN Léa <{LEA}>", f"Paul Durand <{LEA}>")
    seats.claim(code=jaures.code, by=teacher, at=TERM)
    assert outcomes() == [InvitationEnd.SERVED, ""]
    assert jaures.count_seats() == (1, 1, 1)


@pytest.mark.slow
def test_the_principal_who_takes_a_seat_leaves_the_teachers_of_the_mailbox_theirs(jaures):
    invitation = jaures.invite_one(jaures.principal.email)
    seats.assign(subscription_id=jaures.licences.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    invitation.refresh_from_db()
    assert invitation.ended_at is None


@pytest.mark.slow
def test_a_reminder_leaves_once_by_itself_after_a_week(jaures):
    jaures.invite(LEA, PAUL)
    assert operations.send_due_reminders(at=TERM + 7 * DAY - datetime.timedelta(seconds=1)) == 0
    assert operations.send_due_reminders(at=TERM + 7 * DAY) == 2
    assert operations.send_due_reminders(at=TERM + 20 * DAY) == 0
    assert [letter.recipient for letter in list_emails(emails.REMINDED)] == [LEA, PAUL]


@pytest.mark.slow
def test_a_reminder_waits_for_a_morning_on_which_the_school_works(jaures):
    SchoolHoliday.objects.create(
        zone=HolidayZone.C, name="Noël", first_day=datetime.date(2026, 12, 19), last_day=datetime.date(2027, 1, 3)
    )
    friday = datetime.datetime(2026, 12, 11, 16, 0, tzinfo=TERM.tzinfo)
    jaures.invite(LEA, at=friday)
    for month, day, hour in ((12, 19, 10), (12, 20, 10), (12, 22, 10), (1, 1, 10), (1, 4, 7), (1, 4, 18)):
        year = 2027 if month == 1 else 2026
        assert operations.send_due_reminders(at=datetime.datetime(year, month, day, hour, tzinfo=TERM.tzinfo)) == 0
    assert operations.send_due_reminders(at=datetime.datetime(2027, 1, 5, 8, tzinfo=TERM.tzinfo)) == 1


@pytest.mark.slow
def test_a_principal_reads_on_a_school_day_that_nobody_answered(jaures):
    # Thirty days later it is Saturday.
    jaures.invite_one(at=datetime.datetime(2026, 11, 5, 15, 0, tzinfo=TERM.tzinfo))
    saturday = datetime.datetime(2026, 12, 5, 16, 0, tzinfo=TERM.tzinfo)
    assert operations.expire_invitations(at=saturday) == 1
    [letter] = list_emails(emails.EXPIRED)
    assert letter.due_at == datetime.datetime(2026, 12, 7, 8, 0, tzinfo=TERM.tzinfo)


@pytest.mark.slow
def test_a_principal_reminds_once_a_day(jaures):
    invitation = jaures.invite_one()
    with refuses("already_reminded"):
        remind(jaures, invitation, TERM + DAY / 2)
    remind(jaures, invitation, TERM + DAY)
    with refuses("already_reminded"):
        remind(jaures, invitation, TERM + DAY)
    # What the principal did themselves is not done again.
    assert operations.send_due_reminders(at=TERM + 8 * DAY) == 0
    recall(jaures, invitation)
    with refuses("invitation_ended"):
        remind(jaures, invitation, TERM + 9 * DAY)


@pytest.mark.slow
def test_addresses_are_kept_three_months_after_the_end(jaures):
    recall(jaures, jaures.invite_one())
    jaures.invite_one(PAUL)
    with schema_context("public"):
        assert "invitations_teacherinvitation" not in retention.prune_schema(at=TERM + 90 * DAY)
        assert retention.prune_schema(at=TERM + 91 * DAY)["invitations_teacherinvitation"] == 1
    assert [one.email for one in TeacherInvitation.objects.all()] == [PAUL]


def count_queries(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


@pytest.mark.slow
def test_reminders_and_endings_take_as_many_queries_for_twenty_as_for_two(jaures):
    """One set each: no school or schema is visited."""
    counts = []
    for units in (2, 20):
        _, subscription = jaures.subscription(units)
        jaures.invite(*[f"a{number}@x.example" for number in range(units)], subscription_id=subscription.pk)
        with schema_context("public"):
            counts.append(count_queries(lambda: operations.send_due_reminders(at=TERM + 7 * DAY)))
            counts.append(count_queries(lambda: operations.expire_invitations(at=TERM + 40 * DAY)))
    assert counts[:2] == counts[2:]
    assert not Message.objects.filter(kind=emails.REMINDED).exists()  # in the portal's outbox alone
