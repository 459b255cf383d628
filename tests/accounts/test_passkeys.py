"""« Appareils de connexion »: adding, naming and removing them, signing in with them at every host."""

import copy
import json
import re

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.utils import timezone

from accounts import second_factor
from accounts.models import AccountEvent
from tests.accounts.emails import PASSWORD, mark_reauthenticated, sign_in
from tests.accounts.software_passkey import SoftwarePasskey, add_software_passkey
from tests.conftest import TERM
from tests.emails import list_emails, render_email
from tests.factories.accounts import PrincipalFactory, UserFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory
from tests.html import read_json_script

Action = AccountEvent.Action
ADD, CODE, ALONE = "/securite/cles/ajouter/", "/securite/code/", "/connexion/cle-acces/"


@pytest.fixture
def person(db, can_sign_in):
    return can_sign_in(PrincipalFactory())


def read_options(answer, name):
    return read_json_script(answer.content.decode(), "options")[name]


def add_passkey(browser, user, passkey=None, **typed):
    """Add a passkey by the page; return it and the answer."""
    passkey = passkey or SoftwarePasskey()
    browser.force_login(user)
    mark_reauthenticated(browser, user)
    options = read_options(browser.get(ADD), "creation_options")
    origin = f"http://{browser.host}"
    fields = {"name": "Ordinateur du bureau", "passwordless": "on"} | typed
    answer = browser.post(ADD, fields | {"credential": passkey.register(options, origin=origin)})
    return passkey, answer


def sign_in_alone(browser, passkey, *, origin=None, **more):
    options = browser.get(ALONE, headers={"Accept": "application/json"}).json()["request_options"]
    answer = passkey.sign(options, origin=f"http://{browser.host}" if origin is None else origin)
    return browser.post(ALONE, {"credential": answer} | more)


def list_actions(user):
    return list(AccountEvent.objects.filter(account_id=user.pk).order_by("pk").values_list("action", flat=True))


# --- Adding -----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_first_passkey_is_a_second_factor_with_recovery_codes_and_a_notice(portal, person):
    _, answer = add_passkey(portal, person)
    assert answer["Location"] == "/securite/codes/"
    assert second_factor.is_enabled(person)
    assert len(Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes()) == 10
    assert list_actions(person) == [Action.PASSKEY_ADDED]
    [email] = list_emails("account.passkey_added")
    assert person.username in render_email(email).subject
    assert "Ordinateur du bureau" in portal.get("/securite/").content.decode()


@pytest.mark.slow
def test_adding_a_passkey_needs_the_password_anew_and_leads_on(portal, person):
    portal.force_login(person)
    assert portal.get(ADD)["Location"].startswith("/verification/?next=")
    _, answer = add_passkey(portal, person, next="/boutique/")
    assert answer["Location"] == "/securite/codes/?next=%2Fboutique%2F"


@pytest.mark.slow
def test_adding_a_passkey_ends_the_other_sessions(portal, office, nimes, person):
    thief = office("nimes", MemberFactory(user=person).user)
    add_passkey(portal, person)
    assert portal.get("/securite/").status_code == 200
    assert thief.get("/securite/")["Location"].startswith("/connexion/")


@pytest.mark.slow
def test_a_passkey_beside_an_application_keeps_the_recovery_codes(portal, person):
    enable_second_factor(person)
    codes = Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes()
    _, answer = add_passkey(portal, person)
    assert answer["Location"] == "/securite/"
    assert Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes() == codes


@pytest.mark.slow
def test_an_eleventh_passkey_is_refused(person):
    add = {"user": person, "name": "Clé", "credential": {}, "host": "peps.localhost", "at": timezone.now()}
    for _ in range(second_factor.MAX_PASSKEYS):
        second_factor.add(**add)
    with pytest.raises(second_factor.SecondFactorError, match="10 appareils de connexion au plus"):
        second_factor.add(**add)


