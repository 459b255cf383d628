"""NUL and oversize in every parameter, field, header and cookie of every page: a refusal in our dress, no breakdown."""

import pytest
from django.urls import reverse

from collectivities.capabilities import Role
from tests.access import routes, samples
from tests.access.routes import OFFICE_ROUTES
from tests.factories.accounts import TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.forms.submission import record_names
from tests.forms.walk import HOSTILE_VALUES, QUERY_LETTERS
from tests.tiers import sampled

#: Routes of pages; those of the API are walked in tests.api.
PORTAL_ROUTES = [
    route for route in routes.list_routes(routes.PORTAL) if route.name not in ("application_entry", "stripe_webhook")
]
PUBLIC_OFFICE_ROUTES = [
    route
    for route in routes.list_routes(routes.OFFICE)
    if not route.name.startswith("api:") and route not in OFFICE_ROUTES
]


def route_id(route):
    return route.name


@pytest.fixture
def visit(request, portal, office, nimes):
    """Returns the browser and the URL of a route."""

    def at(route, urlconf):
        if urlconf == routes.PORTAL:
            portal.force_login(TeacherFactory())
            browser = portal
        else:
            browser = office("nimes", MemberFactory(roles=list(Role.values)).user)
        arguments = dict.fromkeys(route.arguments, 1)
        if route in OFFICE_ROUTES and route.arguments:
            arguments = samples.SAMPLES[route.name]()
        return browser, reverse(route.name, urlconf=urlconf, kwargs=arguments or None)

    return at


def is_refused(answer):
    return answer.status_code == 400 and "Cette demande n’a pas été comprise" in answer.content.decode()


EVERY_ROUTE = [
    *((routes.PORTAL, route) for route in PORTAL_ROUTES),
    *((routes.OFFICE, route) for route in [*OFFICE_ROUTES, *PUBLIC_OFFICE_ROUTES]),
]


#: Posted by mail programs, without a cookie: their fields are compared, and never kept.
OPEN_TO_PROGRAMS = {"letter_stop", "reminder_stop"}


def for_each(pairs):
    """Run a test for each of these pairs of a URL configuration and a route of it."""
    return pytest.mark.parametrize(
        ("urlconf", "route"), sampled(pairs), ids=[f"{urlconf[-6:]}-{route.name}" for urlconf, route in pairs]
    )


@for_each(EVERY_ROUTE)
def test_a_nul_is_refused_wherever_it_stands(urlconf, route, portal, office, nimes):
    """Before the page is asked, so that nothing need be there to be shown, nor anybody signed in."""
    browser = portal if urlconf == routes.PORTAL else office("nimes")
    url = reverse(route.name, urlconf=urlconf, kwargs=dict.fromkeys(route.arguments, 1) or None)
    assert is_refused(browser.get(url, {"q": "a\x00b"}))
    assert is_refused(browser.get(url, {"q\x00": "a"}))
    assert is_refused(browser.get(url, headers={"X-Something": "a\x00b"}))
    if route.name in OPEN_TO_PROGRAMS:
        return
    assert is_refused(browser.post(url, {"name": "a\x00b"}))
    assert is_refused(browser.post(url, {"name\x00": "a"}))
    assert is_refused(browser.post(url, {"name": ["a", "b\x00"]}, headers={"HX-Request": "true"}))
    assert is_refused(browser.post(url, "name=a%00b", content_type="application/x-www-form-urlencoded"))
    cookies = "; ".join([browser.cookies.output(attrs=[], header="", sep=";").strip(), r'theme="a\000b"'])
    assert is_refused(browser.get(url, HTTP_COOKIE=cookies))


@for_each(EVERY_ROUTE)
def test_what_is_too_long_or_too_large_breaks_no_page(urlconf, route, visit):
    browser, url = visit(route, urlconf)
    # What the view reads is learned by asking it.
    for method in ("get", "post"):
        send = getattr(browser, method)
        with record_names(browser) as names:
            send(url)
        for name in sorted(names - {"csrfmiddlewaretoken"}):
            for hostile in HOSTILE_VALUES:
                answer = send(url, {name: hostile[:QUERY_LETTERS] if method == "get" else hostile})
                assert answer.status_code < 500, (method, name, hostile[:9])


@for_each([(urlconf, route) for urlconf, route in EVERY_ROUTE if route.arguments])
def test_a_number_in_the_address_that_no_column_holds_breaks_no_page(urlconf, route, visit):
    browser, _ = visit(route, urlconf)
    for hostile in ("9" * 40, "é" * 2_000):
        url = "/" + route.route
        for name in route.arguments:
            for kind in ("int:", "str:", "slug:", "uuid:", ""):
                url = url.replace(f"<{kind}{name}>", hostile)
        if "<" not in url and "(?P" not in url:
            assert browser.get(url).status_code < 500
            assert browser.post(url).status_code < 500


@pytest.mark.parametrize("path", ["/admin/accounts/user/", "/admin/rechercher/", "/admin/entitlements/activationkey/"])
def test_the_admin_refuses_a_nul_as_well(path, portal):
    portal.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert is_refused(portal.get(path, {"q": "a\x00b"}))
    assert is_refused(portal.post(path, {"query": "a\x00b"}))


@pytest.mark.slow
@pytest.mark.parametrize("value", HOSTILE_VALUES)
def test_a_form_of_too_many_fields_is_refused_in_our_dress(portal, value, db):
    answer = portal.post("/connexion/", {f"name{number}": "1" for number in range(2_000)})
    assert is_refused(answer)
    assert portal.post("/connexion/", {"login": value * 200, "password": "x"}).status_code in (200, 400)
