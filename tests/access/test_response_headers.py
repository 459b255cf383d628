"""What every response says to browsers and caches, and where `next` and the links of e-mails may lead."""

import datetime
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from allauth.core import context
from django.urls import reverse

from accounts.adapter import AccountAdapter
from tests.access import routes
from tests.access.routes import build_url
from tests.accounts.emails import PASSWORD, sign_in
from tests.factories.accounts import TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.tiers import sampled

ROOT = Path(__file__).resolve().parent.parent.parent
PORTAL_ROUTES = [route for route in routes.list_routes(routes.PORTAL) if route.label == "signed in"]
OPEN_ROUTES = [
    (urlconf, route)
    for urlconf in (routes.PORTAL, routes.OFFICE)
    for route in routes.list_routes(urlconf)
    if route.label == "public" and not route.arguments
]


def route_id(value):
    return value.name if isinstance(value, routes.Route) else ""


# --- Nothing of a session is cached: an office's answers in tests.access.test_routes ---------------------------------


@pytest.mark.parametrize("route", sampled(PORTAL_ROUTES), ids=route_id)
def test_no_answer_to_a_signed_in_user_of_the_portal_is_stored(route, portal):
    portal.force_login(TeacherFactory())
    url = build_url(route, dict.fromkeys(route.arguments, 1), routes.PORTAL)
    for answer in (portal.get(url), portal.post(url)):
        assert "no-store" in answer.get("Cache-Control", ""), answer.status_code


@pytest.mark.parametrize(("urlconf", "route"), sampled(OPEN_ROUTES), ids=route_id)
def test_no_public_page_is_stored_for_a_signed_in_user(urlconf, route, portal, office, nimes):
    user = MemberFactory().user
    browser = office("nimes", user)
    if urlconf == routes.PORTAL:
        browser = portal
        portal.force_login(user)
    answer = browser.get(reverse(route.name, urlconf=urlconf))
    assert "no-store" in answer.get("Cache-Control", ""), answer.status_code


@pytest.mark.slow
def test_the_admin_and_unknown_pages_are_not_stored(portal):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    for path in ("/admin/", "/admin/accounts/user/", "/admin/jsi18n/", "/nulle-part/"):
        assert "no-store" in portal.get(path)["Cache-Control"], path


def test_a_visitors_page_may_be_cached_and_does_not_vary_by_cookie(portal, db):
    answer = portal.get("/faq/")
    assert "no-store" not in answer.get("Cache-Control", "")


@pytest.mark.parametrize("path", ["/", "/boutique/", "/nulle-part/"])
def test_pages_vary_by_htmx(portal, path, db):
    assert "HX-Request" in portal.get(path)["Vary"]


# --- Signing out ------------------------------------------------------------------------------------------------------


def test_signing_out_clears_what_the_browser_stored_of_this_host_alone(office, nimes):
    browser = office("nimes", MemberFactory().user)
    answer = browser.post("/deconnexion/")
    # « cookies » would reach all hosts of the registered domain.
    assert answer["Clear-Site-Data"] == '"storage"'
    assert "no-store" in answer["Cache-Control"]
    assert answer.cookies["session"].value == ""


def test_signing_out_of_the_portal_leaves_the_encrypted_first_names_of_a_device(portal, db):
    portal.force_login(UserFactory())
    answer = portal.post("/deconnexion/")
    assert "Clear-Site-Data" not in answer
    assert "no-store" in answer["Cache-Control"]
    assert answer.cookies["session"].value == ""


@pytest.mark.slow
@pytest.mark.parametrize("path", ["/mon-compte/", "/admin/"])
def test_signing_out_stands_on_the_pages_of_portal_and_administration(portal, db, path):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert 'action="/deconnexion/"' in portal.get(path).content.decode()


def test_signing_out_stands_on_the_pages_of_an_office(office, nimes):
    assert 'action="/deconnexion/"' in office("nimes", MemberFactory().user).get("/").content.decode()


