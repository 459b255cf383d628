"""Purge of pupils whose licence ended: in batches, with a warning before and a notice afterwards."""

import datetime

import pytest

from core.exceptions import DomainError
from licensing.classes import pupil_erasure, pupils, tickets
from licensing.classes.models import Classroom, DeletionCertificate, EntryTicket, PupilAccount
from licensing.entitlements.models import Entitlement, Seat
from mailing import kinds
from mailing.models import Message
from tests.classes.class_rows import (
    create_class,
    create_principal,
    create_subscription,
    create_taught_class,
    hold_seat,
    paris_time,
)
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import SchoolFactory
from tests.races import run_concurrently

#: The licence ends on 31 August; pupils are kept for sixty days.
STILL, DUE = paris_time(30, 10), paris_time(31, 10)


@pytest.fixture(autouse=True)
def _days(settings):
    settings.PUPILS_KEPT_DAYS = 60


def render_emails(kind):
    """Return the rendered e-mails of a kind, by recipient."""
    return {message.recipient: render_email(message) for message in list_emails(kind)}


# --- Erasing --------------------------------------------------------------------------------------------------------


def test_pupils_are_erased_once_the_delay_has_passed_and_not_a_day_before(db):
    classroom = create_taught_class(pupils=3)
    assert pupil_erasure.erase_pupils(at=STILL) == 0
    assert classroom.pupils.count() == 3
    assert pupil_erasure.erase_pupils(at=DUE) == 1
    assert not PupilAccount.objects.exists()
    classroom.refresh_from_db()
    assert classroom.purged_at == DUE
    assert pupil_erasure.get_erasure_date(datetime.date(2027, 8, 31)) == DUE.date()


@pytest.mark.slow
def test_a_certificate_says_what_was_erased(db):
    classroom = create_taught_class(pupils=3)
    pupil_erasure.erase_pupils(at=DUE)
    certificate = DeletionCertificate.objects.get()
    assert certificate.number == f"EFF-2027-{certificate.pk:06d}"
    assert (certificate.classroom, certificate.pupils) == (classroom, 3)
    assert certificate.teacher == classroom.seat.holder
    assert certificate.school == classroom.seat.subscription.school
    assert (certificate.licence_ended_on, certificate.erased_at) == (datetime.date(2027, 8, 31), DUE)
    assert certificate.first_created_at == TERM


def test_erasing_twice_is_the_same_as_once(db):
    create_taught_class()
    pupil_erasure.erase_pupils(at=DUE)
    assert pupil_erasure.erase_pupils(at=DUE) == 0
    assert DeletionCertificate.objects.count() == 1
    assert Message.objects.filter(kind=pupil_erasure.ERASED).count() == 2


def test_letters_about_an_erasure_leave_on_a_school_day(db):
    create_taught_class()
    # A Saturday, then a Sunday before a public holiday.
    pupil_erasure.warn_teachers(at=paris_time(2, 10))
    pupil_erasure.erase_pupils(at=DUE)
    due = set(Message.objects.values_list("kind", "due_at"))
    assert due == {
        (pupil_erasure.WARNED, paris_time(4, 10, hour=8)),
        (pupil_erasure.ERASED, paris_time(2, 11, hour=8)),
    }


@pytest.mark.slow
def test_a_class_of_the_new_year_and_a_licence_that_was_prolonged_are_left_alone(db):
    teacher = TeacherFactory()
    old, new = create_taught_class(by=teacher), create_taught_class(by=teacher, last_day=datetime.date(2028, 8, 31))
    prolonged = create_taught_class()
    Entitlement.objects.filter(keys__subscription__seats__classroom=prolonged).update(
        last_day=datetime.date(2027, 12, 31)
    )
    pupil_erasure.erase_pupils(at=DUE)
    assert set(Classroom.objects.filter(purged_at__isnull=True)) == {new, prolonged}
    assert not old.pupils.exists()
    assert new.pupils.exists()


def test_a_class_without_pupils_is_closed_without_a_certificate(db):
    create_taught_class(pupils=0)
    assert pupil_erasure.erase_pupils(at=DUE) == 1
    assert Classroom.objects.get().purged_at == DUE
    assert not DeletionCertificate.objects.exists()
    assert not Message.objects.exists()


def test_an_erased_pupil_s_tickets_are_deleted(db):
    classroom = create_taught_class()
    tickets.create(person=tickets.ApplicationUser("pupil", classroom.pupils.get().pk), at=DUE)
    pupil_erasure.erase_pupils(at=DUE)
    assert not EntryTicket.objects.exists()


def test_no_pupil_is_made_in_an_erased_class(db):
    classroom = create_taught_class()
    pupil_erasure.erase_pupils(at=DUE)
    with pytest.raises(DomainError):
        pupils.add_pupils(classroom_id=classroom.pk, count=1, by=classroom.seat.holder, at=DUE)


@pytest.mark.slow
def test_many_classes_take_as_many_queries_as_one_and_batches_go_on_to_the_end(
    db, monkeypatch, django_assert_max_num_queries
):
    shared = create_subscription(size=5)
    for number in range(1, 6):
        create_class(hold_seat(shared, number=number), pupils=2)
    with django_assert_max_num_queries(17):
        assert pupil_erasure.erase_batch(at=DUE) == 5
    assert not PupilAccount.objects.exists()
    Classroom.objects.update(purged_at=None)
    DeletionCertificate.objects.all().delete()
    monkeypatch.setattr(pupil_erasure, "BATCH_SIZE", 2)
    assert pupil_erasure.erase_pupils(at=DUE) == 5


