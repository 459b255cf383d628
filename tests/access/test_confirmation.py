"""What needs the password, or the second factor, anew: keys, tokens, roles, webhooks, the reply address."""

import time

import pytest
from django.conf import settings

from api.models import Token
from collectivities.capabilities import Role
from collectivities.models import AuditEntry, Member, OfficeSettings
from tests.access import policies, samples
from tests.access.routes import OFFICE_ROUTES, build_url
from tests.accounts.emails import PASSWORD
from tests.factories.accounts import UserFactory, enable_second_factor, get_totp_code
from tests.factories.collectivities import MemberFactory
from tests.factories.licensing import KeyFactory
from tests.forms.page_forms import read_page
from tests.tiers import sampled

SENSITIVE = [route for route in OFFICE_ROUTES if policies.OFFICE[route.name] == policies.CONFIRMED_MANAGER]


@pytest.fixture
def manager(nimes, can_sign_in):
    return can_sign_in(MemberFactory(roles=[Role.MANAGER]).user)


@pytest.fixture
def browser(office, manager):
    """The browser of a manager who signed in a while ago."""
    return office("nimes", manager, confirmed=False)


def asks_for_confirmation(answer):
    if answer.status_code == 302:
        return answer["Location"].startswith("/verification/?next=")
    return "Confirmez que c’est vous" in answer.content.decode()


def send_confirmation(browser, page, url, **typed):
    """Send the form of the confirmation page, as a browser does, with what is typed into it."""
    form = next(form for form in read_page(page.content.decode(), url).forms if form.targets[0].url == url)
    return browser.post(url, form.values(filled=False) | typed, follow=True)


def test_the_sensitive_pages_are_the_ones_that_were_decided():
    assert {route.name for route in SENSITIVE} == {
        "members:invite", "members:roles", "messages:reveal", "office_second_factor", "pools:reveal", "tokens:new",
        "webhooks:edit", "webhooks:new", "webhooks:rotate",
    }  # fmt: skip


@pytest.mark.parametrize("route", sampled(SENSITIVE, fast=2), ids=lambda route: route.name)
def test_a_sensitive_page_asks_first_and_comes_back(route, browser):
    url = build_url(route, samples.SAMPLES[route.name]() if route.arguments else {})
    answer = browser.get(url)
    assert asks_for_confirmation(answer)
    asked = browser.get(answer["Location"]).content.decode()
    assert "saisissez à nouveau votre mot de passe" in asked
    assert browser.post(answer["Location"], {"password": PASSWORD})["Location"] == url
    assert not asks_for_confirmation(browser.get(url))


@pytest.mark.parametrize("route", SENSITIVE, ids=lambda route: route.name)
def test_a_sensitive_form_changes_nothing_without_confirmation(route, browser):
    url = build_url(route, samples.SAMPLES[route.name]() if route.arguments else {})
    before = list(AuditEntry.objects.values_list("pk"))
    answer = browser.post(url, {"confirmed": "1", "roles": "viewer", "name": "SI", "email": "a@nimes.example"})
    assert asks_for_confirmation(answer)
    assert list(AuditEntry.objects.values_list("pk")) == before


@pytest.mark.slow
def test_what_was_typed_is_kept_and_sent_with_the_password(browser, manager):
    member = MemberFactory(roles=[Role.VIEWER])
    url = f"/membres/{member.pk}/roles/"
    page = browser.post(url, {"roles": ["buyer", "data_officer"]})
    wrong = send_confirmation(browser, page, url, **{"confirmation-password": "pas le bon"})
    assert wrong.status_code == 422
    assert "Ce n’est pas votre mot de passe." in wrong.content.decode()
    assert Member.objects.get(pk=member.pk).roles == ["viewer"]
    done = send_confirmation(browser, wrong, url, **{"confirmation-password": PASSWORD})
    assert "sont enregistrés" in done.content.decode()
    assert set(Member.objects.get(pk=member.pk).roles) == {"buyer", "data_officer"}
    # For some minutes it holds.
    assert browser.post(url, {"roles": ["viewer"]}).status_code == 302


