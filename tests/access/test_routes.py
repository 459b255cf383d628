"""Every route of the portal and of an office: who may open it. Isolation between offices: `test_foreign_ids`.

The routes are read from both URL configurations: a new view fails here until `tests.access.policies` lists it.
"""

import pytest
from django.core.exceptions import PermissionDenied
from django.urls import reverse
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from tests.access import policies, routes, samples
from tests.access.routes import OFFICE_ROUTES, build_url
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory
from tests.tiers import sampled
from web.access import public_page
from web.middleware import AccessPolicyMiddleware

WITH_ARGUMENTS = [route for route in OFFICE_ROUTES if route.arguments]
SIGNED_IN_ROUTES = [
    (urlconf, route)
    for urlconf in (routes.PORTAL, routes.OFFICE)
    for route in routes.list_routes(urlconf)
    if route.label == "signed in"
]
PUPIL_ROUTES = [route for route in routes.list_routes(routes.PORTAL) if route.label == "pupil"]


def route_id(route):
    return route.name if isinstance(route, routes.Route) else str(route)


def sample_kwargs(route):
    return samples.SAMPLES[route.name]() if route.arguments else {}


@pytest.mark.parametrize(
    ("urlconf", "expected"),
    [(routes.PORTAL, policies.PORTAL), (routes.OFFICE, policies.OFFICE)],
    ids=["portal", "office"],
)
def test_every_view_has_its_expected_policy(urlconf, expected):
    # Routes of the API are tested in tests.api.test_routes.
    actual = {name: route.label for name, route in routes.list_named_routes(urlconf) if route.label != "api: token"}
    assert actual == expected


def test_a_view_without_a_policy_is_open_to_nobody(rf):
    def unguarded(_request):
        raise AssertionError("The view ran.")

    middleware = AccessPolicyMiddleware(unguarded)
    request = rf.get("/")
    request.resolver_match = None
    with pytest.raises(PermissionDenied):
        middleware.process_view(request, unguarded, (), {})
    assert middleware.process_view(request, public_page(unguarded), (), {}) is None


def test_every_route_with_arguments_has_a_sample_object():
    assert {route.name for route in WITH_ARGUMENTS} - set(samples.SAMPLES) == set()


@pytest.mark.slow
@pytest.mark.parametrize("route", sampled(OFFICE_ROUTES, fast=12), ids=route_id)
def test_an_office_s_route_opens_to_the_roles_it_names_and_to_nobody_else(route, office, nimes, gard):
    """No answer of an office is stored by a browser or a cache either."""
    url = build_url(route, sample_kwargs(route))
    assert_asked_to_sign_in(office("nimes").get(url))
    with tenant_context(gard):
        stranger = MemberFactory(roles=list(Role.values)).user
    former = MemberFactory(roles=list(Role.values), left_at="2026-11-01T00:00:00Z").user
    for user, method in ((stranger, "get"), (stranger, "post"), (former, "get")):
        assert getattr(office("nimes", user), method)(url).status_code in (403, 404)
    for role in Role.values:
        browser = office("nimes", MemberFactory(roles=[role]).user)
        answer = browser.get(url)
        assert "no-store" in answer.get("Cache-Control", ""), answer.status_code
        if not route.roles or role in route.roles:
            assert answer.status_code not in (401, 403, 404)
            assert answer.status_code < 500
            assert not answer.headers.get("Location", "").startswith("/connexion/")
        else:
            assert answer.status_code == 403
            assert browser.post(url).status_code == 403
    browser = office("nimes", MemberFactory(roles=list(Role.values)).user)
    for headers in ({"HX-Request": "true"}, {}):
        answer = browser.post(url, headers=headers)
        assert "no-store" in answer.get("Cache-Control", ""), answer.status_code


def assert_asked_to_sign_in(answer):
    assert answer.status_code in (302, 401, 403)
    if answer.status_code == 302:
        assert answer["Location"].startswith("/connexion/?next=")


@pytest.mark.parametrize(("urlconf", "route"), sampled(SIGNED_IN_ROUTES), ids=route_id)
def test_routes_for_signed_in_users_are_closed_to_visitors(urlconf, route, portal, office, nimes):
    browser = portal if urlconf == routes.PORTAL else office("nimes")
    kwargs = dict.fromkeys(route.arguments, 1) or None
    assert_asked_to_sign_in(browser.get(reverse(route.name, urlconf=urlconf, kwargs=kwargs)))


@pytest.mark.parametrize("route", PUPIL_ROUTES, ids=route_id)
def test_routes_for_pupils_are_closed_to_visitors_and_users(route, portal):
    for user in (None, UserFactory(is_superuser=True, is_staff=True)):
        if user is not None:
            portal.force_login(user)
        answer = portal.get(build_url(route, urlconf=routes.PORTAL))
        assert (answer.status_code, answer["Location"]) == (302, "/eleve/")


def test_a_user_without_any_membership_gets_a_404(office, nimes):
    assert office("nimes", UserFactory()).get("/").status_code == 404


@pytest.mark.parametrize("path", ["/ecoles/%00/", "/ecoles/%00/contact/", "/attributions/attribuer/?ecole=%00"])
def test_a_nul_in_the_url_is_a_400(path, office, nimes):
    """PostgreSQL text cannot hold a NUL: it would raise an error."""
    assert office("nimes", MemberFactory(roles=list(Role.values)).user).get(path).status_code == 400
