"""A walk through the pages that open without an argument, at both widths."""

from __future__ import annotations

import importlib

import pytest
from django.urls import URLPattern, URLResolver
from django_tenants.utils import tenant_context

from accounts.models import Profile
from collectivities.models import Role
from tests.conftest import HostClient
from tests.e2e.looks import faults
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory

#: Pages that answer something other than a page: a redirection, data.
NO_PAGE = {"admin", "api", "school_search"}


def pages(urlconf: str) -> list[str]:
    """Return the addresses of the URL configuration that take no argument."""

    def walk(patterns, prefix=""):
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                if not (NO_PAGE & set(route.split("/"))):
                    yield from walk(pattern.url_patterns, route)
            elif isinstance(pattern, URLPattern) and "<" not in route and pattern.name not in NO_PAGE:
                yield f"/{route}"

    return sorted(set(walk(importlib.import_module(urlconf).urlpatterns)))


def assert_nothing_wrong(found: dict[str, list[str]]) -> None:
    """Fail with every fault of every page, so that one run tells it all."""
    told = "\n".join(f"{path}  {fault}" for path, wrong in found.items() for fault in wrong)
    assert not told, told


def opens(client: HostClient, path: str) -> bool:
    """Whether the page answers a reading visitor with a page of its own."""
    answer = client.get(path)
    return answer.status_code == 200 and answer["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_portal_s_pages_for_visitors(committing, site, width):
    visit, client, found = site.person(width=width), HostClient("peps.localhost"), {}
    for path in pages("config.urls_public"):
        if opens(client, path):
            visit.open(path)
            found[path] = faults(visit)
            visit.complaints.clear()
    assert len(found) >= 8
    assert_nothing_wrong(found)


@pytest.mark.parametrize("width", ["wide", "phone"])
@pytest.mark.parametrize("profile", [Profile.PRINCIPAL, Profile.TEACHER])
def test_the_portal_s_pages_for_who_has_signed_in(committing, site, width, profile):
    client = HostClient("peps.localhost")
    client.force_login(UserFactory(profile=profile))
    visit = site.person(width=width, session=client.session.session_key)
    _rename(client, f"peps.localhost:{site.port}")
    found = {}
    for path in pages("config.urls_public"):
        if path != "/deconnexion/":
            visit.open(path)
            found[path] = faults(visit)
            visit.complaints.clear()
    assert_nothing_wrong(found)


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_the_office_s_pages(committing, site, width):
    with tenant_context(committing):
        member = MemberFactory(roles=[Role.MANAGER, Role.BUYER, Role.DATA_OFFICER])
    client = HostClient("nimes.peps.localhost")
    client.force_login(member.user)
    visit = site.person(width=width, session=client.session.session_key, slug="nimes")
    _rename(client, f"nimes.peps.localhost:{site.port}")
    found = {}
    for path in pages("config.urls_tenant"):
        if path != "/deconnexion/":
            visit.open(path, slug="nimes")
            found[path] = faults(visit)
            visit.complaints.clear()
    assert_nothing_wrong(found)


def _rename(client: HostClient, host: str) -> None:
    """Say in the session that it was opened at the host with the server's port, as the browser's is."""
    session = client.session
    session["opened_at"] = host
    session.save()
