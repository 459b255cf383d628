"""Pages for sharing a class: no identifiant is revealed, and the invited teacher accepts."""

import datetime

import pytest
from django.utils import timezone

from licensing.classes import operations
from licensing.classes.models import Classroom
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory
from tests.host_client import HostClient
from tests.sites.portal.my_account_page import visible_text as read

pytestmark = pytest.mark.slow


@pytest.fixture
def taught(nimes):
    return TaughtClass(SchoolScenario(), pupils=1)


@pytest.fixture
def colleague(db):
    return TeacherFactory(username="mcolin", first_name="Mina", last_name="Colin")


def browser_of(user):
    browser = HostClient("peps.localhost")
    browser.force_login(user)
    return browser


def run_invitation(taught, colleague, at=TERM):
    """Run the job that the page queues."""
    return operations.create_invitation(
        classroom_id=taught.classroom.pk, username=colleague.username, by=taught.teacher, at=at
    )


def test_inviting_answers_the_same_whether_or_not_the_identifiant_exists(taught, colleague):
    teacher = browser_of(taught.teacher)
    pages = [
        read(teacher.post(taught.url("collegue/"), {"username": username}, follow=True))
        for username in (colleague.username, "personne-de-ce-nom")
    ]
    assert pages[0] == pages[1]
    assert "si cet identifiant est celui d’un enseignant" in pages[0]
    assert colleague.last_name not in pages[0]


def test_the_class_page_does_not_reveal_whether_the_invitation_found_somebody(taught, colleague):
    teacher = browser_of(taught.teacher)
    before = read(teacher.get(taught.url()))
    run_invitation(taught, colleague)
    assert read(teacher.get(taught.url())) == before


@pytest.mark.parametrize("username", ["mcolin", "personne-de-ce-nom"])
def test_an_invitation_is_taken_back_where_one_was_sent_whether_or_not_it_found_somebody(username, taught, colleague):
    teacher = browser_of(taught.teacher)
    take_back = "Reprendre l’invitation envoyée"
    assert take_back not in read(teacher.get(taught.url()))
    teacher.post(taught.url("collegue/"), {"username": username})
    assert take_back in read(teacher.get(taught.url()))
    # A colleague who declines is not told of.
    run_invitation(taught, colleague)
    operations.decline(classroom_id=taught.classroom.pk, by=colleague, at=timezone.now())
    assert take_back in read(teacher.get(taught.url()))
    teacher.post(taught.url("collegue/retirer/"))
    assert take_back not in read(teacher.get(taught.url()))
    teacher.post(taught.url("collegue/"), {"username": username})
    Classroom.objects.update(invited_at=timezone.now() - datetime.timedelta(days=7))
    assert take_back not in read(teacher.get(taught.url()))


def test_the_invited_teacher_accepts_and_has_the_class(taught, colleague):
    run_invitation(taught, colleague, timezone.now())
    browser = browser_of(colleague)
    assert browser.get(taught.url()).status_code == 404
    page = read(browser.get("/mes-classes/"))
    assert f"{taught.teacher} vous invite à partager sa classe" in page
    answer = browser.post(taught.url("invitation/accepter/"), follow=True)
    assert answer.redirect_chain[-1][0] == taught.url()
    assert "partage cette classe avec vous" in read(answer)
    assert "Mettre fin au partage" in read(browser_of(taught.teacher).get(taught.url()))
    # Leaving again leads to the list.
    answer = browser.post(taught.url("collegue/retirer/"), follow=True)
    assert answer.redirect_chain[-1][0] == "/mes-classes/"
    assert browser.get(taught.url()).status_code == 404


def test_a_declined_invitation_is_gone(taught, colleague):
    run_invitation(taught, colleague)
    browser = browser_of(colleague)
    browser.post(taught.url("invitation/refuser/"))
    answer = browser.post(taught.url("invitation/accepter/"), follow=True)
    assert "n’est plus valable" in read(answer)
    assert Classroom.objects.get().second_teacher is None


def test_a_teacher_who_was_not_invited_gets_no_access(taught, colleague):
    answer = browser_of(colleague).post(taught.url("invitation/accepter/"), follow=True)
    assert "n’est plus valable" in read(answer)
    assert Classroom.objects.get().second_teacher is None


@pytest.mark.small
def test_a_second_teacher_shares_the_class_with_nobody(taught, colleague):
    Classroom.objects.update(second_teacher=colleague, second_invited_by=taught.teacher)
    answer = browser_of(colleague).post(taught.url("collegue/"), {"username": "x"})
    assert answer.status_code == 409
    assert "Seul l’enseignant qui détient la licence" in read(answer)


def test_the_holder_ends_it(taught, colleague):
    Classroom.objects.update(second_teacher=colleague, second_invited_by=taught.teacher)
    answer = browser_of(taught.teacher).post(taught.url("collegue/retirer/"), follow=True)
    assert "vous ne partagez plus cette classe" in read(answer)
    assert browser_of(colleague).get(taught.url()).status_code == 404
