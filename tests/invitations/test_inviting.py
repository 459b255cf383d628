"""Inviting teachers reserves a seat for each; nobody of the list is left out, and nobody is invited twice."""

import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts.throttling import RateLimit
from licensing.entitlements import exceptions as seat_exceptions
from licensing.entitlements import operations as seats
from licensing.entitlements import seat_holders, vouchers
from licensing.entitlements.models import Entitlement, Seat
from licensing.entitlements.overview import compute_version, of_principal
from licensing.requests.invitations import emails, exceptions, operations, queries
from licensing.requests.invitations.models import TeacherInvitation
from mailing.models import Message
from tests.conftest import TERM
from tests.emails import BOUNCE_FIELDS, list_emails
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory
from tests.refusals import refuses

LEA, PAUL, INES, ZOE = "lea@x.example", "paul@x.example", "ines@x.example", "zoe@x.example"


@pytest.mark.slow
def test_each_invited_person_has_a_seat_reserved_and_a_letter(jaures):
    result = jaures.invite(f"Léa Martin <{LEA}>", PAUL)
    assert [(one.email, one.name) for one in result.invitations] == [(LEA, "Léa Martin"), (PAUL, "")]
    assert jaures.count_seats() == (1, 2, 0)
    assert {one.seat.subscription_id for one in result.invitations} == {jaures.licences.pk}
    assert [letter.recipient for letter in list_emails(emails.INVITED)] == [LEA, PAUL]


@pytest.mark.slow
def test_the_token_is_in_no_row_of_the_outbox_and_only_hashed_in_the_invitation(jaures):
    invitation = jaures.invite_one()
    [letter] = list_emails(emails.INVITED)
    assert invitation.link_token not in str(letter.__dict__)
    assert invitation.link_token not in str(TeacherInvitation.objects.values().get())


@pytest.mark.slow
def test_reserved_seats_are_free_for_nobody(jaures):
    jaures.invite(LEA, PAUL, INES)
    with pytest.raises(seat_exceptions.NoSeatLeft, match="ou réservées à des personnes invitées"):
        seats.claim(code=jaures.code, by=TeacherFactory(), at=TERM)
    with pytest.raises(seat_exceptions.NoSeatLeft):
        seats.assign(subscription_id=jaures.licences.pk, teacher=jaures.teacher(), by=jaures.principal, at=TERM)
    with pytest.raises(seat_exceptions.NoSeatLeft):
        vouchers.render_vouchers(jaures.licences, by=jaures.principal, at=TERM)
    with pytest.raises(seat_exceptions.LicencesInUse):
        seat_holders.remove_seats(key_id=jaures.licences.key_id, units=1)
    with pytest.raises(seat_exceptions.NoSeatLeft):
        jaures.invite(ZOE)


@pytest.mark.slow
def test_reserved_seats_are_counted_in_my_account_and_change_its_version(jaures):
    version = compute_version(jaures.principal, school=jaures.school.pk, at=TERM)
    jaures.invite(LEA, PAUL)
    [card] = of_principal(jaures.principal, at=TERM).cards
    assert (card.taken, card.reserved, card.free) == (0, 2, 1)
    assert compute_version(jaures.principal, school=jaures.school.pk, at=TERM) != version


def test_too_few_seats_invite_nobody(jaures):
    with pytest.raises(seat_exceptions.NoSeatLeft, match="4 personnes et il reste 3"):
        jaures.invite(LEA, PAUL, INES, ZOE)
    assert jaures.count_seats() == (3, 0, 0)
    assert list_emails(emails.INVITED) == []


@pytest.mark.slow
def test_a_bad_line_invites_nobody_unless_bad_lines_are_skipped(jaures):
    with pytest.raises(exceptions.BadAddresses) as refusal:
        jaures.invite(LEA, "Paul Durand", INES)
    assert [line.number for line in refusal.value.lines] == [2]
    assert str(refusal.value) == (
        "La ligne 2 n’a pas été comprise : il y manque l’adresse e-mail. Rien n’a été envoyé."
    )
    assert refusal.value.understood == 2
    assert jaures.count_seats() == (3, 0, 0)
    result = jaures.invite(LEA, "Paul Durand", INES, skip_bad_lines=True)
    assert [one.email for one in result.invitations] == [LEA, INES]
    assert [line.text for line in result.bad_lines] == ["Paul Durand"]


