"""A walk through the pages that open without an argument, at both widths."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import pytest
from django.urls import URLPattern, URLResolver
from django_tenants.utils import tenant_context

from accounts.models import Profile
from collectivities.models import Role
from tests.conftest import HostClient
from tests.e2e.looks import faults
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory

if TYPE_CHECKING:
    from tests.e2e.conftest import Site

#: Pages that answer something other than a page: a redirection, data.
NO_PAGE = {"admin", "api", "school_search", "school_choices"}
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


def assert_nothing_wrong(found: dict[str, list[str]]) -> None:
    """Fail with every fault of every page, so that one run tells it all."""
    told = "\n".join(f"{path}  {fault}" for path, wrong in found.items() for fault in wrong)
    assert not told, told


def opens(client: HostClient, path: str) -> bool:
    """Whether the page answers a reading visitor with a page of its own."""
    answer = client.get(path)
    return answer.status_code == 200 and answer["Content-Type"].startswith("text/html")


def walk(site: Site, client: HostClient, *, urlconf: str, width: str, slug: str = "") -> dict[str, list[str]]:
    """Open every page that answers the client, in a browser with the client's session; return what is wrong, by page.

    The session is first told that it was opened at the host with the server's port, as the browser's is.
    """
    paths = [path for path in pages(urlconf) if path != SIGNING_OUT and opens(client, path)]
    key = client.session.session_key or ""
    if key:
        session = client.session
        session["opened_at"] = f"{client.host}:{site.port}"
        session.save()
    visit = site.person(width=width, session=key, slug=slug)
    found = {}
    for path in paths:
        visit.open(path, slug=slug)
        found[path] = faults(visit)
        visit.complaints.clear()
    return found


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_portal_s_pages_for_visitors(committing, site, width):
    found = walk(site, HostClient("peps.localhost"), urlconf=PORTAL, width=width)
    assert len(found) >= 12
    assert_nothing_wrong(found)


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("profile", [Profile.PRINCIPAL, Profile.TEACHER])
def test_the_portal_s_pages_for_who_has_signed_in(committing, site, width, profile):
    client = HostClient("peps.localhost")
    client.force_login(UserFactory(profile=profile))
    assert_nothing_wrong(walk(site, client, urlconf=PORTAL, width=width))


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_office_s_pages(committing, site, width):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.MANAGER, Role.BUYER, Role.DATA_OFFICER])
    client = HostClient("nimes.peps.localhost")
    client.force_login(member.user)
    found = walk(site, client, urlconf=OFFICE, width=width, slug="nimes")
    assert len(found) >= 8
    assert_nothing_wrong(found)