@pytest.mark.parametrize(
    "credential", ["", "null", "[]", "{}", "pas du JSON", '{"id": 1}', '{"rawId": "é", "response": []}']
)
def test_what_no_browser_sends_is_refused_and_adds_nothing(portal, person, credential):
    portal.force_login(person)
    mark_reauthenticated(portal, person)
    portal.get(ADD)
    answer = portal.post(ADD, {"name": "Clé", "credential": credential})
    assert answer.status_code == 422
    assert not Authenticator.objects.exists()


@pytest.mark.slow
def test_a_passkey_of_another_site_is_not_accepted(portal, person):
    stolen = SoftwarePasskey("ailleurs.example")
    _, answer = add_passkey(portal, person, stolen)
    assert "n’a pas été reconnu" in answer.content.decode()
    assert not second_factor.is_enabled(person)


# --- Signing in -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_passkey_of_the_portal_signs_in_after_the_password_at_an_office(portal, office, nimes, person):
    passkey, _ = add_passkey(portal, person)
    browser = office("nimes")
    assert sign_in(browser, person)["Location"] == CODE
    options = read_options(browser.get(CODE), "request_options")
    browser.post(CODE, {"credential": passkey.sign(options, origin="http://nimes.peps.localhost")})
    assert browser.session["_auth_user_id"] == str(person.pk)


@pytest.mark.slow
def test_a_signature_is_accepted_once(portal, person):
    passkey, _ = add_passkey(portal, person)
    portal.logout()
    sign_in(portal, person)
    answer = passkey.sign(read_options(portal.get(CODE), "request_options"))
    portal.post(CODE, {"credential": answer})
    portal.logout()
    sign_in(portal, person)
    portal.get(CODE)
    portal.post(CODE, {"credential": answer})
    assert "_auth_user_id" not in portal.session
    assert list_actions(person)[-1] == Action.CODE_REFUSED


@pytest.mark.slow
def test_a_forged_signature_is_refused_and_journaled(portal, person):
    passkey, _ = add_passkey(portal, person)
    portal.logout()
    sign_in(portal, person)
    forged = json.loads(passkey.sign(read_options(portal.get(CODE), "request_options")))
    other = json.loads(SoftwarePasskey().sign(read_options(portal.get(CODE), "request_options")))
    forged["response"]["signature"] = other["response"]["signature"]
    answer = portal.post(CODE, {"credential": json.dumps(forged)})
    assert "n’a pas été reconnu" in answer.content.decode()
    assert "_auth_user_id" not in portal.session
    assert list_actions(person)[-1] == Action.CODE_REFUSED


@pytest.mark.slow
@pytest.mark.parametrize(
    "origin",
    [
        "http://peps.localhost.evil.example",
        "http://evil-peps.localhost",
        "https://evil.example",
        "http://localhost",
        "",
    ],
)
def test_a_signature_that_was_asked_for_by_another_site_is_refused(portal, person, origin):
    passkey, _ = add_passkey(portal, person)
    portal.logout()
    sign_in_alone(portal, passkey, origin=origin)
    assert "_auth_user_id" not in portal.session
    sign_in(portal, person)
    portal.post(CODE, {"credential": passkey.sign(read_options(portal.get(CODE), "request_options"), origin=origin)})
    assert "_auth_user_id" not in portal.session
    assert list_actions(person)[-1] == Action.CODE_REFUSED


@pytest.mark.slow
def test_a_signature_for_another_site_is_refused(portal, person):
    """Of our own origin, and for the relying party of somebody else."""
    passkey, _ = add_passkey(portal, person)
    passkey.rp_id = "evil.example"
    portal.logout()
    sign_in_alone(portal, passkey)
    assert "_auth_user_id" not in portal.session


@pytest.mark.slow
def test_a_copied_passkey_is_found_by_its_counter(portal, person):
    passkey, _ = add_passkey(portal, person)
    copied = copy.copy(passkey)
    portal.logout()
    for _ in range(2):
        sign_in_alone(portal, passkey)
        assert portal.session["_auth_user_id"] == str(person.pk)
        portal.logout()
    # It has signed twice, and the copy once.
    answer = sign_in_alone(portal, copied)
    assert answer["Location"].startswith("/connexion/")
    assert "_auth_user_id" not in portal.session
    assert list_actions(person)[-1] == Action.CODE_REFUSED
    sign_in_alone(portal, passkey)
    assert portal.session["_auth_user_id"] == str(person.pk)


