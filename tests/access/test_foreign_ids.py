"""Every id of one office, asked for by everybody of another: refused, nothing shown, nothing changed.

Addresses and their arguments are read from the URL configurations, ids from the rows of every model; parameters and
fields from what the views read, the forms that the pages show and the description of the API. What is new is asked
for by itself, or fails here by name.
"""

import re
from functools import partial

import pytest
from django.conf import settings
from django.db import IntegrityError, transaction
from django_filters import FilterSet
from django_tenants.utils import tenant_context

from collectivities.capabilities import Role
from core.connections import connection
from tests.access import routes, samples
from tests.access.filled_office import FIRST_ID, FIRST_ID_OF_OTHERS, NOBODYS_FIRST_ID, FilledOffice, Ids
from tests.access.foreign_fields import ForeignFields, iter_api_requests
from tests.access.foreign_ids import Asker, Askers, ForeignIds, render_error_pages_once
from tests.access.routes import OFFICE, OFFICE_ROUTES, PORTAL
from tests.api import samples as api_samples
from tests.api.client import ApiClient, create_token
from tests.api.routes import API_ROUTES
from tests.cluster import one_server
from tests.factories.accounts import enable_second_factor
from tests.factories.collectivities import MemberFactory
from tests.forms import test_office_forms as pages
from tests.requests.asking_school import AskingSchool

# Two users in one transaction.
pytestmark = one_server

#: Addresses whose answer may be any: what they name belongs to no office.
PUBLIC = samples.PUBLIC_OBJECTS | {
    "terms_of_sale_version", "account_confirm_email",
    # Of an e-mailed link: without its token, a page that asks for it.
    "invitation", "invitation_sign_out", "principal_verification", "teacher_invitation",
}  # fmt: skip
#: Addresses that hold a signature, by which whoever has the e-mail may stop it, at its own office alone.
SIGNED = {"letter_stop"}
#: Addresses that no row of an office has arguments for, with the reason.
WITHOUT_IDS = {"account_reset_password_from_key": "an account and its token, in one address"}
#: Statuses of pages that say nothing of what was asked for, the absence of which is a redirect at the portal.
ABSENT = {404, 405, 410}


def list_named(urlconf):
    """Return the routes that name something, but those of the API."""
    named = [one for one in routes.list_routes(urlconf) if one.arguments and one.label != "api: token"]
    return [one for one in named if one.name not in WITHOUT_IDS]


@pytest.fixture
def theirs(gard, monkeypatch):
    render_error_pages_once(monkeypatch)
    return FilledOffice(gard, FIRST_ID)


@pytest.fixture
def walk(theirs, nimes):
    """The walk; what Nîmes has is made after it, with other ids."""
    return ForeignIds(theirs, nimes)


def report(walk, what):
    print(f"{walk.probes} probes of {what} with {len(walk.ids.numbers)} numbers and {len(walk.ids.texts)} texts")  # noqa: T201
    assert not walk.faults, "\n".join(walk.faults)


def ask_at_office(walk, askers, route, urls):
    """Ask at the office of the askers, and at the office whose ids they are."""
    is_of_office = (route.label or "").startswith("office")
    for asker in askers.at_office:
        if not is_of_office or not route.roles or asker.role in route.roles:
            walk.ask_everything(asker, urls, None if route.name in PUBLIC else ABSENT)
        else:
            walk.ask_once(asker, urls, {403})
    for host in (askers.office_host, walk.theirs.collectivity.office_host):
        for asker in askers.list_others(host):
            closed = {302} if "nobody" in asker.name and route.label != "public" else ABSENT
            is_signed = route.name in SIGNED and host == walk.theirs.collectivity.office_host
            is_open = is_signed or (route.name in PUBLIC and not is_of_office)
            walk.ask_once(asker, urls, None if is_open else closed)


def list_opened(ids, browser):
    """Return by route of an office the addresses that a member of it opens: what no row has would prove nothing."""
    opened = {}
    for route in OFFICE_ROUTES:
        if route.arguments and route.name not in samples.PUBLIC_OBJECTS:
            urls = ids.list_urls(route.name, OFFICE)
            opened[route.name] = [url for url in urls if opens(partial(browser.get, url), partial(browser.post, url))]
    return opened


def test_a_webhook_of_an_office_is_not_found_by_a_manager_of_another(gard, nimes):
    walk = ForeignIds(FilledOffice(gard, FIRST_ID, makers=[samples.webhook]), nimes)
    manager = Asker.at(nimes.office_host, "a manager", MemberFactory(roles=[Role.MANAGER]).user)
    for route in OFFICE_ROUTES:
        if route.name in ("webhooks:detail", "webhooks:remove"):
            walk.ask_everything(manager, walk.ids.list_urls(route.name, OFFICE), ABSENT)
    report(walk, "two addresses")


@pytest.mark.slow
def test_the_walk_has_a_row_of_every_model_and_marks_its_texts(theirs):
    assert theirs.list_empty_models() == []
    assert theirs.mark_texts() == []


@pytest.mark.slow
def test_no_address_of_an_office_shows_or_changes_what_another_has(theirs, office, nimes):
    ids = Ids(theirs)
    with tenant_context(theirs.collectivity):
        own_member = MemberFactory(roles=list(Role.values)).user
    opened = list_opened(ids, office("gard", own_member))
    assert [name for name, urls in opened.items() if not urls] == []
    walk = ForeignIds(theirs, nimes, ids)
    FilledOffice(nimes, FIRST_ID_OF_OTHERS)
    askers = Askers(nimes)
    for route in list_named(OFFICE):
        urls = opened.get(route.name) or ids.list_urls(route.name, OFFICE)
        assert urls, f"{route.name}: no row of an office has its arguments"
        make = samples.SAMPLES.get(route.name)
        mixed = ids.list_mixed_urls(route.name, OFFICE, make()) if make and len(route.arguments) > 1 else []
        ask_at_office(walk, askers, route, [*urls, *mixed])
    report(walk, "addresses of offices")


