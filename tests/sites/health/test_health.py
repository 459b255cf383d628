"""« /sante/ »: what it answers to whoever watches, by whatever host, and what it never does."""

from __future__ import annotations

import datetime

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from jobs.work_status import LATE_AFTER
from mailing.models import Message
from sites.health import answers
from tenants import schema_snapshot
from tests.jobs.queue_rows import add_job, beat

SECOND = datetime.timedelta(seconds=1)
HOSTS = ["peps.localhost", "nimes.peps.localhost", "192.0.2.7", "192.0.2.7:8000", "unknown.example", "", "a b"]


def ask(path, host="192.0.2.7"):
    answer = Client(HTTP_HOST=host).get(path)
    return answer.status_code, answer.json()


@pytest.fixture
def on_time(db):
    beat(timezone.now())


@pytest.fixture
def message_of_the_portal(db):
    """A letter of the portal that no job sends any more."""
    at = timezone.now() - LATE_AFTER - SECOND
    return Message.objects.create(kind="account.created", recipient="a@b.example", created_at=at, due_at=at)


@pytest.mark.parametrize("host", HOSTS)
@pytest.mark.parametrize("path", ["/sante/", "/sante/pret/", "/sante/travaux/"])
@pytest.mark.usefixtures("on_time")
def test_it_answers_by_ip_and_by_any_host_without_a_redirect_or_a_cookie(path, host, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = Client(HTTP_HOST=host).get(path)
    assert (answer.status_code, answer["Cache-Control"], answer.cookies) == (200, "no-store", {})


def test_alive_asks_the_database_nothing(django_assert_num_queries, db):
    with django_assert_num_queries(0):
        assert ask("/sante/") == (200, {"status": "alive"})


def test_ready_where_the_migrations_of_this_code_have_run(db, monkeypatch):
    assert ask("/sante/pret/") == (200, {"status": "ready", "database": "ok", "migrations": "ok"})
    monkeypatch.setattr(schema_snapshot, "compute_fingerprint", lambda: "of another version")
    assert ask("/sante/pret/") == (503, {"status": "not_ready", "database": "ok", "migrations": "missing"})


@pytest.mark.parametrize(
    ("path", "reader", "status"),
    [("/sante/pret/", "_is_migrated", "not_ready"), ("/sante/travaux/", "read_work_status", "unknown")],
)
def test_a_database_that_is_away_is_a_503_and_no_page(db, monkeypatch, path, reader, status):
    def fail(*_args):
        raise OperationalError("connection to server failed: Connection refused, host 10.0.0.3")

    monkeypatch.setattr(answers, reader, fail)
    assert ask(path) == (503, {"status": status, "database": "unreachable"})


@pytest.mark.usefixtures("on_time")
def test_work_on_time_is_a_200_with_its_figures():
    add_job(timezone.now() - 5 * SECOND)
    status, details = ask("/sante/travaux/")
    assert (status, details["status"], details["queue"]["due_jobs"]) == (200, "on_time", 1)
    assert 5 <= details["queue"]["oldest_seconds"] < 60
    assert details["worker"]["alive"] is True
    assert details["portal_mail"] == {"oldest_seconds": None}


@pytest.mark.usefixtures("on_time")
def test_a_job_that_waits_too_long_is_a_503():
    add_job(timezone.now() - LATE_AFTER - SECOND)
    status, details = ask("/sante/travaux/")
    assert (status, details["status"], details["worker"]["alive"]) == (503, "late", True)


@pytest.mark.usefixtures("on_time")
def test_a_letter_that_waits_too_long_is_a_503(message_of_the_portal):
    status, details = ask("/sante/travaux/")
    assert (status, details["status"], details["queue"]["due_jobs"]) == (503, "late", 0)
    assert details["portal_mail"]["oldest_seconds"] > LATE_AFTER.total_seconds()


def test_without_a_worker_the_work_is_late_before_anything_waits(db):
    assert ask("/sante/travaux/")[0] == 503


@pytest.mark.parametrize("path", ["/sante/", "/sante/pret/", "/sante/travaux/"])
def test_it_is_read_only(path, db):
    assert Client(HTTP_HOST="192.0.2.7").post(path).status_code == 405
    assert Client(HTTP_HOST="192.0.2.7").head(path).content == b""


@pytest.mark.parametrize("path", ["/sante", "/sante/autre/", "/SANTE/", "/sante/pret"])
def test_any_other_path_is_the_site_s(path, db):
    assert Client(HTTP_HOST="peps.localhost").get(path).status_code in (301, 404)