def test_an_address_that_cannot_be_read_is_quoted_alone_among_others_of_its_line(jaures):
    with pytest.raises(exceptions.BadAddresses) as refusal:
        jaures.invite(f"{LEA}; paul@@x.example; {INES}")
    assert str(refusal.value) == ("Ligne 1 : « paul@@x.example » n’est pas une adresse e-mail. Rien n’a été envoyé.")
    assert refusal.value.understood == 2


@pytest.mark.parametrize("text", ["", " \n ;; \n"])
def test_an_empty_list_is_refused(jaures, text):
    with refuses("nobody_to_invite"):
        jaures.invite(text)


@pytest.mark.slow
def test_an_invited_person_is_not_invited_again(jaures):
    first = jaures.invite_one(f"Léa Martin <{LEA}>")
    result = jaures.invite(f"MARTIN Léa <{LEA.upper()}>", PAUL)
    assert result.waiting == [first]
    assert [one.email for one in result.invitations] == [PAUL]


@pytest.mark.slow
def test_two_teachers_of_one_mailbox_are_both_invited(jaures):
    jaures.invite(f"Léa Martin <{LEA}>")
    [other] = jaures.invite(f"Paul Durand <{LEA}>").invitations
    assert other.name == "Paul Durand"
    assert jaures.count_seats() == (1, 2, 0)


@pytest.mark.slow
def test_a_teacher_of_the_school_receives_the_seat_at_once(jaures):
    teacher, served = jaures.teacher(), jaures.teacher()
    seats.assign(subscription_id=jaures.licences.pk, teacher=served, by=jaures.principal, at=TERM)
    result = jaures.invite(teacher.email, served.email.upper())
    assert [seat.holder for seat in result.seats] == [teacher]
    assert result.already == [served]
    assert result.invitations == []
    assert jaures.count_seats() == (1, 0, 2)


@pytest.mark.slow
def test_whether_an_address_has_an_account_elsewhere_is_not_disclosed(jaures):
    stranger, head = TeacherFactory(), PrincipalFactory()
    AffiliationFactory(user=head, school=jaures.school)
    result = jaures.invite(stranger.email, head.email)
    assert [one.email for one in result.invitations] == [stranger.email, head.email]


@pytest.mark.slow
def test_another_teacher_of_the_school_with_the_same_mailbox_is_invited(jaures):
    teacher = jaures.teacher()
    result = jaures.invite(f"Quelqu’un D’autre <{teacher.email}>")
    assert [one.email for one in result.invitations] == [teacher.email]


@pytest.mark.slow
def test_only_verified_principals_of_the_school_invite(jaures):
    for stranger in (jaures.teacher(), PrincipalFactory()):
        with pytest.raises(seat_exceptions.SubscriptionNotAdministered):
            jaures.invite(LEA, by=stranger)
    jaures.principal.affiliations.update(verified_at=None, verified_by="")
    with refuses("not_verified"):
        jaures.invite(LEA)


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ({"suspended_at": TERM}, "key_suspended"),
        ({"last_day": TERM.date() - datetime.timedelta(days=1)}, "key_expired"),
    ],
)
def test_licences_that_are_over_or_suspended_invite_nobody(jaures, state, code):
    Entitlement.objects.update(first_day=datetime.date(2026, 9, 1), **state)
    with refuses(code):
        jaures.invite(LEA)


