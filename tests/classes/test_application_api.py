"""The learning application's API: token, tickets, responses, errors."""

import datetime
import logging

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from django.views.debug import ExceptionReporter

from accounts import throttling
from licensing.classes import api, entry_check, tickets, tokens, words
from licensing.classes.models import ApplicationToken, EntryTicket
from licensing.entitlements.models import Entitlement
from tests.classes.class_rows import create_taught_class
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.host_client import HostClient
from tests.races import run_concurrently

URL = "/api/application/v1/entry"
NOW = datetime.datetime.now(tz=datetime.UTC)


@pytest.fixture
def made(db):
    return tokens.create(name="Application", by=None, at=TERM)


@pytest.fixture
def ask(portal, made):
    """Post as the application does; return the status and the body."""

    def asking(body, *, token=made.secret, **headers):
        shown = {"Authorization": f"Bearer {token}"} if token else {}
        answer = portal.post(URL, body, content_type="application/json", headers=shown | headers)
        return answer.status_code, answer.json()

    return asking


def create_running_class(**fields):
    """Return a class whose licence is valid today."""
    return create_taught_class(last_day=NOW.date() + datetime.timedelta(days=30), **fields)


def teacher_person(classroom):
    return tickets.ApplicationUser("teacher", classroom.seat.holder_id)


def pupil_person(classroom):
    return tickets.ApplicationUser("pupil", classroom.pupils.get(number=1).pk)


# --- Responses ------------------------------------------------------------------------------------------------------


def test_a_ticket_gives_the_person_and_their_access(ask):
    classroom = create_running_class()
    person = teacher_person(classroom)
    until = classroom.seat.subscription.key.entitlement.last_day.isoformat()
    status, body = ask({"ticket": tickets.create(person=person, at=timezone.now())})
    assert status == 200
    assert body == {
        "person": person.name, "allowed": True, "role": "teacher", "until": until,
        "classes": [{"id": classroom.pk, "code": classroom.code, "name": "CE1 B", "until": until}],
        "number": None, "nickname": "", "reason": "", "detail": "",
    }  # fmt: skip


def test_a_pupil_is_a_number_and_a_word(ask):
    classroom = create_running_class()
    person = pupil_person(classroom)
    status, body = ask({"ticket": tickets.create(person=person, at=timezone.now())})
    assert (status, body["person"], body["role"]) == (200, person.name, "pupil")
    assert (body["number"], body["nickname"]) == (1, words.list_words("pupils")[0])


def test_a_person_id_can_be_queried_again_and_follows_the_licence(ask):
    classroom = create_running_class()
    person = pupil_person(classroom)
    assert ask({"person": person.name})[1]["allowed"] is True
    Entitlement.objects.update(suspended_at=TERM)
    status, body = ask({"person": person.name})
    assert (status, body["allowed"], body["reason"], body["until"]) == (200, False, "licence_suspended", None)
    assert body["detail"].startswith("Ta classe est fermée")


def test_a_response_is_not_cacheable_and_takes_five_statements(portal, made, django_assert_num_queries):
    person = teacher_person(create_running_class())
    ticket = tickets.create(person=person, at=timezone.now())
    tokens.authenticate(made.secret, at=timezone.now())  # « dernier usage » is already of this minute
    # The token, and in a transaction the ticket and the question.
    with django_assert_num_queries(5):
        answer = portal.post(
            URL, {"ticket": ticket}, content_type="application/json", headers={"Authorization": f"Bearer {made.secret}"}
        )
    assert answer["Cache-Control"] == "no-store"


# --- Errors ---------------------------------------------------------------------------------------------------------


def test_a_ticket_is_good_once(ask):
    ticket = tickets.create(person=teacher_person(create_running_class()), at=timezone.now())
    assert ask({"ticket": ticket})[0] == 200
    status, body = ask({"ticket": ticket})
    assert (status, body["code"]) == (404, "unknown_ticket")


def test_a_ticket_lasts_a_minute(db):
    person = teacher_person(create_running_class())
    late, in_time = tickets.create(person=person, at=NOW), tickets.create(person=person, at=NOW)
    assert tickets.spend(secret=in_time, at=NOW + datetime.timedelta(seconds=59)) == person
    with pytest.raises(tickets.TicketExpired):
        tickets.spend(secret=late, at=NOW + datetime.timedelta(seconds=60))


