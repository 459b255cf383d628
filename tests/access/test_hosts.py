"""Hosts, sessions and security headers: a session is valid only at the host where it was opened."""

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
from allauth.account.models import EmailAddress
from django.conf import settings
from django_tenants.utils import tenant_context

from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory

SETTINGS = """
from django.conf import settings as s
print(s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME, s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SECURE_SSL_REDIRECT,
      s.SECURE_HSTS_SECONDS >= 31536000 and s.SECURE_HSTS_INCLUDE_SUBDOMAINS,
      s.SESSION_COOKIE_DOMAIN, s.SESSION_COOKIE_PATH)
"""
ROOT = Path(__file__).resolve().parent.parent.parent


def copy_cookies(browser, other):
    """Copy one browser's cookies to another host."""
    other.cookies = copy.deepcopy(browser.cookies)


@pytest.fixture
def twice_member(nimes, gard):
    """A member of both collectivities."""
    user = UserFactory()
    MemberFactory(user=user)
    with tenant_context(gard):
        MemberFactory(user=user)
    return user


@pytest.mark.slow
def test_a_session_carried_to_another_office_is_refused_and_lives_on_at_its_own(office, twice_member):
    browser, thief = office("nimes", twice_member), office("gard")
    copy_cookies(browser, thief)
    answer = thief.get("/")
    assert (answer.status_code, answer["Location"]) == (302, "/connexion/?next=/")
    assert browser.get("/").status_code == 200


@pytest.mark.slow
def test_a_session_of_the_portal_opens_no_office(portal, office, twice_member):
    portal.force_login(twice_member)
    thief = office("nimes")
    copy_cookies(portal, thief)
    assert thief.get("/").status_code == 302
    assert office("nimes", twice_member).get("/").status_code == 200


def test_a_session_says_where_it_was_opened_and_is_out_of_scripts_reach(office, twice_member):
    twice_member.set_password("un mot de passe sûr")
    twice_member.save()
    EmailAddress.objects.create(user=twice_member, email=twice_member.email, primary=True, verified=True)
    browser = office("nimes")
    answer = browser.post("/connexion/", {"login": twice_member.username, "password": "un mot de passe sûr"})
    assert browser.session["host"] == "nimes.peps.localhost"
    cookie = answer.cookies[settings.SESSION_COOKIE_NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["domain"]) == (True, "Lax", "")


@pytest.mark.parametrize("host", ["nulle-part.peps.localhost", "a.nimes.peps.localhost", "exemple.example", "évil"])
def test_an_unknown_host_is_a_404(client, db, host):
    assert client.get("/", headers={"Host": host}).status_code in (400, 404)


def test_the_admin_is_found_at_no_office(office, nimes):
    operator = UserFactory(is_staff=True, is_superuser=True)
    assert office("nimes", operator).get("/admin/").status_code == 404


@pytest.mark.parametrize("path", ["/", "/connexion/", "/nulle-part/"])
def test_every_response_has_security_headers(portal, path):
    headers = portal.get(path, headers={"Origin": "https://exemple.example"}).headers
    assert headers["Content-Type"] == "text/html; charset=utf-8"
    policy = headers["Content-Security-Policy"]
    for directive in ("default-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"):
        assert directive in policy
    assert "unsafe" not in policy
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert [name for name in headers if name.lower().startswith("access-control-")] == []


def test_a_program_that_calls_in_the_clear_is_refused_and_a_reader_led_to_https(settings, office, nimes):
    settings.SECURE_SSL_REDIRECT = True
    browser = office("nimes")
    assert browser.get("/api/v1/schools").status_code == 403
    for path in ("/api/v1/documentation/", "/connexion/"):
        assert browser.get(path)["Location"] == f"https://nimes.peps.localhost{path}"


@pytest.mark.parametrize("path", ["/", "/admin/"])
def test_no_page_answers_a_trace(portal, path, db):
    assert portal.trace(path).status_code == 405


@pytest.mark.slow
def test_a_server_binds_its_cookies_to_the_host_by_name():
    """In a separate process: cookie names are read from the environment at start."""
    result = subprocess.run(  # noqa: S603 - our own interpreter and words
        [
            sys.executable,
            "-c",
            SETTINGS,
        ],
        cwd=ROOT,
        env=os.environ
        | {
            "SECURE": "True",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'platform'}",
            "DATABASE_URL": "postgresql://nobody@localhost/none",
        },
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert result.split() == ["__Host-session", "__Host-csrf", "True", "True", "True", "True", "None", "/"]
