"""Whoever writes rows as the application, but has none of its keys, gives nobody a second factor or a session."""

from importlib import import_module
from types import SimpleNamespace

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from accounts import second_factor
from accounts.known_origins import Origin
from accounts.models import EnrolmentCode
from accounts.sessions import Session, SessionStore
from core.links import hash_token
from tests.accounts.emails import mark_reauthenticated, sign_in
from tests.accounts.software_passkey import SoftwarePasskey
from tests.factories.accounts import (
    OperatorFactory,
    PrincipalFactory,
    TeacherFactory,
    enable_second_factor,
    get_totp_code,
)
from tests.host_client import HostClient
from tests.html import read_json_script

ADD, CODE = "/securite/cles/ajouter/", "/securite/code/"


@pytest.fixture
def operator(can_sign_in):
    return can_sign_in(OperatorFactory())


def is_signed_in(browser):
    return "_auth_user_id" in browser.session


def move_factors(source, target):
    """Give an account another's factors, as one UPDATE does."""
    Authenticator.objects.filter(user=target).delete()
    Authenticator.objects.filter(user=source).update(user=target)


def test_the_application_of_another_account_is_refused(portal, operator):
    own, others = enable_second_factor(operator), PrincipalFactory()
    sign_in(portal, operator)
    portal.post(CODE, {"code": get_totp_code(own)})
    assert is_signed_in(portal)
    portal.logout()
    secret = enable_second_factor(others)
    move_factors(others, operator)
    sign_in(portal, operator)
    answer = portal.post(CODE, {"code": get_totp_code(secret)})
    assert "n’est pas le bon" in answer.content.decode()
    assert not is_signed_in(portal)


def test_the_recovery_codes_of_another_account_are_refused(portal, operator):
    enable_second_factor(operator)
    others = PrincipalFactory()
    enable_second_factor(others)
    code = Authenticator.objects.get(user=others, type="recovery_codes").wrap().get_unused_codes()[0]
    move_factors(others, operator)
    sign_in(portal, operator)
    portal.post(CODE, {"code": code})
    assert not is_signed_in(portal)


@pytest.mark.slow
def test_the_passkey_of_another_account_is_refused(portal, operator):
    others, passkey = PrincipalFactory(), SoftwarePasskey()
    portal.force_login(others)
    mark_reauthenticated(portal, others)
    options = read_json_script(portal.get(ADD).content.decode(), "options")["creation_options"]
    portal.post(ADD, {"name": "Clé", "credential": passkey.register(options, origin=f"http://{portal.host}")})
    portal.logout()
    move_factors(others, operator)
    sign_in(portal, operator)
    options = read_json_script(portal.get(CODE).content.decode(), "options")["request_options"]
    # The device answers for whomever it is asked.
    portal.post(CODE, {"credential": passkey.sign(options, origin=f"http://{portal.host}")})
    assert not is_signed_in(portal)


def test_a_factor_with_another_secret_is_not_what_the_account_was_given(operator):
    enable_second_factor(operator)
    others = PrincipalFactory()
    enable_second_factor(others)
    for kind, key in (("totp", "secret"), ("recovery_codes", "seed")):
        factor = Authenticator.objects.get(user=operator, type=kind)
        assert second_factor.is_bound(factor)
        factor.data[key] = Authenticator.objects.get(user=others, type=kind).data[key]
        assert not second_factor.is_bound(factor)
        factor.data.pop("binding")
        assert not second_factor.is_bound(factor)


def test_a_code_of_the_server_that_was_written_in_the_table_is_refused(operator):
    now = timezone.now()
    typed = "BCDFGHJKLMNPQRST"
    written = EnrolmentCode.objects.create(
        user=operator, code_hash=hash_token(typed), expires_at=now + second_factor.VALIDITY
    )
    with pytest.raises(second_factor.EnrolmentCodeError):
        second_factor.redeem(user=operator, code=typed, origin=Origin("192.0.2.1"), at=now)
    # Nor one that was made for another account, or for another hour.
    other = OperatorFactory()
    typed = second_factor.issue(user=other, at=now)
    issued = EnrolmentCode.objects.get(user=other)
    EnrolmentCode.objects.filter(pk=written.pk).update(code_hash=issued.code_hash, expires_at=issued.expires_at)
    EnrolmentCode.objects.filter(pk=other.pk).update(expires_at=F("expires_at") + second_factor.VALIDITY)
    for user in (operator, other):
        with pytest.raises(second_factor.EnrolmentCodeError):
            second_factor.redeem(user=user, code=typed, origin=Origin("192.0.2.1"), at=now)


def test_a_session_s_data_opens_nothing_under_another_key(portal, operator):
    portal.force_login(operator)
    row = Session.objects.get(account=operator.pk)
    assert row.get_decoded()["_auth_user_id"] == str(operator.pk)
    Session.objects.create(
        session_key=hash_token("the-key-of-the-thief"),
        session_data=row.session_data,
        account=row.account,
        expire_date=row.expire_date,
        seen_at=row.seen_at,
    )
    thief = HostClient(portal.host)
    thief.cookies[settings.SESSION_COOKIE_NAME] = "the-key-of-the-thief"
    assert thief.get("/admin/").status_code == 302
    assert portal.get("/admin/").status_code == 200
    assert SessionStore("the-key-of-the-thief").load() == {}


def test_a_session_s_row_that_names_another_account_is_still_its_own(portal, operator):
    teacher = TeacherFactory()
    portal.force_login(teacher)
    assert Session.objects.filter(account=teacher.pk).update(account=operator.pk) == 1
    assert portal.get("/mon-compte/").wsgi_request.user == teacher
    assert portal.get("/admin/").status_code == 302


def test_factors_of_before_are_bound_by_the_migration(operator):
    enable_second_factor(operator)
    Authenticator.objects.create(user=operator, type="webauthn", data={"name": "Clé", "credential": {"b": 1, "a": 2}})
    unreadable = Authenticator.objects.create(user=PrincipalFactory(), type="totp", data={"secret": "x"})
    for factor in Authenticator.objects.filter(user=operator):
        factor.data.pop("binding", None)
        factor.save()
        assert not second_factor.is_bound(factor)
    migration = import_module("accounts.migrations.0007_second_factors_are_bound")
    migration.bind(apps, SimpleNamespace(connection=connection))
    assert [second_factor.is_bound(factor) for factor in Authenticator.objects.filter(user=operator)] == [True] * 3
    unreadable.refresh_from_db()
    assert not second_factor.is_bound(unreadable)
