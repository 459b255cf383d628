"""What requests hold of a person: exported, and erased with the account."""

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from licensing.requests.school_requests import operations
from licensing.requests.school_requests.models import LicenceRequest, LicenceRequestEnd, MutedLetter, TeacherRequest
from sites.portal.privacy import close_account, export_personal_data
from tests.conftest import TERM
from tests.requests.asking_school import AskingSchool, read, refuse
from tests.waiting_jobs import list_waiting_jobs


def close(user):
    with schema_context("public"):
        return close_account(user_id=user.pk, at=timezone.now())


@pytest.mark.slow
def test_the_export_has_what_a_person_asked_and_was_answered(nimes, jaures):
    teacher = jaures.add_teacher()
    operations.ask_principal(uai=jaures.school.pk, by=teacher, at=TERM)
    refuse(jaures.ask())
    operations.set_letters(user=jaures.principal, wanted=False, at=TERM)
    with schema_context("public"):
        own = export_personal_data(teacher, at=TERM)["licences demandées à une direction"]
        exported = export_personal_data(jaures.principal, at=TERM)
    assert [one["année scolaire"] for one in own] == ["2026-2027"]
    [asked] = exported["licences demandées à une collectivité"]
    assert (asked["collectivité"], asked["licences"], asked["issue"]) == ("Ville de Nîmes", 3, "refusée")
    assert asked["motif"]
    assert exported["lettres que vous ne voulez pas"] == [{"sujet": "votre école", "depuis le": TERM}]
    assert str(teacher) not in str(exported)


@pytest.mark.slow
def test_a_principal_who_leaves_withdraws_what_waits_and_takes_their_words_along(nimes, jaures):
    answered, other = jaures.ask(), AskingSchool()
    refuse(answered)
    waiting, theirs = jaures.ask(), other.ask()
    operations.set_letters(user=jaures.principal, wanted=False, at=TERM)
    close(jaures.principal)
    close(jaures.principal)
    assert read(waiting).outcome == LicenceRequestEnd.WITHDRAWN
    assert (read(answered).outcome, read(answered).reason) == (LicenceRequestEnd.REFUSED, "")
    assert read(theirs).is_pending
    assert not MutedLetter.objects.exists()
    jobs = list_waiting_jobs("requests.note_request", event="withdrawn")
    assert [job["args"]["request_id"] for job in jobs] == [waiting.pk]
    assert set(LicenceRequest.objects.filter(asked_by=jaures.principal).values_list("reason", flat=True)) == {""}


def test_a_teacher_who_leaves_leaves_no_request(nimes, jaures):
    teacher = jaures.add_teacher()
    operations.ask_principal(uai=jaures.school.pk, by=teacher, at=TERM)
    close(teacher)
    assert not TeacherRequest.objects.exists()