@pytest.mark.slow
def test_a_passkey_that_counts_nothing_signs_in_again_and_again(portal, person):
    passkey, _ = add_passkey(portal, person)
    for _ in range(2):
        portal.logout()
        passkey.counter = -1
        sign_in_alone(portal, passkey)
        assert portal.session["_auth_user_id"] == str(person.pk)


@pytest.mark.slow
def test_a_passkey_that_was_removed_or_is_somebody_else_s_signs_nobody_in(portal, person):
    passkey, _ = add_passkey(portal, person)
    other = UserFactory()
    Authenticator.objects.filter(user=person, type="webauthn").update(user=other)
    portal.logout()
    sign_in_alone(portal, passkey)
    assert "_auth_user_id" not in portal.session
    Authenticator.objects.all().delete()
    sign_in_alone(portal, passkey)
    assert "_auth_user_id" not in portal.session


@pytest.mark.slow
def test_a_recovery_code_signs_in_without_the_passkey(portal, person):
    add_passkey(portal, person)
    recovery = Authenticator.objects.get(user=person, type="recovery_codes").wrap().get_unused_codes()[0]
    portal.logout()
    sign_in(portal, person)
    assert "l’un de vos codes de secours" in portal.get(CODE).content.decode()
    portal.post(CODE, {"code": recovery})
    assert portal.session["_auth_user_id"] == str(person.pk)


@pytest.mark.slow
@pytest.mark.parametrize("host", ["portal", "nimes"])
def test_a_passkey_alone_signs_in_at_every_host_and_leads_on(portal, office, nimes, person, host):
    passkey, _ = add_passkey(portal, person)
    portal.logout()
    browser = portal if host == "portal" else office("nimes")
    answer = sign_in_alone(browser, passkey, next="/securite/")
    assert answer["Location"] == "/securite/"
    assert browser.session["_auth_user_id"] == str(person.pk)
    assert list_actions(person)[-1] == Action.SIGNED_IN


@pytest.mark.slow
def test_a_passkey_that_does_not_check_who_holds_it_signs_nobody_in_alone(portal, person):
    passkey, _ = add_passkey(portal, person, SoftwarePasskey(verifies=False), passwordless="")
    assert second_factor.is_enabled(person)
    portal.logout()
    answer = sign_in_alone(portal, passkey, next="/boutique/")
    assert answer["Location"] == "/connexion/?next=/boutique/"
    assert "_auth_user_id" not in portal.session


@pytest.mark.slow
def test_a_passkey_of_a_disabled_account_signs_nobody_in(portal, person):
    passkey, _ = add_passkey(portal, person)
    portal.logout()
    type(person).objects.filter(pk=person.pk).update(is_active=False)
    sign_in_alone(portal, passkey)
    assert "_auth_user_id" not in portal.session


@pytest.mark.parametrize("credential", ["null", "[]", "{}", '{"response": {"userHandle": 3}}', "x"])
def test_nonsense_instead_of_a_passkey_is_a_refusal(portal, db, credential):
    portal.get(ALONE, headers={"Accept": "application/json"})
    assert portal.post(ALONE, {"credential": credential})["Location"].startswith("/connexion/")


@pytest.mark.slow
def test_a_passkey_confirms_who_is_signed_in(portal, person):
    passkey, _ = add_passkey(portal, person)
    portal.logout()
    person.refresh_from_db()
    portal.force_login(person)
    asked = portal.get(ADD)["Location"]
    assert "Utiliser mon appareil" in portal.get(asked).content.decode()
    page = "/verification/cle-acces/"
    options = read_options(portal.get(page), "request_options")
    answer = portal.post(page, {"credential": passkey.sign(options), "next": ADD})
    assert answer["Location"] == ADD
    assert portal.get(ADD).status_code == 200


# --- Naming and removing ----------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_passkey_is_renamed(portal, person):
    add_passkey(portal, person)
    mark_reauthenticated(portal, person)
    key = Authenticator.objects.get(type="webauthn")
    portal.post(f"/securite/cles/{key.pk}/nom/", {"name": "Portable"})
    assert "Portable" in portal.get("/securite/").content.decode()