@pytest.mark.slow
def test_no_address_of_the_portal_shows_or_changes_what_an_office_has(walk, nimes):
    askers = Askers(nimes)
    for route in list_named(PORTAL):
        urls = walk.ids.list_urls(route.name, PORTAL)
        assert urls, f"{route.name}: no row of an office has its arguments"
        for asker in askers.list_others(settings.BASE_DOMAIN):
            refusals = None if route.name in PUBLIC else ABSENT | {302}
            if "principal" in asker.name or "teacher" in asker.name:
                walk.ask_everything(asker, urls, refusals)
            else:
                walk.ask_once(asker, urls, {302} if "nobody" in asker.name and route.label != "public" else refusals)
    report(walk, "addresses of the portal")


@pytest.mark.slow
def test_no_token_of_another_office_reads_or_changes_what_an_office_has(theirs, nimes):
    foreign, ids = create_token("gard").secret, Ids(theirs)
    unopened = list_unopened_in_api(ids, ApiClient(foreign, "gard"))
    assert unopened == []
    walk = ForeignIds(theirs, nimes, ids)
    own = create_token().secret
    for route in API_ROUTES:
        sample = api_samples.SAMPLES[route.name]() if route.arguments else None
        if route.arguments:
            ask_api(walk, route, sample, own=own, foreign=foreign)
        for what, send in iter_api_requests(ApiClient(own), route, route.path(sample)):
            walk.compare(f"{route}, {what}", partial(send, FIRST_ID), partial(send, NOBODYS_FIRST_ID))
    report(walk, "addresses, parameters and bodies of the API")


def ask_api(walk, route, sample, *, own, foreign):
    urls = walk.ids.list_urls(route.name, OFFICE)
    if len(route.arguments) > 1:
        urls += walk.ids.list_mixed_urls(route.name, OFFICE, sample)
    is_public = bool(api_samples.PUBLIC_OBJECTS & {route.name, str(route)})
    body = None if route.method == "GET" else {}

    def send(secret, slug, url):
        return lambda: ApiClient(secret, slug).request(route.method, url.removeprefix("/api/v1"), body)

    for url in urls:
        walk.ask(f"{route.method} {url}", send(own, "nimes", url), None if is_public else {404})
    for secret, slug in ((foreign, "nimes"), (own, "gard"), (None, "gard")):
        walk.ask(f"{route.method} {urls[-1]} at {slug}", send(secret, slug, urls[-1]), {401})


def list_unopened_in_api(ids, client):
    """Return the routes with an id that none of an office's ids opens for its own token."""
    unopened = []
    for route in API_ROUTES:
        paths = [url.removeprefix("/api/v1") for url in ids.list_urls(route.name, OFFICE)] if route.arguments else []
        body = None if route.method == "GET" else {}
        if paths and not any(opens(partial(client.request, route.method, path, body)) for path in paths):
            unopened.append(str(route))
    return unopened


@pytest.fixture
def member(walk, office):
    """A browser of a member with every role, of an office whose rows are made after the walk's."""
    user = MemberFactory(roles=list(Role.values)).user
    enable_second_factor(user)
    return office("nimes", user)


def test_a_request_to_an_office_is_not_answered_by_another(gard, nimes, office):
    walk = ForeignIds(FilledOffice(gard, FIRST_ID, makers=[api_samples.licence_request]), nimes)
    AskingSchool().ask(units=1)
    fields = ForeignFields(walk)
    fields.open(office("nimes", MemberFactory(roles=[Role.MANAGER]).user), "/demandes/")
    report(walk, "the fields of a page")
    assert ("requests:decide", "demandes") in fields.asked


@pytest.mark.slow
def test_no_parameter_or_field_of_an_office_takes_what_another_has(walk, portal, member, nimes):
    """Parameters are those that the views read, fields those of the forms that the pages show."""
    fields = ForeignFields(walk)
    officer = MemberFactory(roles=[Role.DATA_OFFICER]).user
    pages.walk_office(fields, portal, member, officer, nimes)
    for route in OFFICE_ROUTES:
        fields.ask_parameters(member, routes.build_url(route, samples.SAMPLES[route.name]() if route.arguments else {}))
    report(walk, f"{len(fields.asked)} parameters and fields")
    read = {name for _, name in fields.asked}
    assert {f"?{name}" for one in list_page_filters() for name in one.get_filters()} <= read


@pytest.mark.slow
def test_no_field_of_a_renewal_takes_what_another_has(gard, nimes, office):
    walk = ForeignIds(FilledOffice(nimes, FIRST_ID), gard)
    pages.walk_renewal(ForeignFields(walk), office)
    report(walk, "parameters and fields of a renewal")


def list_page_filters():
    """Return the filters of the project's pages: those of the API are in its description."""
    return [one for one in FilterSet.__subclasses__() if not re.search(r"^django_filters|(\b|_)api\b", one.__module__)]


def opens(*sends):
    """Return whether the office has what the address names, by the first way that is allowed; undo what it did."""
    for send in sends:
        current = connection.tenant
        try:
            with transaction.atomic():
                answer = send()
                transaction.set_rollback(True)
        except IntegrityError:
            # It was found: a pool of the factories counts none of its allocations.
            return True
        finally:
            connection.set_tenant(current)
        assert answer.status_code < 500
        if answer.status_code != 405:
            return answer.status_code not in (401, 403, 404, 410)
    return False
