"""« Double authentification »: activation, sign-in at every host, single-use codes, sealed secrets."""

import datetime
import functools
import re

import pytest
from allauth.mfa.models import Authenticator
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone

from accounts import second_factor, throttling
from accounts import second_factor as operations
from tests.accounts.emails import PASSWORD, answer_resets, find_link, mark_reauthenticated, sign_in
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, TeacherFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory
from tests.races import run_concurrently

OTHER_KEY = "2:" + "b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZQ=="


@pytest.fixture
def person(db):
    return PrincipalFactory()


@pytest.fixture
def protected(person):
    """An account with a second factor; `secret` is the TOTP secret in plain text."""
    person.secret = enable_second_factor(person)
    return person


@pytest.fixture
def signs_in(protected, can_sign_in):
    """The same account with a password."""
    return can_sign_in(protected)


def secret_on(page):
    return re.search(r"second-factor-secret\">([A-Z2-7 ]+)<", page)[1].replace(" ", "")


# --- Activation -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("host", ["portal", "office"])
def test_activation_shows_a_qr_code_and_recovery_codes_at_every_host(request, person, can_sign_in, host):
    can_sign_in(person)
    if host == "portal":
        browser = request.getfixturevalue("portal")
        browser.force_login(person)
    else:
        request.getfixturevalue("nimes")
        browser = request.getfixturevalue("office")("nimes", MemberFactory(user=person).user, confirmed=False)
    asked = browser.get("/securite/activer/")
    assert asked["Location"].startswith("/verification/?next=")
    answer = browser.post(asked["Location"], {"password": PASSWORD}, follow=True)
    assert answer.redirect_chain[-1][0] == "/securite/activer/"
    page = answer.content.decode()
    assert "data:image/svg+xml;base64," in page
    assert "no-store" in answer["Cache-Control"]
    done = browser.post("/securite/activer/", {"code": get_totp_code(secret_on(page))}, follow=True)
    assert done.redirect_chain[-1][0] == "/securite/codes/"
    assert len(re.findall(r"<code>\d{4} \d{4}</code>", done.content.decode())) == 10
    assert operations.is_enabled(person)
    [email] = list_emails("account.second_factor_on")
    assert person.username in render_email(email).subject


@pytest.mark.slow
def test_activation_redirects_to_the_requested_page(portal, person):
    portal.force_login(person)
    mark_reauthenticated(portal, person)
    page = portal.get("/securite/activer/?next=/boutique/").content.decode()
    answer = portal.post(
        "/securite/activer/", {"code": get_totp_code(secret_on(page)), "next": "/boutique/"}, follow=True
    )
    assert 'href="/boutique/"' in answer.content.decode().split("continuer")[0].rsplit("<a", 1)[1]


def test_activation_refuses_redirects_to_other_sites(portal, protected):
    portal.force_login(protected)
    mark_reauthenticated(portal, protected)
    page = portal.get("/securite/codes/?next=https://ailleurs.example/").content.decode()
    assert "ailleurs.example" not in page


@pytest.mark.slow
def test_a_wrong_code_activates_nothing_and_keeps_the_qr_code(portal, person):
    portal.force_login(person)
    mark_reauthenticated(portal, person)
    before = secret_on(portal.get("/securite/activer/").content.decode())
    answer = portal.post("/securite/activer/", {"code": "000000"})
    assert "n’est pas le bon" in answer.content.decode()
    assert secret_on(answer.content.decode()) == before
    assert not operations.is_enabled(person)


@pytest.mark.slow
def test_the_secret_is_readable_neither_in_the_session_nor_in_the_table(portal, person):
    portal.force_login(person)
    mark_reauthenticated(portal, person)
    secret = secret_on(portal.get("/securite/activer/").content.decode())
    assert secret not in str(dict(portal.session))
    portal.post("/securite/activer/", {"code": get_totp_code(secret)})
    assert "mfa.totp.secret" not in portal.session
    stored = Authenticator.objects.get(user=person, type="totp").data["secret"]
    assert secret not in stored
    assert second_factor.unseal(stored) == secret


