"""« /sante/mesures/ »: closed without a token, and figures of nobody and of no office."""

import datetime
import re

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from bounces.models import MailServerOutage
from jobs import due
from mailing.models import Message, MessageState
from sites.health import figures
from tests.deploy.figure_labels import list_label_values
from tests.factories.accounts import UserFactory
from tests.jobs.queue_rows import add_job, beat

TOKEN = "jeton-de-prometheus-0123456789abcdef"
PATH = "/sante/mesures/"
HOSTS = ["peps.localhost", "nimes.peps.localhost", "192.0.2.7:8000", "unknown.example", ""]
MINUTE = datetime.timedelta(minutes=1)
#: One of them a `SET search_path`.
STATEMENTS = 10


@pytest.fixture
def opened(settings, db):
    settings.METRICS_TOKEN = TOKEN


def ask(token=TOKEN, host="192.0.2.7", method="get"):
    return getattr(Client(HTTP_HOST=host), method)(PATH, headers={"authorization": f"Bearer {token}"})


def scrape():
    """Return what is read: a list of (name, labels, value)."""
    answer = ask()
    assert answer.status_code == 200
    families = text_string_to_metric_families(answer.content.decode())
    return [(one.name, one.labels, one.value) for family in families for one in family.samples]


def find(samples, name, **labels):
    return [value for found, of, value in samples if found == name and of == labels]


