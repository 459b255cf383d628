"""A manager adds a passkey in their office, signs in with it there and at the portal, and removes it."""

import pytest
from django_tenants.utils import schema_context, tenant_context
from playwright.sync_api import expect

from accounts import second_factor
from collectivities.capabilities import Role
from collectivities.models import OfficeSettings
from tests.conftest import PASSWORD
from tests.e2e.page_checks import find_problems_at_both_widths
from tests.factories.accounts import UserFactory
from tests.factories.collectivities import MemberFactory


class PluggedIn:
    """An authenticator that keeps passkeys and checks who holds it, as a computer's own does; in one tab."""

    def __init__(self, page):
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        self._number = self._send("addVirtualAuthenticator", options=_OWN_OF_A_COMPUTER)["authenticatorId"]

    def read_passkey(self):
        """Return its only passkey, with the private key and the counter."""
        [passkey] = self._do("getCredentials")["credentials"]
        return passkey

    def put(self, passkey):
        """Put a passkey there in the place of all others."""
        self._do("clearCredentials")
        self._do("addCredential", credential=passkey)

    def check_holder(self, *, succeeds):
        """Have it recognise who holds it from now on, or not."""
        self._do("setUserVerified", isUserVerified=succeeds)

    def unplug(self):
        self._do("removeVirtualAuthenticator")

    def _do(self, command, **parameters):
        return self._send(command, authenticatorId=self._number, **parameters)

    def _send(self, command, **parameters):
        return self._devtools.send(f"WebAuthn.{command}", parameters)


_OWN_OF_A_COMPUTER = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


@pytest.fixture
def manager(committing, can_sign_in):
    with schema_context("public"):
        user = can_sign_in(UserFactory())
    with tenant_context(committing):
        MemberFactory(user=user, roles=[Role.MANAGER])
        OfficeSettings.objects.create(second_factor_required=True)
    return user


@pytest.mark.journey
def test_one_passkey_is_added_and_signs_in_at_both_hosts_until_it_is_removed(site, manager):
    visit = site.person()
    page = visit.page
    PluggedIn(page)
    wrong = []

    def type_password(slug):
        visit.open("/connexion/?next=/securite/", slug=slug)
        page.fill("main [name=login]", manager.username)
        page.fill("main [name=password]", PASSWORD)
        page.click("main button >> text='Connexion'")
        visit.settle()

    type_password("nimes")
    visit.open("/membres/", slug="nimes")
    expect(page.locator("main")).to_contain_text("Encore 7 jours")
    wrong += find_problems_at_both_widths(visit)
    page.click("main >> text=Activer la double authentification")
    wrong += find_problems_at_both_widths(visit)
    page.click("main >> text=Enregistrer un appareil")
    wrong += find_problems_at_both_widths(visit)
    page.fill("main [name=password]", PASSWORD)
    page.click("main button >> text=Continuer")
    page.fill("main [name=name]", "Ordinateur du bureau")
    wrong += find_problems_at_both_widths(visit)
    page.click("text=Enregistrer l’appareil")
    expect(page.locator(".second-factor-codes li")).to_have_count(10)
    page.click("text=J’ai gardé mes codes")
    expect(page.locator("h1")).to_have_text("Membres")
    expect(page.locator("main")).not_to_contain_text("Encore 7 jours")

    # At the other host, after the password.
    type_password("")
    wrong += find_problems_at_both_widths(visit)
    page.click("text=Utiliser l’empreinte")
    page.wait_for_selector("h1:text-is('Sécurité du compte')")
    expect(page.locator("main")).to_contain_text("Ordinateur du bureau")
    wrong += find_problems_at_both_widths(visit)

    # At the office, alone.
    page.context.clear_cookies()
    visit.open("/connexion/?next=/membres/", slug="nimes")
    wrong += find_problems_at_both_widths(visit)
    page.click("text=Se connecter avec l’empreinte")
    page.wait_for_selector("h1:text-is('Membres')")

    # Before a sensitive action, and to remove it.
    visit.open("/securite/", slug="nimes")
    page.click("main >> text=Retirer")
    page.click("main >> text=Utiliser mon appareil")
    page.click("main button >> text=Utiliser l’empreinte")
    page.wait_for_selector("h1:has-text('Retirer l’appareil')")
    wrong += find_problems_at_both_widths(visit)
    page.click("main >> text='Retirer l’appareil'")
    page.wait_for_selector("main >> text=est retiré")
    assert not second_factor.is_enabled(manager)
    assert wrong == []


def test_a_copied_passkey_an_unknown_holder_and_no_device_open_nothing(site, manager):
    visit = site.person()
    page = visit.page
    device = PluggedIn(page)
    visit.open("/connexion/?next=/securite/cles/ajouter/", slug="")
    page.fill("main [name=login]", manager.username)
    page.fill("main [name=password]", PASSWORD)
    page.click("main button >> text='Connexion'")
    page.fill("main form:has-text('Continuer') [name=password]", PASSWORD)
    page.click("main button >> text=Continuer")
    page.fill("main [name=name]", "Ordinateur du bureau")
    page.click("text=Enregistrer l’appareil")
    expect(page.locator(".second-factor-codes li")).to_have_count(10)

    def sign_in_alone():
        page.context.clear_cookies()
        visit.open("/connexion/?next=/securite/", slug="")
        page.click("text=Se connecter avec l’empreinte")

    copied = device.read_passkey()
    for _ in range(2):
        sign_in_alone()
        page.wait_for_selector("h1:text-is('Sécurité du compte')")
    genuine = device.read_passkey()
    assert genuine["signCount"] > copied["signCount"]
    device.put(copied)
    sign_in_alone()
    page.wait_for_selector("main [role=alert] >> text=n’a pas été reconnu")

    # It does not recognise who holds it: the browser does not answer, and the page says what to do.
    device.put(genuine)
    device.check_holder(succeeds=False)
    sign_in_alone()
    page.wait_for_selector("main [role=alert] >> text=Recommencez")
    device.check_holder(succeeds=True)
    sign_in_alone()
    page.wait_for_selector("h1:text-is('Sécurité du compte')")

    device.unplug()
    another = PluggedIn(page)
    sign_in_alone()
    page.wait_for_selector("main [role=alert] >> text=Recommencez")
    another.put(genuine | {"rpId": "evil.example"})
    sign_in_alone()
    page.wait_for_selector("main [role=alert] >> text=Recommencez")
    visit.open("/securite/", slug="")
    page.wait_for_selector("h1:text-is('Connexion')")


def test_a_browser_that_refuses_says_so_and_one_without_scripts_says_why(site, manager):
    visit = site.person()
    page = visit.page
    page.add_init_script(
        "navigator.credentials.get = async () => { throw new DOMException('no', 'NotAllowedError'); };"
    )
    visit.open("/connexion/", slug="nimes")
    page.click("text=Se connecter avec l’empreinte")
    page.wait_for_selector("main [role=alert] >> text=Recommencez")
    assert visit.complaints == []
    plain = site.person(scripts=False)
    plain.open("/connexion/", slug="nimes")
    assert plain.page.locator("text=Se connecter avec l’empreinte").is_hidden()
