"""A teacher asks their principals: who may, how it ends, whom it is told to, and that undoing opens it again."""

import datetime

import pytest
from django_tenants.utils import schema_context

from jobs import retention
from licensing.entitlements import operations as seats
from licensing.entitlements import seat_holders
from licensing.requests.school_requests import emails, operations, queries
from licensing.requests.school_requests.models import TeacherRequest, TeacherRequestEnd
from licensing.requests.school_requests.operations import BadRequestSentence
from tests.classes.class_rows import create_subscription, hold_seat
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory
from tests.refusals import refuses
from tests.waiting_jobs import list_waiting_jobs

WEEK = datetime.timedelta(days=7)


class LedSchool(SchoolScenario):
    """A school with a verified principal besides the other."""

    def __init__(self):
        super().__init__()
        self.head = self.add_principal(verified=True)


@pytest.fixture
def jaures(nimes):
    return LedSchool()


def ask(jaures, teacher, at=TERM):
    return operations.ask_principal(uai=jaures.school.pk, by=teacher, at=at)


def refuse(jaures, request, *, by=None, sentence="", at=TERM):
    return operations.refuse_teacher_request(request_id=request.pk, sentence=sentence, by=by or jaures.head, at=at)


def read(request):
    return TeacherRequest.objects.get(pk=request.pk)


def test_a_teacher_of_the_school_asks_once(jaures):
    teacher = jaures.teacher()
    request = ask(jaures, teacher)
    with refuses("request_open"):
        ask(jaures, teacher)
    assert [one.pk for one in queries.list_teacher_requests(jaures.school.pk)] == [request.pk]
    [job] = list_waiting_jobs("requests.write_to_principals")
    assert job["args"]["uai"] == jaures.school.pk


def test_only_a_teacher_who_chose_the_school_asks_there(jaures):
    for stranger in (TeacherFactory(), jaures.head):
        with refuses("not_a_teacher"):
            ask(jaures, stranger)
    with refuses("not_a_teacher"):
        operations.ask_principal(uai="", by=jaures.teacher(), at=TERM)


def test_who_holds_a_licence_has_nothing_to_ask(jaures):
    teacher = jaures.teacher()
    hold_seat(create_subscription(size=1), by=teacher)
    with refuses("licence_held"):
        ask(jaures, teacher)


@pytest.mark.parametrize("way", ["assigned", "typed"])
def test_a_seat_ends_the_request_in_whatever_way_it_came(jaures, way):
    code, subscription = jaures.subscription()
    teacher, other = jaures.teacher(), jaures.teacher()
    request, waiting = ask(jaures, teacher), ask(jaures, other)
    if way == "assigned":
        seats.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    else:
        seats.claim(code=code, by=teacher, at=TERM)
    assert read(request).outcome == TeacherRequestEnd.GIVEN
    assert read(waiting).is_pending
    assert not list_emails(emails.TEACHER_REFUSED)


@pytest.mark.slow
def test_undoing_the_assignment_opens_the_request_again(jaures):
    _, subscription = jaures.subscription()
    teacher = jaures.teacher()
    request = ask(jaures, teacher)
    seat = seats.assign(subscription_id=subscription.pk, teacher=teacher, by=jaures.principal, at=TERM)
    soon = TERM + datetime.timedelta(seconds=5)
    for _ in range(2):
        seat_holders.undo_assignments(seat_ids=[seat.pk], by=jaures.principal, at=soon)
    assert read(request).is_pending
    assert read(request).outcome == ""


def test_a_refusal_may_say_why_and_the_teacher_reads_it(jaures):
    teacher = jaures.teacher()
    request = ask(jaures, teacher)
    refuse(jaures, request, sentence="Il n'en reste plus.")
    [letter] = list_emails(emails.TEACHER_REFUSED, recipient=teacher.email)
    assert "Il n'en reste plus." in render_email(letter).text
    with refuses("request_answered"):
        refuse(jaures, request)
    assert ask(jaures, teacher).is_pending


def test_only_a_verified_principal_of_the_school_refuses(jaures):
    request = ask(jaures, jaures.teacher())
    with refuses("not_principal"):
        refuse(jaures, request, by=jaures.principal)
    with refuses("unknown_request"):
        refuse(jaures, request, by=SchoolScenario().add_principal(verified=True))
    with pytest.raises(BadRequestSentence):
        refuse(jaures, request, sentence="a" * 501)
    assert read(request).is_pending


def test_a_teacher_withdraws_their_own(jaures):
    teacher = jaures.teacher()
    request = ask(jaures, teacher)
    with refuses("unknown_request"):
        operations.withdraw_teacher_request(request_id=request.pk, by=jaures.teacher(), at=TERM)
    for _ in range(2):
        operations.withdraw_teacher_request(request_id=request.pk, by=teacher, at=TERM)
    assert read(request).outcome == TeacherRequestEnd.WITHDRAWN
    with refuses("request_answered"):
        refuse(jaures, request)


def write(uai, at):
    with schema_context("public"):
        return emails.write_to_principals(uai, at)


def test_verified_principals_are_written_to_once_a_week_while_somebody_waits(jaures):
    muted = jaures.add_principal(verified=True)
    operations.set_letters(user=muted, wanted=False, at=TERM)
    request = ask(jaures, jaures.teacher())
    uai = jaures.school.pk
    assert [write(uai, TERM), write(uai, TERM + WEEK / 2), write(uai, TERM + WEEK)] == [1, 0, 1]
    letter = list_emails(emails.SCHOOL_WAITING, recipient=jaures.head.email)[0]
    email = render_email(letter)
    assert email.subject.startswith("Une personne vous demande une licence Pep's")
    assert "une fois par semaine au plus" in email.text
    assert str(request.teacher) not in email.text
    refuse(jaures, request)
    assert write(uai, TERM + 3 * WEEK) == 0


def test_ended_requests_are_deleted_a_year_later_and_the_others_end_with_the_school_year(jaures):
    request = ask(jaures, jaures.teacher())
    autumn = datetime.datetime(2027, 9, 2, tzinfo=datetime.UTC)
    assert operations.expire_requests(at=autumn) == 1
    assert read(request).outcome == TeacherRequestEnd.EXPIRED
    with schema_context("public"):
        assert "requests_teacherrequest" not in retention.prune_schema(at=autumn)
        pruned = retention.prune_schema(at=autumn + datetime.timedelta(days=366))
    assert pruned["requests_teacherrequest"] == 1
