"""« Ouvrir le bureau »: the operator reads an office, and does nothing there; its journal says who, why and when."""

import datetime
import html
import inspect
import re
from functools import partial

import pytest
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext, override_settings
from django.urls import reverse
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts.models import User
from accounts.sessions import Session
from collectivities.capabilities import Role
from collectivities.models import AuditEntry, Invitation
from collectivities.office_visits import LINK_LIFETIME, VISIT_LIFETIME
from collectivities.views.office import journal
from collectivities.visit_middleware import DOORS
from licensing.entitlements.queries import unseal_key
from licensing.pools.models import Allocation
from tests.access import routes, samples
from tests.access.routes import OFFICE_ROUTES, build_url
from tests.factories.accounts import (
    OperatorFactory,
    PrincipalFactory,
    UserFactory,
    enable_second_factor,
    set_operator,
)
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient
from tests.races import run_concurrently
from tests.tiers import sampled

REASON = "Le référent ne retrouve plus ses clés"
LINK = re.compile(r'href="(http://[a-z.]+/visite/([a-z0-9]+)/)"')
ACTS = ("post", "put", "patch", "delete", "options")
#: They prepare an act, and lock what it changes.
LOCKING = {"imports:undo"}
ALL_ROUTES = [route for route in routes.list_routes(routes.OFFICE) if route.name not in DOORS]


def read_only(answer):
    return answer.status_code == 403 and "<h1>Lecture seule</h1>" in answer.content.decode()


def sample_kwargs(route):
    if route.name in samples.SAMPLES:
        return samples.SAMPLES[route.name]()
    return dict.fromkeys(route.arguments, 1)


def ask_for_link(portal, collectivity, reason=REASON):
    """Return the link's path, or the answer where there is no link."""
    url = reverse("admin:tenants_collectivity_visit", urlconf="config.urls_public", args=[collectivity.pk])
    answer = portal.post(url, {"reason": reason})
    found = LINK.search(answer.content.decode())
    return f"/visite/{found[2]}/" if found else answer


@pytest.fixture
def operator(portal, can_sign_in):
    user = can_sign_in(OperatorFactory(first_name="Odile", last_name="Périer"))
    portal.force_login(user, confirmed=True)
    return user


@pytest.fixture
def link(portal, operator, nimes):
    return ask_for_link(portal, nimes)


@pytest.fixture
def visitor(office, link):
    """The operator's browser, in a visit of Nîmes."""
    browser = office("nimes")
    assert browser.get(link)["Location"] == "/"
    return browser


# --- The link ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_link_opens_the_office_and_its_journal_says_who_and_why(visitor, operator):
    page = visitor.get("/")
    assert page.status_code == 200
    entry = AuditEntry.objects.get(action="office.visited")
    assert (entry.actor_id, REASON in entry.summary, "lecture seule" in entry.summary) == (operator.pk, True, True)
    assert REASON in visitor.get("/journal/").content.decode()
    assert LogEntry.objects.get().change_message.endswith(REASON)


@pytest.mark.slow
def test_the_link_is_asked_for_with_a_reason_and_a_confirmation(portal, nimes, can_sign_in):
    portal.force_login(can_sign_in(OperatorFactory()))
    assert "Confirmez que c’est vous" in ask_for_link(portal, nimes).content.decode()
    portal.force_login(OperatorFactory(), confirmed=True)
    for reason in ("", "  ", "x" * 201):
        assert "Motif" in ask_for_link(portal, nimes, reason).content.decode()
    assert not LogEntry.objects.exists()


def test_the_confirmation_keeps_the_frame_of_the_back_office_and_may_be_cancelled(portal, nimes, can_sign_in):
    portal.force_login(can_sign_in(OperatorFactory()))
    page = ask_for_link(portal, nimes).content.decode()
    assert "Pages de l’exploitation" in page
    assert re.search(rf'href="/admin/clients/collectivite/{nimes.pk}/"\s*>Annuler', page)
    assert f'name="reason" value="{REASON}"' in page


@pytest.mark.slow
def test_the_link_serves_once(visitor, office, link):
    again = office("nimes").get(link)
    assert (again.status_code, "a déjà servi" in again.content.decode()) == (410, True)
    assert AuditEntry.objects.filter(action="office.visited").count() == 1


