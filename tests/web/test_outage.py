"""While the database is away: a 503 that says what became of the request, and one more try for what only reads."""

import contextlib
import socket

import psycopg
import pytest
from django.conf import settings
from django.db import connection
from procrastinate.contrib.django.utils import connector_params

from accounts.models import User
from tests.api.client import ApiClient, create_token
from tests.factories.accounts import UserFactory
from tests.factories.schools import SchoolFactory
from tests.host_client import HostClient
from tests.web import outage_urls

PORTAL = "peps.localhost"


@pytest.fixture(autouse=True)
def _clean():
    yield
    outage_urls.during.clear()


@pytest.fixture
def browser(committing, settings):
    """A visitor of the portal, which has the two pages of the tests."""
    settings.PUBLIC_SCHEMA_URLCONF = "tests.web.outage_urls"
    return open_browser(PORTAL)


def open_browser(host: str) -> HostClient:
    client = HostClient(host)
    client.raise_request_exception = False
    return client


def kill_backend() -> None:
    """End the server's process of this thread's connection, as a crash or an administrator would."""
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    with psycopg.connect(**connector_params(), autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s::integer, 5000)", [pid])


@contextlib.contextmanager
def elsewhere(port: int):
    """Lead this thread's connections to a port of this machine; back to the server at the end."""
    before = {name: connection.settings_dict[name] for name in ("HOST", "PORT", "OPTIONS")}
    connection.close()
    connection.settings_dict.update(HOST="127.0.0.1", PORT=port, OPTIONS=before["OPTIONS"] | {"connect_timeout": 2})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)


@pytest.fixture
def stopped_port():
    """A port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield free.getsockname()[1]


def test_a_backend_killed_between_two_requests_costs_nothing(browser):
    assert browser.get("/lire/").content == b"lu"
    kill_backend()
    assert browser.get("/lire/").content == b"lu"


def test_a_read_whose_backend_is_killed_is_tried_once_more(browser):
    outage_urls.during.append(kill_backend)
    answer = browser.get("/lire/")
    assert (answer.status_code, answer.content) == (200, b"lu")


def test_a_read_is_not_tried_for_ever(browser):
    def first() -> None:
        kill_backend()
        outage_urls.during.insert(0, kill_backend)
        raise psycopg.OperationalError("the connection is lost")

    outage_urls.during.append(first)
    answer = browser.get("/lire/")
    assert answer.status_code == 503
    assert browser.get("/lire/").content == b"lu"


def test_a_write_whose_backend_is_killed_is_not_done_and_says_so(browser):
    outage_urls.during.append(kill_backend)
    answer = browser.post("/ecrire/?puis=oui")
    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "10", "no-store")
    assert "n’a pas été enregistré" in answer.content.decode()
    assert not User.objects.filter(username="ecrit").exists()


def lose_the_answer_to_commit(monkeypatch) -> None:
    """Have the next COMMIT done, and its answer lost with the connection."""
    commit = psycopg.Connection.commit

    def commit_and_lose(self: psycopg.Connection) -> None:
        monkeypatch.undo()
        commit(self)
        kill_backend()
        self.execute("SELECT 1")

    monkeypatch.setattr(psycopg.Connection, "commit", commit_and_lose)


@pytest.mark.slow
def test_a_lost_answer_to_commit_is_announced_as_perhaps_done(browser, monkeypatch):
    outage_urls.during.append(lambda: lose_the_answer_to_commit(monkeypatch))
    answer = browser.post("/ecrire/")
    page = answer.content.decode()
    assert answer.status_code == 503
    assert "peut-être fait" in page
    assert "Vérifiez avant de recommencer" in page
    assert "n’a pas été enregistré" not in page
    assert User.objects.filter(username="ecrit").exists()


def test_a_request_that_committed_before_it_broke_is_perhaps_done(browser):
    outage_urls.during.append(kill_backend)
    answer = browser.post("/ecrire-deux-fois/")
    assert answer.status_code == 503
    assert "peut-être fait" in answer.content.decode()
    assert sorted(User.objects.filter(username__in=["ecrit", "perdu"]).values_list("username", flat=True)) == ["ecrit"]


def test_a_fault_of_ours_after_a_commit_does_not_say_that_nothing_was_stored(browser):
    outage_urls.during.append(lambda: 1 / 0)
    answer = browser.post("/ecrire-deux-fois/")
    assert answer.status_code == 500
    assert "peut-être enregistré" in answer.content.decode()


def test_a_session_that_cannot_be_saved_is_an_outage_and_no_bad_request(browser):
    browser.force_login(UserFactory())
    outage_urls.during.append(kill_backend)
    assert browser.post("/retenir/").status_code == 503
    outage_urls.during.append(kill_backend)
    assert browser.get("/retenir/").content == b"retenu"


@pytest.mark.slow
def test_pages_and_api_answer_503_while_the_port_is_closed(browser, stopped_port):
    office, unknown = open_browser(f"nimes.{settings.BASE_DOMAIN}"), open_browser(f"inconnue.{settings.BASE_DOMAIN}")
    program = ApiClient(create_token().secret)
    program.client.raise_request_exception = False
    browser.force_login(UserFactory())
    with elsewhere(stopped_port):
        pages = [browser.get("/lire/"), browser.get("/mon-compte/"), browser.post("/ecrire/")]
        pages += [office.get("/"), unknown.get("/"), office.get("/nulle-part/")]
        read, sent = program.get("/schools"), program.post("/allocations", {"pool": 1}, key=True)
    for page in pages:
        assert (page.status_code, page["Retry-After"]) == (503, "10")
        assert "Le service est momentanément indisponible" in page.content.decode()
        assert "Content-Security-Policy" in page
    assert "n’a pas été enregistré" in pages[2].content.decode()
    for answer in (read, sent):
        assert (answer.status_code, answer["Content-Type"]) == (503, "application/problem+json")
        assert (answer["Retry-After"], answer.json()["code"]) == ("10", "service_unavailable")
    assert "rien n'a été fait" in sent.json()["detail"]
    assert browser.get("/lire/").content == b"lu"
    assert program.get("/schools").status_code == 200


def test_a_server_that_accepts_and_never_answers_is_given_up(browser):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with elsewhere(silent.getsockname()[1]):
            answer = browser.get("/lire/")
        assert answer.status_code == 503
        # One attempt: a second one would take as long again.
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_a_read_of_the_api_is_tried_once_more(committing, monkeypatch):
    SchoolFactory()
    program = ApiClient(create_token().secret)
    program.client.raise_request_exception = False
    from schools.api import SchoolViewSet  # noqa: PLC0415

    listing, calls = SchoolViewSet.list_response, []

    def once_killed(view):
        calls.append(view)
        if len(calls) == 1:
            kill_backend()
        return listing(view)

    monkeypatch.setattr(SchoolViewSet, "list_response", once_killed)
    answer = program.get("/schools")
    assert (answer.status_code, len(answer.json()["data"]), len(calls)) == (200, 1, 2)
