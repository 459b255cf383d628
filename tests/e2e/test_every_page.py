"""Check every page whose URL takes no argument, at both widths."""

import importlib
import re
from collections.abc import Iterable

import pytest
from django.urls import URLPattern, URLResolver
from django_tenants.utils import tenant_context

from accounts.models import Profile
from collectivities.capabilities import Role
from tests.e2e.page_checks import assert_no_problems, find_problems_at_both_widths
from tests.e2e.site import Site
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.host_client import HostClient

#: URLs that answer something else than a page: a redirect, data, a fragment.
NO_PAGE = {"admin", "api", "school_choices", "my_account_licences"}
SIGNING_OUT = "/deconnexion/"
PORTAL, OFFICE = "config.urls_public", "config.urls_tenant"


def pages(urlconf: str) -> list[str]:
    """Return the addresses of the URL configuration that take no argument."""

    def routes(patterns, prefix=""):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                if not (NO_PAGE & set(route.split("/"))):
                    yield from routes(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and "<" not in route and pattern.name not in NO_PAGE:
                yield f"/{route}"

    return sorted(set(routes(importlib.import_module(urlconf).urlpatterns)))


def content(client: HostClient, path: str) -> str | None:
    """Return the main content of the page; None where the URL answers no page.

    Without what differs at each answer: the token of its forms.
    """
    answer = client.get(path)
    if answer.status_code != 200 or not answer["Content-Type"].startswith("text/html"):
        return None
    main = answer.content.decode().partition("<main")[2].partition("</main>")[0]
    if not main:
        # A letter, for a frame: no script runs there, so no check can.
        return None
    return re.sub(r'name="csrfmiddlewaretoken" value="[^"]*"', "", main)


def contents(client: HostClient, urlconf: str) -> dict[str, str]:
    """Return the content of each page the client may open, by URL."""
    found = ((path, content(client, path)) for path in pages(urlconf) if path != SIGNING_OUT)
    return {path: main for path, main in found if main is not None}


def walk(site: Site, client: HostClient, paths: Iterable[str], *, slug: str = "") -> dict[str, list[str]]:
    """Open the pages in a browser with the client's session; return their problems at both widths, by page.

    The session is first told that it was opened at the host with the server's port, as the browser's is.
    """
    key = client.session.session_key or ""
    if key:
        session = client.session
        session["host"] = f"{client.host}:{site.port}"
        session.save()
    visit = site.person(session=key, slug=slug)
    found = {}
    for path in paths:
        visit.open(path, slug=slug)
        found[path] = find_problems_at_both_widths(visit)
        visit.complaints.clear()
    return found


@pytest.mark.journey
def test_the_portal_s_pages_for_visitors(committing, site):
    visitor = HostClient("peps.localhost")
    paths = contents(visitor, PORTAL)
    assert len(paths) >= 12
    assert_no_problems(walk(site, visitor, paths))


def test_the_portal_s_pages_for_who_has_signed_in(committing, site):
    """Pages that differ between visitor and principal, then those that differ again for a teacher."""
    seen = set(contents(HostClient("peps.localhost"), PORTAL).items())
    for profile in (Profile.PRINCIPAL, Profile.TEACHER):
        client = HostClient("peps.localhost")
        client.force_login(UserFactory(profile=profile))
        new = set(contents(client, PORTAL).items()) - seen
        assert "/mon-compte/" in {path for path, _ in new}
        assert_no_problems(walk(site, client, sorted(path for path, _ in new)))
        seen |= new


def test_the_office_s_pages(committing, site):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.MANAGER, Role.BUYER, Role.DATA_OFFICER])
    client = HostClient("nimes.peps.localhost")
    client.force_login(member.user)
    paths = contents(client, OFFICE)
    assert len(paths) >= 8
    assert_no_problems(walk(site, client, paths, slug="nimes"))