def test_a_ticket_that_came_too_late_is_a_conflict(ask):
    ticket = tickets.create(
        person=teacher_person(create_running_class()), at=timezone.now() - datetime.timedelta(minutes=2)
    )
    status, body = ask({"ticket": ticket})
    assert (status, body["code"]) == (409, "ticket_expired")


def test_of_eight_who_spend_a_ticket_at_once_one_succeeds(committing):
    person = teacher_person(create_running_class())
    ticket = tickets.create(person=person, at=timezone.now())
    spent = run_concurrently(
        "public", [lambda: tickets.spend(secret=ticket, at=timezone.now())] * 8, expected_errors=tickets.UnknownTicket
    )
    assert spent.count(person) == 1


@pytest.mark.parametrize(
    "body",
    [{}, {"ticket": "a", "person": "teacher-1"}, {"ticket": ""}, {"ticket": None}, {"person": ["teacher-1"]}, [], '"x"',
     {"ticket": "a" * 201}, {"personne": "teacher-1"}],
)  # fmt: skip
def test_an_invalid_request_is_refused(ask, body):
    status, problem = ask(body)
    assert (status, problem["code"]) == (400, "invalid_request")
    assert problem["detail"]


@pytest.mark.parametrize(
    "name", ["teacher-0", "teacher-007", "teacher-900000000", "pupil-900000000", "élève-1", "teacher-1;", "admin-1",
             "teacher-" + "9" * 30]
)  # fmt: skip
def test_an_unknown_person_id_is_not_found(ask, name):
    status, body = ask({"person": name})
    assert (status, body["code"]) == (404, "unknown_person")


def test_an_erased_pupil_s_ticket_is_gone(ask):
    classroom = create_running_class()
    ticket = tickets.create(person=pupil_person(classroom), at=timezone.now())
    classroom.pupils.all().delete()
    assert ask({"ticket": ticket})[1]["code"] == "unknown_ticket"


def test_broken_json_and_other_methods_are_refused_in_json(portal, made):
    shown = {"Authorization": f"Bearer {made.secret}"}
    broken = portal.post(URL, "{", content_type="application/json", headers=shown)
    assert (broken.status_code, broken.json()["code"]) == (400, "parse_error")
    form = portal.post(URL, {"ticket": "a"}, headers=shown)
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    read = portal.get(URL, headers=shown)
    assert (read.status_code, read.json()["code"]) == (405, "method_not_allowed")


# --- The token ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer a b", "Bearer peps_é", "Basic YTpi", "peps_abc"])
def test_without_a_token_nothing_is_answered(portal, made, shown):
    ticket = tickets.create(person=teacher_person(create_running_class()), at=timezone.now())
    headers = {"Authorization": shown} if shown else {}
    answer = portal.post(URL, {"ticket": ticket}, content_type="application/json", headers=headers)
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] in {"not_authenticated", "invalid_token"}
    assert EntryTicket.objects.exists()


