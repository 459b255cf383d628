"""Every address of the API × every scope × every token that must not pass. Read off the URL configuration.

A new endpoint is in this table by standing there; one that names a thing needs a sample of it.
"""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context

from api import tokens
from api.models import Token
from api.scopes import Scope
from tests.access import doors
from tests.api.program import Program, refused, token
from tests.api.samples import NOBODYS, SAMPLES
from tests.api.ways import WAYS

WRITES = ("POST", "PUT", "PATCH", "DELETE")
WITH_A_THING = [way for way in WAYS if way.wants and not NOBODYS & {way.name, str(way)}]
every_way = pytest.mark.parametrize("way", WAYS, ids=str)


def asked(way, secret, slug="nimes", kwargs=None, **defaults):
    body = {} if way.method in WRITES else None
    return Program(secret, slug, **defaults).ask(way.method, way.path(kwargs), body)


def test_every_address_of_the_api_is_in_the_table():
    named = {door.name for door in doors.doors(doors.OFFICE) if door.label == "api: token"} - {"api:nowhere"}
    assert named == {way.name for way in WAYS}
    assert {way.name for way in WAYS if way.wants} <= set(SAMPLES)


@every_way
def test_an_address_answers_the_methods_that_it_names_a_scope_for(way):
    assert way.method == "DELETE" or callable(getattr(way.view, way.method.lower()))
    unnamed = {"GET", *WRITES} - set(way.view.scopes)
    assert not [method for method in unnamed if hasattr(way.view, method.lower())]


@every_way
def test_what_is_posted_twice_under_one_key_is_done_once(way):
    """Each POST keeps its answers; `test_remembering` says what that is."""
    if way.method == "POST":
        assert way.view.post.is_repeatable


@every_way
def test_no_token_and_no_token_of_ours_pass(way, nimes, gard):
    for secret in (None, "peps_api_faux", token("gard", scopes=Scope.values).secret):
        answer = asked(way, secret)
        refused(answer, 401, "not_authenticated" if secret is None else "invalid_token")


@every_way
def test_a_revoked_an_expired_and_a_foreign_token_do_not_pass(way, nimes):
    revoked, expired, elsewhere = token(), token(), token(networks=["203.0.113.0/24"])
    tokens.revoke(token_id=revoked.token.pk, by=None, at=timezone.now())
    long_ago = timezone.now() - datetime.timedelta(days=2)
    Token.objects.filter(pk=expired.token.pk).update(
        created_at=long_ago, expires_at=long_ago + datetime.timedelta(days=1)
    )
    refused(asked(way, revoked.secret), 401, "token_revoked")
    refused(asked(way, expired.secret), 401, "token_expired")
    refused(asked(way, elsewhere.secret, REMOTE_ADDR="203.0.114.1"), 403, "network_not_allowed")


@every_way
def test_the_scope_that_is_named_passes_and_all_the_others_do_not(way, nimes):
    others = [scope for scope in Scope if scope != way.scope]
    for scope in others:
        refused(asked(way, token(scopes=[scope]).secret), 403, "scope_missing")
    refused(asked(way, token(scopes=others).secret), 403, "scope_missing")
    assert asked(way, token(scopes=[way.scope]).secret).status_code not in (401, 403)


@pytest.mark.parametrize("way", WITH_A_THING, ids=str)
def test_a_thing_of_another_collectivity_is_not_there(way, nimes, gard):
    with tenant_context(gard):
        theirs = SAMPLES[way.name]()
    refused(asked(way, token(scopes=[way.scope]).secret, kwargs=theirs), 404, "not_found")
    assert asked(way, token("gard", scopes=[way.scope]).secret, "gard", kwargs=theirs).status_code != 404