@pytest.mark.slow
def test_two_workers_at_the_same_moment_certify_each_class_once(committing, monkeypatch):
    shared = create_subscription(size=6)
    for number in range(1, 7):
        create_class(hold_seat(shared, number=number), pupils=1)
    monkeypatch.setattr(pupil_erasure, "BATCH_SIZE", 2)
    run_concurrently("public", [lambda: pupil_erasure.erase_pupils(at=DUE)] * 8, expected_errors=())
    pupil_erasure.erase_pupils(at=DUE)  # rows locked by another worker at the last pass
    assert DeletionCertificate.objects.count() == 6
    assert not PupilAccount.objects.exists()


# --- E-mails --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_teacher_and_the_principals_are_emailed_once_each(db):
    school = SchoolFactory(name="École Jean Jaurès")
    shared = create_subscription(size=2, school=school)
    first, second = (create_class(hold_seat(shared, number=number), pupils=number) for number in (1, 2))
    principal = create_principal(school)
    not_verified = create_principal(school, verified_at=None, verified_by="")
    pupil_erasure.erase_pupils(at=DUE)
    emails = render_emails(pupil_erasure.ERASED)
    assert set(emails) == {
        first.seat.holder.email, second.seat.holder.email, shared.principal.email, principal.email,
    }  # fmt: skip
    assert not_verified.email not in emails
    certificates = {one.classroom_id: one.number for one in DeletionCertificate.objects.all()}
    for number in certificates.values():
        assert number in emails[principal.email].text
    assert "2\u00a0comptes" in emails[second.seat.holder.email].text
    assert certificates[first.pk] not in emails[second.seat.holder.email].text
    assert "détruisez-la aussi" in emails[second.seat.holder.email].text
    assert "détruisez-la aussi" not in emails[principal.email].text


@pytest.mark.slow
def test_an_unverified_principal_reads_neither_teacher_nor_class_name(db):
    shared = create_subscription()
    create_class(
        hold_seat(shared, by=TeacherFactory(last_name="Colas-Inconnu")), pupils=1, name="La classe de Colas-Inconnu"
    )
    pupil_erasure.warn_teachers(at=paris_time(1, 10))
    pupil_erasure.erase_pupils(at=DUE)
    emails = render_emails(pupil_erasure.ERASED)[shared.principal.email]
    assert "Colas-Inconnu" not in emails.text + emails.html + emails.subject
    assert "tulipe-" in emails.text


def test_a_closed_account_is_not_emailed(db):
    gone = TeacherFactory(is_active=False)
    nameless = TeacherFactory(email="")
    shared = create_subscription(size=2)
    for number, teacher in ((1, gone), (2, nameless)):
        create_class(hold_seat(shared, number=number, by=teacher), pupils=1)
    pupil_erasure.erase_pupils(at=DUE)
    assert [one.recipient for one in Message.objects.all()] == [shared.principal.email]


def test_the_teacher_is_emailed_once_a_month_before(db):
    classroom = create_taught_class(pupils=2)
    assert pupil_erasure.warn_teachers(at=paris_time(30, 9)) == 0
    assert pupil_erasure.warn_teachers(at=paris_time(1, 10)) == 1
    assert pupil_erasure.warn_teachers(at=paris_time(2, 10)) == 0
    (emails,) = render_emails(pupil_erasure.WARNED).items()
    assert emails[0] == classroom.seat.holder.email
    assert emails[1].subject == "Les comptes élèves seront effacés le 31\u00a0octobre 2027"
    assert f"CE1 B ({classroom.code})" in emails[1].text


def test_the_principal_of_a_class_without_teacher_is_emailed_with_its_code(db):
    classroom = create_taught_class()
    Seat.objects.update(holder=None, held_since=None, mode="")
    pupil_erasure.warn_teachers(at=paris_time(1, 10))
    (emails,) = render_emails(pupil_erasure.WARNED).items()
    assert emails[0] == classroom.seat.subscription.principal.email
    assert "CE1 B" not in emails[1].text
    assert classroom.code in emails[1].text


@pytest.mark.slow
def test_no_warning_for_classes_already_due_empty_or_still_licensed(db, settings):
    create_taught_class(pupils=0)
    due = create_taught_class(last_day=datetime.date(2027, 6, 30))
    create_taught_class(last_day=datetime.date(2028, 8, 31))
    assert pupil_erasure.warn_teachers(at=paris_time(1, 10)) == 0
    assert due.pupils.exists()
    settings.PUPILS_KEPT_DAYS = 10  # a month before would be within the licence
    create_taught_class()
    assert pupil_erasure.warn_teachers(at=paris_time(31, 8)) == 0
    assert pupil_erasure.warn_teachers(at=paris_time(1, 9)) == 1


@pytest.mark.slow
def test_an_announcement_that_left_too_late_is_not_sent(db):
    create_taught_class()
    pupil_erasure.warn_teachers(at=paris_time(1, 10))
    pupil_erasure.erase_pupils(at=DUE)
    with pytest.raises(kinds.NoLongerDue):
        render_emails(pupil_erasure.WARNED)