@pytest.mark.slow
def test_activation_signs_out_other_browsers_only(portal, office, nimes, person):
    thief = office("nimes", MemberFactory(user=person).user)
    portal.force_login(person)
    mark_reauthenticated(portal, person)
    secret = secret_on(portal.get("/securite/activer/").content.decode())
    portal.post("/securite/activer/", {"code": get_totp_code(secret)})
    assert portal.get("/securite/").status_code == 200
    assert thief.get("/securite/")["Location"].startswith("/connexion/")


def test_my_account_shows_whether_the_second_factor_is_active(portal, person):
    portal.force_login(person)
    assert "Activer la double authentification" in portal.get("/mon-compte/informations/").content.decode()
    enable_second_factor(person)
    assert "Gérer la double authentification" in portal.get("/mon-compte/informations/").content.decode()


def test_concurrent_activations_activate_once(committing, person):
    secrets = ["JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "KRUGKIDROVUWG2ZAMJZG653OEBTG66BA"] * 4
    calls = [
        functools.partial(operations.enable, user=person, secret=secret, host="peps.localhost", at=timezone.now())
        for secret in secrets
    ]
    outcomes = run_concurrently("public", calls, expected_errors=operations.SecondFactorError)
    assert sum(outcome is None for outcome in outcomes) == 1
    assert Authenticator.objects.filter(user=person).count() == 2


# --- Signing in -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("host", ["portal", "office"])
def test_the_password_alone_signs_in_nowhere(request, signs_in, host):
    browser = request.getfixturevalue("portal") if host == "portal" else request.getfixturevalue("office")("nimes")
    answer = sign_in(browser, signs_in)
    assert (answer.status_code, answer["Location"]) == (302, "/securite/code/")
    assert "_auth_user_id" not in browser.session
    assert "6 chiffres" in browser.get("/securite/code/").content.decode()
    wrong = browser.post("/securite/code/", {"code": "000000"})
    assert "n’est pas le bon" in wrong.content.decode()
    browser.post("/securite/code/", {"code": get_totp_code(signs_in.secret)})
    assert browser.session["_auth_user_id"] == str(signs_in.pk)


@pytest.mark.slow
def test_a_new_password_by_link_leaves_the_second_factor(portal, signs_in):
    portal.post(reverse("account_reset_password"), {"email": signs_in.email})
    answer_resets()
    form_path = portal.open_link(find_link(render_email(list_emails("account.reset")[0]).text))
    portal.post(form_path, {"password1": "trois-petits-chats-2026", "password2": "trois-petits-chats-2026"})
    assert "_auth_user_id" not in portal.session
    assert sign_in(portal, signs_in, password="trois-petits-chats-2026")["Location"] == "/securite/code/"
    assert "_auth_user_id" not in portal.session


def test_signing_in_redirects_to_the_requested_page(portal, signs_in):
    sign_in(portal, signs_in, next="/boutique/")
    assert portal.post("/securite/code/", {"code": get_totp_code(signs_in.secret)})["Location"] == "/boutique/"


@pytest.mark.parametrize("steps", [-1, 1])
def test_the_clock_of_a_phone_may_be_half_a_minute_off(portal, signs_in, steps):
    sign_in(portal, signs_in)
    portal.post("/securite/code/", {"code": get_totp_code(signs_in.secret, steps=steps)})
    assert "_auth_user_id" in portal.session


@pytest.mark.slow
def test_a_code_works_once(portal, office, signs_in):
    right = get_totp_code(signs_in.secret)
    sign_in(portal, signs_in)
    portal.post("/securite/code/", {"code": right})
    thief = office("nimes")
    sign_in(thief, signs_in)
    thief.post("/securite/code/", {"code": right})
    assert "_auth_user_id" in portal.session
    assert "_auth_user_id" not in thief.session


def test_a_code_stays_used_where_the_cache_has_forgotten_it(portal, office, signs_in):
    """allauth notes a used code in the cache, for thirty seconds; the code is right for ninety."""
    right = get_totp_code(signs_in.secret)
    sign_in(portal, signs_in)
    portal.post("/securite/code/", {"code": right})
    cache.clear()
    thief = office("nimes")
    sign_in(thief, signs_in)
    thief.post("/securite/code/", {"code": right})
    assert "_auth_user_id" in portal.session
    assert "_auth_user_id" not in thief.session


@pytest.mark.slow
def test_a_recovery_code_works_once(portal, office, signs_in):
    recovery = Authenticator.objects.get(user=signs_in, type="recovery_codes").wrap().get_unused_codes()[3]
    typed = f"{recovery[:4]} {recovery[4:]}"
    sign_in(portal, signs_in)
    portal.post("/securite/code/", {"code": typed})
    assert "_auth_user_id" in portal.session
    assert "9 codes" in portal.get("/securite/").content.decode()
    # Not even when allauth's short-lived cache has forgotten it.
    throttling.prune(before=timezone.now() + datetime.timedelta(days=2))
    thief = office("nimes")
    sign_in(thief, signs_in)
    thief.post("/securite/code/", {"code": recovery})
    assert "_auth_user_id" not in thief.session


def test_the_code_page_requires_a_password_first(portal, signs_in):
    assert portal.get("/securite/code/")["Location"] == "/connexion/"


# --- Recovery codes, deactivation -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_recovery_codes_are_shown_and_downloaded_after_the_password_alone(portal, protected):
    portal.force_login(protected)
    for path in ("/securite/codes/", "/securite/codes/fichier/", "/securite/codes/nouveaux/", "/securite/desactiver/"):
        assert portal.get(path)["Location"].startswith("/verification/?next="), path
    mark_reauthenticated(portal, protected)
    answer = portal.get("/securite/codes/fichier/")
    assert "codes-de-secours-peps.txt" in answer["Content-Disposition"]
    assert answer["Content-Type"].startswith("text/plain")
    assert "no-store" in answer["Cache-Control"]
    assert len(re.findall(r"^\d{4} \d{4}$", answer.content.decode(), re.MULTILINE)) == 10


@pytest.mark.slow
def test_new_recovery_codes_replace_the_old_ones(portal, protected):
    portal.force_login(protected)
    mark_reauthenticated(portal, protected)
    first = portal.get("/securite/codes/").content.decode()
    portal.get("/securite/codes/nouveaux/")
    second = portal.post("/securite/codes/nouveaux/", follow=True).content.decode()
    assert not set(re.findall(r"<code>(.+)</code>", first)) & set(re.findall(r"<code>(.+)</code>", second))
    assert len(list_emails("account.recovery_codes")) == 1


@pytest.mark.slow
def test_deactivation_deletes_the_secret_and_is_notified(portal, protected):
    portal.force_login(protected)
    mark_reauthenticated(portal, protected)
    assert "Désactiver" in portal.get("/securite/desactiver/").content.decode()
    portal.post("/securite/desactiver/")
    assert not Authenticator.objects.exists()
    [email] = list_emails("account.second_factor_off")
    assert "suffit désormais" in render_email(email).text
    assert portal.get("/securite/").status_code == 200


def test_deactivation_is_idempotent(protected):
    off = functools.partial(operations.disable, user=protected, host="peps.localhost", at=timezone.now())
    assert [off(), off()] == [True, False]
    assert len(list_emails("account.second_factor_off")) == 1


def test_recovery_codes_come_with_a_second_factor_only(person):
    with pytest.raises(operations.SecondFactorError, match="activez-la d'abord"):
        operations.renew_recovery_codes(user=person, host="peps.localhost", at=timezone.now())


# --- Sealing ----------------------------------------------------------------------------------------------------------


def test_a_new_sealing_key_opens_what_the_old_one_sealed_and_reseals_it(settings, protected):
    old = settings.SEALING_KEYS
    settings.SEALING_KEYS = [OTHER_KEY, *old]
    assert second_factor.unseal(Authenticator.objects.get(type="totp").data["secret"]) == protected.secret
    call_command("reseal_keys", verbosity=0)
    settings.SEALING_KEYS = [OTHER_KEY]
    assert second_factor.unseal(Authenticator.objects.get(type="totp").data["secret"]) == protected.secret
    assert len(Authenticator.objects.get(type="recovery_codes").wrap().get_unused_codes()) == 10


def test_a_missing_sealing_key_raises_a_clear_error(settings, protected):
    settings.SEALING_KEYS = [OTHER_KEY]
    with pytest.raises(CommandError, match="double authentification"):
        call_command("reseal_keys", verbosity=0)


def test_a_teacher_may_activate_a_second_factor(portal):
    teacher = TeacherFactory()
    portal.force_login(teacher)
    assert "désactivée" in portal.get("/mon-compte/informations/").content.decode()