@pytest.mark.slow
def test_the_link_is_spent_by_no_head_and_no_post(office, link):
    assert office("nimes").head(link).status_code == 405
    assert office("nimes").post(link).status_code == 405
    assert office("nimes").get(link).status_code == 302


def pass_time(monkeypatch, duration):
    """Let time pass, half of it before the session's row is stored anew, which must not prolong anything."""
    start = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: start + duration / 2)
    for row in Session.objects.all():
        row.expire_date = timezone.now() + datetime.timedelta(days=1)
        row.seen_at = timezone.now()
        row.save()
    monkeypatch.setattr(timezone, "now", lambda: start + duration)


@pytest.mark.parametrize(("seconds", "status"), [(-1, 302), (0, 410)])
def test_the_link_lasts_a_minute(seconds, status, office, link, monkeypatch):
    pass_time(monkeypatch, LINK_LIFETIME + datetime.timedelta(seconds=seconds))
    assert office("nimes").get(link).status_code == status


@pytest.mark.slow
def test_the_link_of_one_office_opens_no_other(office, portal, link, gard):
    assert office("gard").get(link).status_code == 410
    assert portal.get(link).status_code == 404
    assert office("nimes").get(link).status_code == 302


@pytest.mark.slow
def test_the_link_is_no_session_and_no_session_a_link(office, link, nimes):
    token = link.split("/")[2]
    browser = office("nimes")
    browser.cookies[settings.SESSION_COOKIE_NAME] = token
    assert browser.get("/")["Location"].startswith("/connexion/")
    member = office("nimes", MemberFactory().user)
    assert member.get(f"/visite/{member.session.session_key}/").status_code == 410
    assert Session.objects.filter(session_key=token).count() == 0


def sign_out(portal, _operator):
    portal.post("/deconnexion/")


def deactivate(_portal, operator):
    User.objects.filter(pk=operator.pk).update(is_active=False)


def dismiss(_portal, operator):
    set_operator(operator, is_staff=True, is_superuser=False)


def ask_for_second_factor(_portal, _operator):
    settings.OPERATOR_SECOND_FACTOR = True


@pytest.mark.slow
@pytest.mark.parametrize("forbid", [sign_out, deactivate, dismiss, ask_for_second_factor])
def test_neither_link_nor_visit_opens_to_whom_may_not_operate(forbid, portal, visitor, office, nimes):
    link = ask_for_link(portal, nimes)
    assert visitor.get("/ecoles/").status_code == 200
    with override_settings():
        forbid(portal, User.objects.get(is_superuser=True))
        assert office("nimes").get(link).status_code == 410
        assert visitor.get("/ecoles/")["Location"].startswith("/connexion/")


def test_with_a_second_factor_a_visit_is_open_where_one_is_required(portal, operator, office, nimes, settings):
    enable_second_factor(operator)
    settings.OPERATOR_SECOND_FACTOR = True
    assert office("nimes").get(ask_for_link(portal, nimes)).status_code == 302


def test_a_visit_takes_the_place_of_the_browsers_session(office, portal, operator, nimes):
    """What a member of the office left open there is not mixed with it."""
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    earlier = browser.session.session_key
    browser.get(ask_for_link(portal, nimes))
    assert browser.get("/membres/inviter/").status_code == 403
    former = office("nimes")
    former.cookies[settings.SESSION_COOKIE_NAME] = earlier
    assert former.get("/")["Location"].startswith("/connexion/")


@pytest.mark.parametrize("make", [lambda: None, PrincipalFactory, lambda: UserFactory(is_staff=True)])
def test_only_the_operator_is_given_a_link(make, portal, nimes):
    if (user := make()) is not None:
        portal.force_login(user, confirmed=True)
    assert ask_for_link(portal, nimes).status_code in (302, 403)
    assert not LogEntry.objects.exists()


@pytest.mark.slow
def test_a_link_followed_twice_at_once_opens_one_visit(committing, can_sign_in):
    portal = HostClient(settings.BASE_DOMAIN)
    with schema_context("public"):
        portal.force_login(can_sign_in(OperatorFactory()), confirmed=True)
        link = ask_for_link(portal, committing)
    browsers = [HostClient(committing.office_host) for _ in range(4)]
    answers = run_concurrently("nimes", [partial(one.get, link) for one in browsers], expected_errors=())
    assert sorted(answer.status_code for answer in answers) == [302, 410, 410, 410]
    assert AuditEntry.objects.filter(action="office.visited").count() == 1