def test_an_invitation_waits_thirty_days_from_the_first_day_and_not_beyond_the_last(jaures):
    entitlement = jaures.entitlement
    entitlement.first_day, entitlement.last_day = datetime.date(2026, 9, 1), datetime.date(2027, 8, 31)
    assert operations.get_expiry(entitlement, TERM) == TERM + datetime.timedelta(days=30)
    june = TERM.replace(month=6)
    assert operations.get_expiry(entitlement, june).date() == datetime.date(2026, 10, 1)
    late = datetime.datetime(2027, 8, 20, 10, tzinfo=TERM.tzinfo)
    assert operations.get_expiry(entitlement, late) == datetime.datetime(2027, 9, 1, tzinfo=TERM.tzinfo)


@pytest.mark.slow
def test_a_principal_writes_to_so_many_people_a_day(jaures, monkeypatch):
    limit = RateLimit("invite/principal", 2, datetime.timedelta(days=1))
    monkeypatch.setattr("licensing.requests.invitations.operations.PER_PRINCIPAL", limit)
    jaures.invite(LEA, PAUL)
    with pytest.raises(exceptions.TooManyTeachersInvited, match="Rien n’a été envoyé"):
        jaures.invite(INES)
    assert jaures.count_seats() == (1, 2, 0)
    jaures.invite(INES, at=TERM + datetime.timedelta(days=1))


@pytest.mark.slow
def test_a_school_and_a_mailbox_receive_so_many_letters_a_day(jaures, monkeypatch):
    day = datetime.timedelta(days=1)
    monkeypatch.setattr("licensing.requests.invitations.operations.PER_SCHOOL", RateLimit("invite/school", 1, day))
    jaures.invite(LEA)
    with pytest.raises(exceptions.TooManyTeachersInvited):
        jaures.invite(PAUL, by=jaures.add_principal(verified=True))
    monkeypatch.setattr("licensing.requests.invitations.operations.PER_SCHOOL", RateLimit("invite/school", 9, day))
    monkeypatch.setattr("licensing.requests.invitations.operations.PER_MAILBOX", RateLimit("invite/mailbox", 1, day))
    with pytest.raises(exceptions.TooManyTeachersInvited):
        jaures.invite(f"Paul Durand <{LEA}>")


def write_and_check(rows, change):
    rows.update(**change)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.mark.slow
def test_a_seat_is_reserved_only_while_its_invitation_waits(jaures):
    """The database's own rules, whatever code writes."""
    invitation = jaures.invite_one()
    free = jaures.licences.seats.free().first()
    for table, change in (
        (Seat.objects.filter(pk=free.pk), {"reserved_at": TERM}),
        (Seat.objects.filter(pk=invitation.seat_id), {"reserved_at": None}),
        (TeacherInvitation.objects.filter(pk=invitation.pk), {"seat": free}),
    ):
        with pytest.raises(IntegrityError, match="reserved"), transaction.atomic():
            write_and_check(table, change)
    with pytest.raises(IntegrityError, match="seat_held_or_reserved"), transaction.atomic():
        Seat.objects.filter(pk=invitation.seat_id).update(holder=TeacherFactory(), held_since=TERM, mode="manual")
    with pytest.raises(IntegrityError, match="teacher_invitation_reserves"), transaction.atomic():
        TeacherInvitation.objects.update(ended_at=TERM, outcome="recalled")


@pytest.mark.slow
def test_waiting_invitations_are_listed_in_one_query(jaures, django_assert_num_queries):
    jaures.invite(f"Léa Martin <{LEA}>", PAUL, at=timezone.now())
    with schema_context("public"):
        assert Message.objects.count() == 2
        with django_assert_num_queries(1):
            waiting, _ = queries.list_invited([jaures.licences.pk], ended_of=[jaures.licences.pk], at=timezone.now())
    assert [(str(one.invitation), one.lost, one.may_remind) for one in waiting] == [
        ("Léa Martin", False, False),
        (PAUL, False, False),
    ]


@pytest.mark.slow
def test_a_letter_that_was_refused_is_shown(jaures):
    jaures.invite_one()
    with schema_context("public"):
        Message.objects.update(state="bounced", **BOUNCE_FIELDS)
        [waiting] = queries.list_invited([jaures.licences.pk], ended_of=(), at=TERM).waiting
    assert waiting.lost