def test_a_session_opens_nothing_not_even_the_operator_s(portal, made):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    answer = portal.post(URL, {"person": "teacher-1"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


def test_a_revoked_token_is_reported_as_revoked(ask, made):
    tokens.revoke(token_id=made.token.pk, at=NOW)
    tokens.revoke(token_id=made.token.pk, at=NOW + datetime.timedelta(hours=1))
    status, body = ask({"person": "teacher-1"})
    assert (status, body["code"]) == (403, "token_revoked")
    assert ApplicationToken.objects.get().revoked_at == NOW


def test_an_office_has_no_such_address(office, nimes, made):
    answer = office("nimes").post(
        URL,
        {"person": "teacher-1"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {made.secret}"},
    )
    assert answer.status_code == 404


def test_wrong_tokens_are_counted_and_the_right_one_still_passes(ask, made, monkeypatch):
    monkeypatch.setattr(
        api, "INVALID_TOKEN_LIMIT", throttling.RateLimit("application/address", 3, datetime.timedelta(hours=1))
    )
    responses = [ask({"person": "teacher-1"}, token=f"peps_{number}") for number in range(4)]
    assert [status for status, _ in responses] == [401, 401, 401, 429]
    assert responses[-1][1]["code"] == "throttled"
    assert ask({"person": "teacher-900000000"})[0] == 404


def test_its_last_use_is_noted_once_a_minute(db, made, django_assert_num_queries):
    for seconds, queries in ((0, 2), (59, 1), (60, 2)):
        with django_assert_num_queries(queries):
            tokens.authenticate(made.secret, at=NOW + datetime.timedelta(seconds=seconds))
    assert ApplicationToken.objects.get().last_used_at == NOW + datetime.timedelta(minutes=1)


def test_neither_token_nor_ticket_is_stored_or_logged(ask, made, caplog):
    ticket = tickets.create(person=teacher_person(create_running_class()), at=timezone.now())
    with caplog.at_level(logging.DEBUG):
        ask({"ticket": ticket})
        ask({"ticket": ticket})
        ask({"ticket": ticket}, token=made.secret + "x")
    with connection.cursor() as cursor:
        cursor.execute("SELECT token_hash, hint FROM classes_applicationtoken")
        stored = str(cursor.fetchall())
    for secret in (made.secret, ticket):
        assert secret not in stored
        # Logged queries contain hashes, and the access log line only the path.
        assert secret not in caplog.text


def test_an_error_report_shows_neither(rf, made, monkeypatch):
    ticket = tickets.create(person=teacher_person(create_running_class()), at=timezone.now())

    def fail(question, number):
        raise RuntimeError("the database is gone")

    monkeypatch.setattr(entry_check, "_fetch_rows", fail)
    request = rf.post(
        URL, {"ticket": ticket}, content_type="application/json", headers={"Authorization": f"Bearer {made.secret}"}
    )
    with pytest.raises(RuntimeError) as error:
        api.EntryView.as_view()(request)
    report = ExceptionReporter(request, error.type, error.value, error.tb).get_traceback_text()
    assert "the database is gone" in report
    assert made.secret not in report
    ours = [frame for frame in ExceptionReporter(request, error.type, error.value, error.tb).get_traceback_frames()
            if "licensing" in frame["filename"]]  # fmt: skip
    assert ours
    assert ticket not in str([frame["vars"] for frame in ours])


# --- The operator's pages -------------------------------------------------------------------------------------------

ADMIN = "/admin/classes/applicationtoken/"


@pytest.fixture
def operator(portal):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    return portal


def test_the_command_prints_a_token_that_opens(portal, db, capsys):
    call_command("application_token", "Application")
    secret = capsys.readouterr().out.strip()
    assert tokens.authenticate(secret, at=timezone.now()).name == "Application"


@pytest.mark.slow
def test_the_operator_creates_a_token_and_sees_it_once(operator):
    assert operator.post(ADMIN + "nouveau/", {"name": ""}).status_code == 200
    answer = operator.post(ADMIN + "nouveau/", {"name": "Production"})
    token = ApplicationToken.objects.get()
    page = answer.content.decode()
    secret = page.partition(f">{token.hint}")[2].partition("<")[0]
    assert tokens.authenticate(token.hint + secret, at=timezone.now()) == token
    assert "no-store" in answer["Cache-Control"]
    assert secret not in operator.get(ADMIN).content.decode()
    assert secret not in operator.get(f"{ADMIN}{token.pk}/change/").content.decode()
    assert secret not in str(LogEntry.objects.values())
    assert LogEntry.objects.get().object_id == str(token.pk)


@pytest.mark.slow
def test_the_operator_revokes_a_token_after_a_page_that_says_what_it_means(operator, made):
    chosen = {"action": "revoke", "_selected_action": [made.token.pk]}
    assert "personne n’y entrera" in operator.post(ADMIN, chosen).content.decode()
    assert ApplicationToken.objects.get().revoked_at is None
    operator.post(ADMIN, chosen | {"confirmed": "1"})
    assert ApplicationToken.objects.get().revoked_at is not None


@pytest.mark.slow
def test_the_operator_reads_classes_and_counts_and_no_pupil(operator):
    classroom = create_taught_class(pupils=3)
    for page in ("/admin/classes/classroom/", f"/admin/classes/classroom/{classroom.pk}/change/"):
        shown = operator.get(page).content.decode()
        assert classroom.code in shown
        assert f">{words.list_words('pupils')[0]}<" not in shown
    assert operator.post(f"/admin/classes/classroom/{classroom.pk}/delete/", {"post": "yes"}).status_code == 403


def test_only_the_operator_creates_tokens(db, made):
    browser = HostClient(settings.BASE_DOMAIN)
    browser.force_login(UserFactory(is_staff=True))
    assert browser.post(ADMIN + "nouveau/", {"name": "x"}).status_code == 302
    assert ApplicationToken.objects.count() == 1