@pytest.mark.slow
def test_removing_the_last_passkey_switches_the_second_factor_off(portal, person):
    add_passkey(portal, person)
    mark_reauthenticated(portal, person)
    url = f"/securite/cles/{Authenticator.objects.get(type='webauthn').pk}/retirer/"
    assert "seul second moyen" in portal.get(url).content.decode()
    portal.post(url)
    assert not Authenticator.objects.exists()
    assert list_actions(person)[-2:] == [Action.PASSKEY_REMOVED, Action.SECOND_FACTOR_OFF]
    assert len(list_emails("account.second_factor_off")) == 1
    assert portal.get("/securite/").status_code == 200


@pytest.mark.slow
def test_removing_one_of_two_factors_leaves_the_other(portal, person):
    secret = enable_second_factor(person)
    add_passkey(portal, person)
    mark_reauthenticated(portal, person)
    portal.post(f"/securite/cles/{Authenticator.objects.get(type='webauthn').pk}/retirer/")
    assert second_factor.list_factor_types(person) == {"totp", "recovery_codes"}
    assert len(list_emails("account.passkey_removed")) == 1
    portal.logout()
    sign_in(portal, person)
    portal.post(CODE, {"code": get_totp_code(secret)})
    assert portal.session["_auth_user_id"] == str(person.pk)


@pytest.mark.slow
def test_removing_the_application_leaves_the_passkey(portal, person):
    enable_second_factor(person)
    add_passkey(portal, person)
    mark_reauthenticated(portal, person)
    portal.post("/securite/desactiver/")
    assert second_factor.list_factor_types(person) == {"webauthn", "recovery_codes"}
    assert list_actions(person)[-1] == Action.TOTP_REMOVED
    assert len(list_emails("account.totp_removed")) == 1


def test_neither_operation_reaches_a_passkey_of_somebody_else(db):
    key, stranger = add_software_passkey(UserFactory(), "La sienne"), UserFactory()
    with pytest.raises(second_factor.SecondFactorError):
        second_factor.rename(user=stranger, passkey_id=key.pk, name="À moi")
    with pytest.raises(second_factor.SecondFactorError):
        second_factor.remove(user=stranger, passkey_id=key.pk, host=settings.BASE_DOMAIN, at=TERM)
    assert Authenticator.objects.get(pk=key.pk).data["name"] == "La sienne"


@pytest.mark.slow
@pytest.mark.parametrize("page", ["nom", "retirer"])
def test_a_passkey_of_somebody_else_is_a_404(portal, person, page):
    other = UserFactory()
    key = add_software_passkey(other, "La sienne")
    portal.force_login(person)
    mark_reauthenticated(portal, person)
    assert portal.get(f"/securite/cles/{key.pk}/{page}/").status_code == 404
    assert portal.post(f"/securite/cles/{key.pk}/{page}/", {"name": "À moi"}).status_code == 404
    assert Authenticator.objects.get(pk=key.pk).data["name"] == "La sienne"


@pytest.mark.slow
def test_the_password_alone_still_needs_the_passkey(portal, person):
    add_passkey(portal, person)
    portal.logout()
    sign_in(portal, person, PASSWORD)
    assert "_auth_user_id" not in portal.session


# --- Words ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_no_page_or_guide_calls_a_device_a_key():
    """« Clé » activates licences: « clé d’accès », as browsers say, stands in quotation marks where it is explained."""
    files = [
        path
        for folder in ("platform", "collectivities", "sites", "docs")
        for path in (settings.ROOT / folder).rglob("*")
        if path.suffix in {".py", ".html", ".js", ".txt", ".md"} and "decisions" not in path.parts
    ]
    unmarked = re.compile(r"(?<!«[ \xa0])(?<!«&nbsp;)\bclés? d['’]accès", re.IGNORECASE)
    assert len(files) > 500
    assert [path.name for path in files if unmarked.search(path.read_text(encoding="utf-8"))] == []
