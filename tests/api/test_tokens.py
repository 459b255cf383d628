"""API tokens: their collectivity, expiry, allowed networks, scopes and rate limits."""

import datetime
import logging

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from accounts.models import User
from api import tokens
from api.models import Token, TokenScope
from tests.api.client import ApiClient, assert_problem, create_client, create_token
from tests.conftest import TERM
from tests.factories.accounts import UserFactory

SCHOOLS = "/schools"


def test_a_token_is_shown_once_and_kept_as_a_hash(nimes):
    made = create_token()
    assert made.secret.startswith("peps_api_")
    assert made.secret not in str(vars(Token.objects.get()))
    assert ApiClient(made.secret).get(SCHOOLS).status_code == 200
    assert Token.objects.get().hint == made.secret[:15]


def test_nobody_signs_in_as_a_token(nimes, portal):
    account = create_token().token.account
    with schema_context("public"):
        stored = User.objects.get(pk=account.pk)
    assert (stored.is_active, stored.has_usable_password(), stored.email, str(stored)) == (
        False, False, "", "Jeton « SI de la ville »"
    )  # fmt: skip
    portal.post("/connexion/", {"login": stored.username, "password": ""})
    assert "_auth_user_id" not in portal.session


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer peps_api_faux", "Basic dTpw", "Bearer a b", "Bearer é"])
def test_a_missing_or_malformed_token_is_refused(nimes, header):
    answer = ApiClient(None).get(SCHOOLS, Authorization=header)
    result = assert_problem(answer, 401, "invalid_token" if header.startswith("Bearer") else "not_authenticated")
    assert answer["WWW-Authenticate"] == 'Bearer realm="Pep\'s"'
    assert result["type"].endswith(f"#{result['code']}")


def test_a_session_does_not_authenticate_the_api(nimes, office):
    browser = office("nimes", UserFactory(is_superuser=True, is_staff=True))
    assert browser.get("/api/v1/schools").status_code == 401


def test_a_token_of_another_collectivity_is_refused(nimes, gard):
    assert_problem(ApiClient(create_token("gard").secret, "nimes").get(SCHOOLS), 401, "invalid_token")


def test_a_revoked_token_is_refused_at_once(nimes):
    made = create_token()
    asking = ApiClient(made.secret)
    asking.get(SCHOOLS)
    for _ in range(2):
        revoked = tokens.revoke(token_id=made.token.pk, by=None, at=TERM)
    assert revoked.revoked_at == TERM
    assert_problem(asking.get(SCHOOLS), 401, "token_revoked")


def test_an_expired_token_is_refused(nimes):
    made = create_token()
    Token.objects.update(
        created_at=timezone.now() - datetime.timedelta(days=2), expires_at=timezone.now() - datetime.timedelta(days=1)
    )
    assert_problem(ApiClient(made.secret).get(SCHOOLS), 401, "token_expired")


@pytest.mark.parametrize(
    ("networks", "address", "status"),
    [
        ([], "198.51.100.7", 200),
        (["203.0.113.0/24"], "203.0.113.9", 200),
        (["203.0.113.0/24"], "203.0.114.9", 403),
        (["2001:db8::/32", "192.0.2.7"], "192.0.2.7", 200),
        (["192.0.2.7"], "::ffff:192.0.2.7", 200),
        (["2001:db8::/32"], "2001:db8:1::1", 200),
        (["192.0.2.0/24"], "2001:db8::1", 403),
    ],
)
def test_a_token_is_accepted_from_its_networks_only(nimes, networks, address, status):
    answer = ApiClient(create_token(networks=networks).secret, REMOTE_ADDR=address).get(SCHOOLS)
    assert answer.status_code == status
    if status == 403:
        assert_problem(answer, 403, "network_not_allowed")


def test_each_method_requires_its_scope(nimes):
    asking = create_client(scopes=[TokenScope.ALLOCATE])
    assert "« Lire » (read)" in assert_problem(asking.get(SCHOOLS), 403, "insufficient_scope")["detail"]


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": "  "}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["read", "tout"]}),
        ("expires_at", {"expires_at": TERM}),
        ("expires_at", {"expires_at": TERM + datetime.timedelta(days=900)}),
        ("networks", {"networks": ["203.0.113.0/99"]}),
    ],
)
def test_invalid_token_settings_are_refused(nimes, field, wrong):
    right = {"name": "SI", "scopes": ["read"], "expires_at": TERM + datetime.timedelta(days=30)}
    with pytest.raises(tokens.InvalidTokenSettings) as refusal:
        tokens.create(**(right | wrong), by=None, at=TERM)
    assert refusal.value.field == field
    assert not Token.objects.exists()
    with schema_context("public"):
        assert not User.objects.exists()


def test_the_last_use_is_noted_to_the_minute(nimes):
    made = create_token()
    asking = ApiClient(made.secret, REMOTE_ADDR="192.0.2.7")
    asking.get(SCHOOLS)
    first = Token.objects.get()
    assert first.last_used_from == "192.0.2.7"
    asking.get(SCHOOLS)
    assert Token.objects.get().last_used_at == first.last_used_at


def test_requests_per_token_are_limited_and_the_quota_is_returned(nimes, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    asking, other = create_client(), create_client()
    answers = [asking.get(SCHOOLS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[0]["RateLimit-Policy"] == '"minute";q=2;w=60'
    assert answers[0]["RateLimit"].startswith('"minute";r=1;t=')
    assert answers[2]["RateLimit"].startswith('"minute";r=0;t=')
    assert_problem(answers[2], 429, "too_many_requests")
    assert 1 <= int(answers[2]["Retry-After"]) <= 60
    assert other.get(SCHOOLS).status_code == 200


def test_another_spelling_of_the_host_opens_no_second_quota(nimes, settings):
    settings.API_REQUESTS_PER_MINUTE = 2
    made = create_token()
    host = f"nimes.{settings.BASE_DOMAIN}"
    hosts = [host, f"{host}:80", f"{host}:8000", f"{host}:8443"]
    statuses = []
    for spelling in hosts:
        asking = ApiClient(made.secret)
        asking.client.defaults["HTTP_HOST"] = spelling
        statuses.append(asking.get(SCHOOLS).status_code)
    assert statuses == [200, 200, 429, 429]


@pytest.mark.slow
def test_guessing_tokens_is_limited_per_network_without_blocking_others(nimes):
    right = create_client()
    codes = [ApiClient("peps_api_faux").get(SCHOOLS).status_code for _ in range(61)]
    assert codes == [401] * 60 + [429]
    assert right.get(SCHOOLS).status_code == 200


def test_no_token_is_logged(nimes, caplog):
    made = create_token()
    with caplog.at_level(logging.DEBUG):
        ApiClient(made.secret).get(SCHOOLS)
        ApiClient(f"{made.secret}x").get(SCHOOLS)
        ApiClient(made.secret).get("/rien")
    assert made.secret[10:] not in caplog.text