# --- Messages ---------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_cookie_of_messages_is_bound_to_its_host_on_a_server():
    """In a separate process: the name is read from the environment at start."""
    script = (
        "import django; django.setup()\n"
        "from django.contrib import messages; from django.http import HttpResponse\n"
        "from django.test import RequestFactory\n"
        "from web.middleware import HostMessageStorage\n"
        "request = RequestFactory().get('/'); request.session = {}\n"
        "storage = HostMessageStorage(request); storage.add(messages.INFO, 'a'); response = HttpResponse()\n"
        "storage.update(response); print(response.cookies.output())"
    )
    variables = {
        "SECURE": "True",
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
        "DATABASE_URL": "postgresql://nobody@localhost/none",
    }
    command = [sys.executable, "-c", script]
    cookie = subprocess.run(  # noqa: S603 - our own interpreter and words
        command, cwd=ROOT, env=os.environ | variables, capture_output=True, text=True, check=True
    ).stdout
    assert cookie.startswith("Set-Cookie: __Host-messages=")
    for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert attribute in cookie
    assert "Domain" not in cookie


# --- `next` -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "http://peps.localhost/mon-compte/", "http://gard.peps.localhost/", "//gard.peps.localhost/",
        "https://exemple.example/", "///exemple.example", "javascript:alert(1)", "/\\exemple.example",
    ],
)  # fmt: skip
def test_next_never_leads_to_another_host(office, nimes, can_sign_in, address):
    user = can_sign_in(MemberFactory().user)
    assert sign_in(office("nimes"), user, next=address)["Location"] == "/"
    assert office("nimes", user).post("/deconnexion/", {"next": address})["Location"] == "/"
    browser = office("nimes", user, confirmed=False)
    assert browser.post("/verification/", {"password": PASSWORD, "next": address})["Location"] == "/"


def test_next_leads_to_a_page_of_this_host_by_the_same_scheme(office, nimes, can_sign_in, rf):
    user = can_sign_in(MemberFactory().user)
    for address in ("/membres/?a=1", "http://nimes.peps.localhost/membres/"):
        assert sign_in(office("nimes"), user, next=address)["Location"] == address
    with context.request_context(rf.get("/", secure=True, headers={"host": "nimes.peps.localhost"})):
        assert AccountAdapter().is_safe_url("https://nimes.peps.localhost/membres/")
        assert not AccountAdapter().is_safe_url("http://nimes.peps.localhost/membres/")


# --- Features, contact ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/connexion/", "/admin/", "/nulle-part/"])
def test_browser_features_that_no_page_uses_are_off(portal, path, db):
    policy = portal.get(path)["Permissions-Policy"]
    for feature in ("camera=()", "microphone=()", "geolocation=()", "publickey-credentials-get=(self)"):
        assert feature in policy


@pytest.mark.parametrize("slug", ["", "nimes."])
def test_security_txt_says_where_to_write_and_until_when(slug, portal, office, nimes, settings):
    settings.SECURITY_CONTACT = "securite@peps.example"
    browser = office("nimes") if slug else portal
    answer = browser.get("/.well-known/security.txt")
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    fields = dict(line.split(": ", 1) for line in answer.content.decode().splitlines())
    assert fields["Contact"] == "mailto:securite@peps.example"
    assert fields["Canonical"] == f"http://{slug}peps.localhost/.well-known/security.txt"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT00:00:00Z", fields["Expires"])
    expires = datetime.datetime.fromisoformat(fields["Expires"])
    left = expires - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(days=30) < left < datetime.timedelta(days=366)


def test_the_contact_of_security_txt_may_be_a_url(portal, settings, db):
    settings.SECURITY_CONTACT = "https://exemple.example/signaler"
    assert b"Contact: https://exemple.example/signaler\n" in portal.get("/.well-known/security.txt").content


# --- Hosts ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_host_in_capitals_is_the_same_host(portal, office, nimes, can_sign_in):
    user = can_sign_in(MemberFactory().user)
    browser = office("nimes", user)
    capitals = {"HTTP_HOST": "NIMES.Peps.LOCALHOST"}
    assert browser.get("/", **capitals).status_code == 200
    assert portal.get("/faq/", HTTP_HOST="PEPS.LOCALHOST").status_code == 200
    other = office("nimes")
    other.post("/connexion/", {"login": user.username, "password": PASSWORD}, **capitals)
    assert other.get("/").status_code == 200