# --- The visit --------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_page_says_that_it_is_a_visit_whose_and_why(visitor, nimes):
    for path in ("/", "/journal/", "/attributions/", "/nulle-part/", "/api/v1/docs/"):
        page = html.unescape(visitor.get(path).content.decode()).replace("\xa0", " ")
        text = " ".join(re.sub("<[^>]*>", "", page).split())
        assert "Vous regardez le bureau de la Ville de Nîmes en lecture seule. Aucun bouton n’agit." in text, path
        assert "Motif : Le référent ne retrouve plus ses clés." in text
        # Nor does the page of an address that is none take the operator for a stranger.
        assert "qui n’en est pas membre" not in page


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "every"), [("post", 10), *(pytest.param(method, 1, marks=pytest.mark.slow) for method in ACTS)]
)
def test_every_address_of_the_office_refuses_to_act(method, every, visitor):
    before = AuditEntry.objects.count()
    done = [
        route.name
        for route in ALL_ROUTES[::every]
        if not read_only(getattr(visitor, method)(reverse(route.name, urlconf=routes.OFFICE, kwargs=fill(route))))
    ]
    assert len(ALL_ROUTES) > 100
    assert done == []
    assert AuditEntry.objects.count() == before


def fill(route):
    return dict.fromkeys(route.arguments, 1) or None


@pytest.mark.slow
def test_a_posted_form_changes_nothing(visitor):
    answer = visitor.post("/membres/inviter/", {"email": "awa@nimes.example", "roles": ["viewer"]})
    assert read_only(answer)
    assert not Invitation.objects.exists()


@pytest.mark.slow
def test_the_refusal_is_a_sentence_with_one_colon(visitor):
    page = html.unescape(visitor.post("/reglages/").content.decode()).replace("\xa0", " ")
    (sentence,) = re.findall(r"Rien n’a été fait[^<]*", page)
    assert sentence.count(":") == 1
    assert "sans y agir. Un membre" in sentence


@pytest.mark.parametrize(
    ("method", "path", "before", "back"),
    [
        ("post", "/reglages/", "http://nimes.peps.localhost/reglages/?onglet=1", "/reglages/?onglet=1"),
        ("get", "/membres/inviter/", "http://nimes.peps.localhost/membres/", "/membres/"),
        ("get", "/membres/inviter/", "http://nimes.peps.localhost/membres/inviter/", ""),
        ("post", "/reglages/", "http://ailleurs.example/page/", ""),
        ("post", "/reglages/", "http://nimes.peps.localhost//ailleurs.example/", ""),
        ("post", "/reglages/", "", ""),
    ],
)
def test_a_refused_act_leads_back_to_the_page_where_one_was(method, path, before, back, visitor):
    page = getattr(visitor, method)(path, headers={"Referer": before}).content.decode()
    if back:
        assert re.search(rf'href="{re.escape(back)}"\s*>Revenir à la page où vous étiez', page)
    else:
        assert "où vous étiez" not in page
    assert "Revenir à l’accueil du bureau" in page


@pytest.mark.slow
def test_htmx_shows_the_page_anew_with_the_refusal(visitor):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://nimes.peps.localhost/attributions/?page=2"}
    answer = visitor.post("/attributions/actions/", headers=headers)
    assert answer["HX-Redirect"] == "/attributions/?page=2"
    assert "lecture seule" in visitor.get("/attributions/").content.decode()


@pytest.mark.parametrize("route", sampled(OFFICE_ROUTES), ids=lambda route: route.name)
def test_each_page_is_open_that_shows_neither_secret_nor_file(route, visitor):
    answer = visitor.get(build_url(route, sample_kwargs(route)))
    if answer.status_code == 403:
        closed = "confirmed recently" in route.label or is_file(route) or Role.MANAGER not in (route.roles or Role)
        closed = closed or route.name in LOCKING
        assert closed, re.search(r"Rien n’a été fait[^<]*", answer.content.decode())
    else:
        assert answer.status_code in (200, 302, 405)
        assert answer.status_code != 200 or not is_file(route)
        assert answer.get("Content-Type", "text/html").startswith(("text/html", "image/"))
    for key in (allocation.key for allocation in Allocation.objects.select_related("key")):
        assert unseal_key(key) not in answer.content.decode(errors="ignore").replace("-", "")