@pytest.mark.slow
def test_wrong_passwords_are_limited_as_at_the_sign_in(browser):
    for _ in range(10):
        browser.post("/reglages/api/creer/", {"confirmation-password": "pas le bon"})
    refused = browser.post("/reglages/api/creer/", {"confirmation-password": PASSWORD}).content.decode()
    assert "Trop d’essais" in refused
    assert not Token.objects.exists()


@pytest.mark.slow
def test_an_account_without_a_password_confirms_by_its_second_factor(browser, manager):
    secret = enable_second_factor(manager)
    manager.set_unusable_password()
    manager.save()
    browser.force_login(manager)
    member = MemberFactory(roles=[Role.VIEWER])
    url = f"/membres/{member.pk}/roles/"
    page = browser.post(url, {"roles": ["buyer"]})
    send_confirmation(browser, page, url, **{"confirmation-code": get_totp_code(secret)})
    assert Member.objects.get(pk=member.pk).roles == ["buyer"]


def test_a_confirmation_ends_after_a_quarter_of_an_hour(office, manager, monkeypatch):
    browser = office("nimes", manager)
    assert not asks_for_confirmation(browser.get("/reglages/api/creer/"))
    later = time.time() + settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert asks_for_confirmation(browser.get("/reglages/api/creer/"))


def test_a_confirmation_of_another_user_of_the_session_does_not_count(office, manager):
    browser = office("nimes", MemberFactory(roles=[Role.MANAGER]).user)
    browser.force_login(manager)
    assert asks_for_confirmation(browser.get("/reglages/api/creer/"))


def test_htmx_leads_the_whole_page_to_the_confirmation(browser):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://nimes.peps.localhost/membres/?a=1"}
    answer = browser.post("/reglages/api/creer/", {}, headers=headers)
    assert answer["HX-Redirect"] == "/verification/?next=/membres/%3Fa%3D1"


# --- The reply address ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_only_another_reply_address_asks_for_confirmation(browser):
    assert browser.get("/reglages/").status_code == 200
    fields = {"sender_name": "Ville de Nîmes", "contact_name": "Nora Delmas", "contact_phone": "0466000000"}
    fields |= {"reply_to": "", "signature": ""}
    assert browser.post("/reglages/", fields)["Location"] == "/reglages/"
    page = browser.post("/reglages/", fields | {"reply_to": "voleur@exemple.example", "signature": "Le service"})
    assert asks_for_confirmation(page)
    assert OfficeSettings.objects.get().reply_to == ""
    send_confirmation(browser, page, "/reglages/", **{"confirmation-password": PASSWORD})
    stored = OfficeSettings.objects.get()
    assert (stored.reply_to, stored.signature) == ("voleur@exemple.example", "Le service")


def test_a_form_that_lacks_a_field_says_so_before_it_asks_for_the_password(browser):
    page = browser.post("/reglages/", {"reply_to": "ecoles@nimes.example", "contact_name": "", "contact_phone": ""})
    assert not asks_for_confirmation(page)
    assert page.context["form"].errors.keys() >= {"contact_name", "contact_phone"}
    assert not OfficeSettings.objects.exclude(reply_to="").exists()


# --- The operator -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_operator_confirms_before_a_key_is_shown(portal, can_sign_in, nimes):
    operator = can_sign_in(UserFactory(is_staff=True, is_superuser=True))
    key = KeyFactory()
    portal.force_login(operator)
    url = "/admin/entitlements/activationkey/"
    fields = {"action": "reveal", "_selected_action": [key.pk], "confirmed": "1"}
    page = portal.post(url, fields)
    assert asks_for_confirmation(page)
    shown = send_confirmation(portal, page, url, **{"confirmation-password": PASSWORD})
    assert f"Code de la clé {key.pk}" in shown.content.decode()