def test_without_a_token_of_the_operator_it_is_a_path_like_any_other(portal):
    answer = portal.get(PATH)
    assert (answer.status_code, b"peps_" in answer.content) == (404, False)
    assert portal.get(PATH, headers={"authorization": "Bearer "}).status_code == 404


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("host", HOSTS)
def test_by_any_host_the_token_opens_it_without_a_redirect_or_a_cookie(host, settings):
    settings.SECURE_SSL_REDIRECT = True
    answer = ask(host=host)
    assert (answer.status_code, answer["Cache-Control"], answer.cookies) == (200, "no-store", {})
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize("header", ["", TOKEN, "Bearer", "Bearer ", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_anything_else_than_the_token_is_refused(header):
    answer = Client(HTTP_HOST="192.0.2.7").get(PATH, headers={"authorization": header})
    assert (answer.status_code, answer.content, answer["WWW-Authenticate"]) == (401, b"", "Bearer")


@pytest.mark.usefixtures("opened")
def test_it_is_read_only():
    assert ask(method="post").status_code == 405


@pytest.mark.usefixtures("opened")
def test_it_says_what_waits_and_since_when():
    now = timezone.now()
    beat(now - 5 * MINUTE)
    add_job(now - 3 * MINUTE)
    add_job(now - 2 * MINUTE)
    add_job(now, scheduled_at=now + MINUTE)
    due.schedule("reminders.plan", "c_nimes", now - 10 * MINUTE)
    samples = scrape()
    assert find(samples, "peps_due_jobs", queue="mail", task="mailing.drain") == [2]
    [age] = find(samples, "peps_due_jobs_age_seconds", queue="mail", task="mailing.drain")
    [work_age] = find(samples, "peps_due_work_age_seconds", kind="reminders.plan")
    [silence] = find(samples, "peps_worker_heartbeat_age_seconds")
    assert [round(one, -1) for one in (age, work_age, silence)] == [180, 600, 300]
    assert find(samples, "peps_worker_lanes") == [0]
    assert find(samples, "peps_database_up") == [1]
    assert find(samples, "peps_collectivities") == [2]
    beat(now)
    assert find(scrape(), "peps_worker_lanes") == [1]


@pytest.mark.usefixtures("opened")
def test_it_says_for_how_long_the_mail_server_takes_nothing():
    assert find(scrape(), "peps_mail_server_failing_seconds") == [0]
    now = timezone.now()
    MailServerOutage.objects.create(failing_since=now - 5 * MINUTE, failed_at=now, failure="Refusée.")
    [age] = find(scrape(), "peps_mail_server_failing_seconds")
    assert round(age, -1) == 300


@pytest.mark.usefixtures("opened")
def test_it_says_since_when_the_portal_s_oldest_letter_should_have_left():
    at = timezone.now() - 20 * MINUTE
    fields = {"kind": "account.created", "recipient": "a@b.example", "created_at": at}
    Message.objects.create(state=MessageState.DEFERRED, due_at=timezone.now() + MINUTE, stalled_since=at, **fields)
    Message.objects.create(due_at=timezone.now() + MINUTE, **fields)
    samples = scrape()
    assert find(samples, "peps_portal_messages_due") == [1]
    assert [round(age, -1) for age in find(samples, "peps_portal_messages_age_seconds")] == [1200]


@pytest.mark.usefixtures("opened")
def test_of_a_database_that_is_away_there_is_that_alone(monkeypatch):
    def fail(_at):
        raise OperationalError("connection to server failed: Connection refused, host 10.0.0.3")

    monkeypatch.setattr(figures, "list_due_tasks", fail)
    samples = scrape()
    assert find(samples, "peps_database_up") == [0]
    assert [name for name, _, _ in samples if name.startswith(("peps_due", "peps_worker", "peps_database_c"))] == []


@pytest.mark.usefixtures("opened")
def test_the_statements_are_as_many_whatever_waits_and_none_enters_an_office():
    now = timezone.now()
    ask()
    for number in range(20):
        add_job(now - number * MINUTE)
        due.schedule("reminders.plan", f"c_office_{number}", now - MINUTE)
    with CaptureQueriesContext(connection) as queries:
        ask()
    assert len(queries) == STATEMENTS
    assert [query["sql"] for query in queries if "c_" in query["sql"].replace("c_toast", "")] == []


@pytest.mark.slow
@pytest.mark.usefixtures("opened")
def test_labels_have_the_values_of_the_code_and_nothing_of_a_request(portal, office, can_sign_in, nimes):
    user = can_sign_in(UserFactory(username="madame.dupont", email="dupont@ecole.example"))
    secret = "S3CRET" * 8
    # Other tests of this process have routes and tasks of their own.
    before = scrape()
    portal.get(f"/invitation/{secret}/")
    portal.get(f"/rien/{secret}/?jeton={secret}")
    portal.post("/connexion/", {"login": user.username, "password": "faux"})
    Client(HTTP_HOST="unknown.example").get("/", headers={"user-agent": "dupont"})
    office("nimes", user).get("/")
    office("nimes").get("/api/v1/pools")
    b"".join(portal.get("/static/web/peps.css").streaming_content)
    portal.generic("BREW", "/")
    add_job(timezone.now())
    changed = [one for one in scrape() if one not in before and one[0].startswith("peps_")]
    allowed = list_label_values()
    labels = {(name, label, value) for name, of, _ in changed for label, value in of.items() if label != "le"}
    assert len({value for _, label, value in labels if label == "route"}) > 4
    assert {one for one in labels if one[2] not in allowed[one[1]]} == set()
    text = ask().content.decode()
    assert [word for word in (secret, "dupont", "nimes", "unknown.example", "ecole.example") if word in text] == []


@pytest.mark.slow
@pytest.mark.usefixtures("opened")
def test_a_request_is_counted_by_its_route_and_its_site(portal, office):
    def count():
        samples = scrape()
        return (
            sum(find(samples, "peps_request_seconds_count", route="account_login", status="2xx")),
            sum(find(samples, "peps_site_request_seconds_count", site="portal", status="2xx")),
            sum(find(samples, "peps_site_request_seconds_count", site="office", status="4xx")),
        )

    before = count()
    portal.get("/connexion/")
    office("nimes").get("/connexion/")
    office("nimes").get("/rien/")
    assert [after - was for after, was in zip(count(), before, strict=True)] == [2, 1, 1]


@pytest.mark.usefixtures("opened")
def test_those_who_watch_are_not_counted():
    before = [sample for sample in scrape() if sample[0].startswith("peps_request")]
    for path in ("/sante/", "/sante/pret/", "/sante/travaux/", PATH):
        Client(HTTP_HOST="192.0.2.7").get(path)
    assert [sample for sample in scrape() if sample[0].startswith("peps_request")] == before


@pytest.mark.usefixtures("opened")
def test_every_figure_says_what_it_is():
    text = ask().content.decode()
    for name in re.findall(r"^# TYPE (peps_\w+)", text, re.MULTILINE):
        assert re.search(rf"^# HELP {name} \S", text, re.MULTILINE), name
