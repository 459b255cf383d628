"""The teachers of a class are told of many tries at its passwords: on its page, and by one e-mail a day."""

import datetime

import pytest
from django.utils import timezone

from accounts.known_origins import Origin
from accounts.models import KnownOrigin
from core.formatting import curl_apostrophes
from licensing.classes import operations, pupil_erasure, pupils, tasks
from licensing.classes.models import Classroom
from licensing.entitlements.models import Entitlement
from mailing.kinds import NoLongerDue
from tests.classes.seat_changes import LATER, transfer_seat
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory
from tests.sites.portal.my_account_page import visible_text as read

DAY = datetime.timedelta(days=1)
KIND = "class.passwords_tried"


@pytest.fixture
def taught(nimes):
    return TaughtClass(SchoolScenario(), pupils=2)


@pytest.fixture
def teacher(taught, portal):
    portal.force_login(taught.teacher)
    return portal


def note(taught, at=TERM):
    return operations.note_tries(code=taught.classroom.code, at=at)


@pytest.mark.slow
def test_both_teachers_are_emailed_what_to_do(taught):
    second = TeacherFactory()
    Classroom.objects.update(second_teacher=second, second_invited_by=taught.teacher)
    tasks.note_tries(code=taught.classroom.code, tried_at=TERM.isoformat())
    emails = list_emails(KIND)
    assert {email.recipient for email in emails} == {taught.teacher.email, second.email}
    rendered = render_email(emails[0])
    assert curl_apostrophes(rendered.subject).startswith("Quelqu’un essaie les mots de passe de la classe")
    assert "CE1 B" in rendered.subject
    assert "Rien n’est fermé" in curl_apostrophes(rendered.text)
    assert "nouveaux mots de passe" in rendered.text
    assert taught.url() in rendered.text


@pytest.mark.slow
def test_one_email_a_day_however_many_tries(taught):
    assert [note(taught, TERM + hours * DAY / 24) for hours in (0, 1, 23.9, 24, 47)] == [1, 0, 0, 1, 0]


@pytest.mark.slow
def test_a_code_without_a_class_tells_nobody(taught):
    assert operations.note_tries(code="jasmin-9999", at=TERM) == 0
    assert not list_emails(KIND)


def test_an_erased_class_tells_nobody(taught):
    Classroom.objects.update(purged_at=TERM)
    assert note(taught) == 0


@pytest.mark.slow
def test_who_no_longer_teaches_the_class_gets_no_email(taught):
    note(taught)
    [email] = list_emails(KIND)
    transfer_seat(taught.classroom)
    with pytest.raises(NoLongerDue):
        render_email(email)


@pytest.mark.slow
def test_the_page_says_so_until_a_teacher_has_read_it(taught, teacher):
    assert "mots de passe faux" not in read(teacher.get(taught.url()))
    note(taught, timezone.now())
    page = read(teacher.get(taught.url()))
    assert "Beaucoup de mots de passe faux ont été essayés" in page
    assert "Nouveaux mots de passe pour tous" in page
    assert teacher.post(taught.url("essais/lus/"))["Location"] == taught.url()
    assert "mots de passe faux" not in read(teacher.get(taught.url()))
    note(taught, timezone.now() + DAY)
    assert "mots de passe faux" in read(teacher.get(taught.url()))


@pytest.mark.slow
def test_new_passwords_for_all_answer_the_notice(taught):
    note(taught)
    pupils.reset_passwords(classroom_id=taught.classroom.pk, numbers=[1], by=taught.teacher, at=LATER)
    assert Classroom.objects.get().has_unread_tries
    pupils.reset_passwords(classroom_id=taught.classroom.pk, numbers=None, by=taught.teacher, at=LATER)
    assert not Classroom.objects.get().has_unread_tries


@pytest.mark.slow
def test_erasing_pupils_forgets_their_devices_and_the_networks_of_their_class(taught):
    other = TaughtClass(SchoolScenario(), pupils=1)
    for one in (taught, other):
        card = one.credentials[0]
        operations.sign_in(login=card.login, password=card.password, origin=Origin("192.0.2.1"), at=TERM)
    Entitlement.objects.exclude(pk=other.classroom.seat.subscription.key.entitlement_id).update(last_day="2020-08-31")
    pupil_erasure.erase_pupils(at=TERM)
    assert set(KnownOrigin.objects.values_list("owner", flat=True)) == {
        f"pupil:{other.pupil().pk}",
        f"class:{other.classroom.pk}",
    }
