"""Every API route × every scope × every token that must be refused, from the URL configuration.

A new endpoint is covered by existing; one with arguments needs a sample object.
"""

import datetime

import pytest
from django.utils import timezone

from api import tokens
from api.models import Token, TokenScope
from tests.access import routes
from tests.api.client import ApiClient, assert_problem, create_token
from tests.api.routes import API_ROUTES, VERBS, WRITES
from tests.api.samples import SAMPLES
from tests.tiers import sampled

every_route = pytest.mark.parametrize("route", sampled(API_ROUTES), ids=str)


def send_request(route, secret, slug="nimes", kwargs=None, **defaults):
    body = {} if route.method in WRITES else None
    return ApiClient(secret, slug, **defaults).request(route.method, route.path(kwargs), body)


def test_every_address_of_the_api_is_in_the_table():
    named = {route.name for route in routes.list_routes(routes.OFFICE) if route.label == "api: token"} - {
        "api:not_found"
    }
    assert named == {route.name for route in API_ROUTES}
    assert {route.name for route in API_ROUTES if route.arguments} <= set(SAMPLES)


@pytest.mark.parametrize("name", sampled(sorted({route.name for route in API_ROUTES})))
def test_a_url_allows_exactly_the_methods_that_have_a_scope(name, nimes):
    there = [route for route in API_ROUTES if route.name == name]
    methods = {route.method for route in there}
    client = ApiClient(create_token(scopes=TokenScope.values).secret)
    for method in set(VERBS) - methods:
        answer = client.request(method, there[0].path(), {} if method in WRITES else None)
        assert_problem(answer, 405, "method_not_allowed")
        assert {*answer["Allow"].split(", ")} - {"HEAD"} == methods


@pytest.mark.parametrize("route", sampled([route for route in API_ROUTES if route.method == "POST"]), ids=str)
def test_every_post_reads_an_idempotency_key(route, nimes):
    """What it does with one: see `test_idempotency`."""
    secret = create_token(scopes=[route.scope]).secret
    assert_problem(send_request(route, secret, HTTP_IDEMPOTENCY_KEY="two words"), 400, "invalid_idempotency_key")


@every_route
def test_a_missing_or_unknown_token_is_refused(route, nimes, gard):
    for secret in (None, "peps_api_faux", create_token("gard", scopes=TokenScope.values).secret):
        answer = send_request(route, secret)
        assert_problem(answer, 401, "not_authenticated" if secret is None else "invalid_token")


@every_route
def test_revoked_expired_and_foreign_tokens_are_refused(route, nimes):
    revoked, expired, elsewhere = create_token(), create_token(), create_token(networks=["203.0.113.0/24"])
    tokens.revoke(token_id=revoked.token.pk, by=None, at=timezone.now())
    long_ago = timezone.now() - datetime.timedelta(days=2)
    Token.objects.filter(pk=expired.token.pk).update(
        created_at=long_ago, expires_at=long_ago + datetime.timedelta(days=1)
    )
    assert_problem(send_request(route, revoked.secret), 401, "token_revoked")
    assert_problem(send_request(route, expired.secret), 401, "token_expired")
    assert_problem(send_request(route, elsewhere.secret, REMOTE_ADDR="203.0.114.1"), 403, "network_not_allowed")


@pytest.mark.slow
@every_route
def test_only_the_declared_scope_is_accepted(route, nimes):
    others = [scope for scope in TokenScope if scope != route.scope]
    for scope in others:
        assert_problem(send_request(route, create_token(scopes=[scope]).secret), 403, "insufficient_scope")
    assert_problem(send_request(route, create_token(scopes=others).secret), 403, "insufficient_scope")
    assert send_request(route, create_token(scopes=[route.scope]).secret).status_code not in (401, 403)