def is_file(route):
    files = {"imports:export", "imports:file", "pools:export", "portfolio:export", "requests:export", "journal_export"}
    files |= {"report_workbook", "renewal:workbook"}
    return route.name in files or route.name.endswith(
        ("pdf", ":corrected", ":report", ":annotated", ":template", ":scan")
    )


@pytest.mark.slow
def test_the_accounts_pages_are_those_of_the_portal(visitor):
    for path in ("/securite/", "/mot-de-passe/", "/verification/"):
        assert read_only(visitor.get(path)), path


@pytest.mark.slow
def test_the_api_is_closed_to_a_visit(visitor):
    assert visitor.get("/api/v1/schools").status_code in (401, 403)
    assert visitor.post("/api/v1/allocations").status_code in (401, 403)


def test_the_database_refuses_what_a_page_would_write(visitor, monkeypatch):
    """A page that writes as it is read is refused as well, whichever it is."""

    def write(at):
        Invitation.objects.create(email="a@nimes.example", roles=[Role.VIEWER], created_at=at, expires_at=at)
        return AuditEntry.objects.all()

    monkeypatch.setitem(inspect.unwrap(journal).__globals__, "list_shown_entries", write)
    assert read_only(visitor.get("/journal/"))
    assert not Invitation.objects.exists()


# --- Its end ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_closing_ends_the_visit_and_leads_back_to_the_client(visitor, nimes):
    answer = visitor.post("/visite/fermer/", follow=True)
    assert answer.request["PATH_INFO"] == "/visite/fermee/"
    assert f'href="http://peps.localhost/admin/clients/collectivite/{nimes.pk}/"' in answer.content.decode()
    assert visitor.get("/")["Location"].startswith("/connexion/")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/visite/fermer/", "/deconnexion/"])
def test_the_journal_says_when_the_visit_was_closed(path, visitor, operator):
    visitor.get(path)
    assert not AuditEntry.objects.filter(action="office.visit_closed").exists()
    visitor.post(path)
    visitor.post(path)
    entry = AuditEntry.objects.get(action="office.visit_closed")
    assert (entry.actor_id, REASON in entry.summary) == (operator.pk, True)
    assert entry.at >= AuditEntry.objects.get(action="office.visited").at


@pytest.mark.slow
def test_closing_ends_no_session_of_a_member(office, nimes):
    browser = office("nimes", MemberFactory().user)
    browser.post("/visite/fermer/")
    assert browser.get("/").status_code == 200


@pytest.mark.slow
def test_signing_out_ends_the_visit(visitor, portal):
    assert visitor.post("/deconnexion/").status_code == 302
    assert visitor.get("/")["Location"].startswith("/connexion/")
    assert portal.get("/admin/").status_code == 200


@pytest.mark.parametrize(("seconds", "status"), [(-1, 200), (0, 302)])
def test_a_visit_lasts_half_an_hour(seconds, status, visitor, monkeypatch):
    pass_time(monkeypatch, VISIT_LIFETIME + datetime.timedelta(seconds=seconds))
    assert visitor.get("/ecoles/").status_code == status


def test_a_visit_of_one_office_is_none_of_another(visitor, office, gard):
    thief = office("gard")
    thief.cookies = visitor.cookies
    assert thief.get("/")["Location"].startswith("/connexion/")


@pytest.mark.slow
def test_a_visit_makes_the_operator_no_member(visitor, operator, nimes, office):
    assert office("nimes", operator).get("/").status_code == 404


@pytest.mark.slow
def test_a_visit_costs_its_transaction_its_operator_and_the_portals_session(visitor, office, nimes):
    counts = []
    for browser in (office("nimes", MemberFactory(roles=[Role.MANAGER]).user), visitor):
        with CaptureQueriesContext(connection) as queries:
            browser.get("/journal/")
        counts.append(len(queries))
    assert counts[1] - counts[0] <= 5
