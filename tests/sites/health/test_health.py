"""« /sante/ »: what it answers to whoever watches, by whatever host, and what it never does."""

import datetime
import ipaddress
from types import SimpleNamespace

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bounces.models import MailServerOutage
from jobs.housekeeping import LATE_AFTER
from mailing.models import Message
from sites.health import middleware
from tenants import schema_snapshot
from tests.jobs.queue_rows import add_job, beat

TOKEN = "jeton-de-qui-surveille-0123456789"
SECOND = datetime.timedelta(seconds=1)
HOSTS = ["peps.localhost", "nimes.peps.localhost", "192.0.2.7", "192.0.2.7:8000", "unknown.example", "", "a b"]


@pytest.fixture(autouse=True)
def _watched(settings):
    settings.HEALTH_TOKEN = TOKEN


def watch(host="192.0.2.7"):
    """Return the client of a monitor, which has the token; each has a middleware of its own."""
    return Client(HTTP_HOST=host, headers={"Authorization": f"Bearer {TOKEN}"})


def ask(path, host="192.0.2.7"):
    answer = watch(host).get(path)
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
    answer = watch(host).get(path)
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

    monkeypatch.setitem(middleware.ANSWERS[path].__globals__, reader, fail)
    assert ask(path) == (503, {"status": status, "database": "unreachable"})


@pytest.mark.usefixtures("on_time")
def test_work_on_time_is_a_200_with_its_figures():
    add_job(timezone.now() - 5 * SECOND)
    status, details = ask("/sante/travaux/")
    assert (status, details["status"], details["queue"]["due_jobs"]) == (200, "on_time", 1)
    assert 5 <= details["queue"]["oldest_seconds"] < 60
    assert details["worker"]["alive"] is True
    assert details["portal_mail"] == {"oldest_seconds": None}
    assert details["mail_server"] == {"failing_seconds": None}


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


@pytest.mark.usefixtures("on_time")
def test_a_letter_that_our_mail_server_does_not_take_is_as_late_though_it_is_tried_again_and_again(
    message_of_the_portal,
):
    now = timezone.now()
    message_of_the_portal.state, message_of_the_portal.stalled_since = "deferred", message_of_the_portal.due_at
    message_of_the_portal.due_at = now + 100 * SECOND
    message_of_the_portal.save()
    status, details = ask("/sante/travaux/")
    assert (status, details["status"]) == (503, "late")
    assert details["portal_mail"]["oldest_seconds"] > LATE_AFTER.total_seconds()
    MailServerOutage.objects.create(failing_since=now - 200 * SECOND, failed_at=now, failure="Refusée.")
    # The cause comes before what is late for it.
    assert ask("/sante/travaux/")[1]["status"] == "no_mail_server"


@pytest.mark.parametrize(
    ("minutes", "status"), [(2, (200, "on_time")), (3, (503, "no_mail_server")), (180, (503, "no_mail_server"))]
)
@pytest.mark.usefixtures("on_time")
def test_a_mail_server_that_takes_nothing_is_a_503_though_nothing_is_late(minutes, status):
    now = timezone.now()
    MailServerOutage.objects.create(
        failing_since=now - minutes * 60 * SECOND, failed_at=now - SECOND, failure="Le serveur ne répond pas."
    )
    code, details = ask("/sante/travaux/")
    assert (code, details["status"]) == status
    assert 0 <= details["mail_server"]["failing_seconds"] - minutes * 60 < 30


def test_without_a_worker_the_work_is_late_before_anything_waits(db):
    assert ask("/sante/travaux/")[0] == 503


@pytest.mark.parametrize("path", ["/sante/", "/sante/pret/", "/sante/travaux/"])
def test_it_is_read_only(path, db):
    assert watch().post(path).status_code == 405
    assert watch().head(path).content == b""


# --- Who learns how the work does, and how often the database is read ------------------------------------------------


@pytest.mark.parametrize("shown", ["", TOKEN, f"Basic {TOKEN}", "Bearer", "Bearer ", f"Bearer {TOKEN}x", "Bearer é"])
@pytest.mark.usefixtures("on_time")
def test_nobody_learns_how_the_work_does_without_the_token(shown, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = Client(HTTP_HOST="peps.localhost", headers={"Authorization": shown}).get("/sante/travaux/")
    assert (answer.status_code, answer.content, answer["WWW-Authenticate"]) == (401, b"", "Bearer")
    assert (answer["Cache-Control"], answer.cookies) == ("no-store", {})


@pytest.mark.usefixtures("on_time")
def test_without_a_token_and_networks_nobody_learns_it(settings):
    settings.HEALTH_TOKEN = ""
    for shown in ("", "Bearer ", "Bearer"):
        client = Client(HTTP_HOST="peps.localhost", headers={"Authorization": shown})
        assert client.get("/sante/travaux/").status_code == 401


@pytest.mark.parametrize(
    ("address", "forwarded", "status"),
    [
        ("10.20.3.4", None, 200),
        ("10.21.3.4", None, 401),
        ("fd00:20::7", None, 200),
        ("10.20.0.1", "203.0.113.9", 401),
        ("203.0.113.9", "10.20.3.4", 200),
        ("10.20.0.1", "10.20.3.4, 203.0.113.9", 401),
    ],
)
@pytest.mark.usefixtures("on_time")
def test_the_operator_s_networks_learn_it(settings, address, forwarded, status):
    settings.HEALTH_NETWORKS = [ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:20::/32")]
    settings.TRUSTED_PROXIES = 0 if forwarded is None else 1
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    assert Client(REMOTE_ADDR=address, headers=headers).get("/sante/travaux/").status_code == status


@pytest.mark.parametrize("path", ["/sante/pret/", "/sante/travaux/"])
@pytest.mark.usefixtures("on_time")
def test_who_asks_without_end_reads_the_database_once_in_some_seconds(path, monkeypatch, django_assert_num_queries):
    monitor, seconds = watch(), 1_000.0
    monkeypatch.setattr(middleware, "time", SimpleNamespace(monotonic=lambda: seconds))
    first = monitor.get(path).json()
    seconds += middleware.KEPT_SECONDS[path] - 0.1
    with django_assert_num_queries(0):
        for _ in range(5):
            assert monitor.get(path).json() == first
    seconds += 0.2
    with CaptureQueriesContext(connection) as reads:
        monitor.get(path)
    assert len(reads) > 0


@pytest.mark.parametrize("path", ["/sante", "/sante/autre/", "/SANTE/", "/sante/pret"])
def test_any_other_path_is_the_site_s(path, db):
    assert Client(HTTP_HOST="peps.localhost").get(path).status_code in (301, 404)
