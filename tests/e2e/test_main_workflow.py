"""The main workflow through the pages: from a spreadsheet to keys in mailboxes and seats for three teachers.

Run twice: with scripts and without. The worker and the mail server are real.
"""

import re

import openpyxl
import pytest
from allauth.account.models import EmailAddress
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from collectivities.capabilities import Role
from licensing.orders.operations import grant
from tests.conftest import PASSWORD
from tests.e2e.page_checks import find_problems
from tests.e2e.site import WIDTHS
from tests.factories.accounts import TeacherFactory, UserFactory
from tests.factories.collectivities import MemberFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.waits import is_reached, wait_until

KEY = re.compile(r"\bNIMES(?:-[0-9A-Z]{4}){3}\b")


def can_sign_in(user):
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


def sign_in(page, username):
    main = page.locator("main")
    main.get_by_label("Identifiant").fill(username)
    main.get_by_label("Mot de passe").fill(PASSWORD)
    main.get_by_role("button", name="Connexion").click()


def workbook_of(school, path):
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (
        ["Ville de Nîmes – dotation"],
        [],
        ["N° UAI", "École", "Nb de licences"],
        [school.uai.lower().removeprefix("0"), school.name, 3],
        ["0300001Z", "École mal recopiée", 2],
        [],
        ["TOTAL", "", 5],
    ):
        sheet.append(line)
    book.save(path)
    return path


def wait_for_email(mail, address):
    """Wait for the e-mail to an address, and return its text."""
    emails = wait_until(lambda: [received for received in mail.received if address in received.recipients])
    return emails[-1].email.get_body(("plain",)).get_content()


def wait_for_text(page, address, words):
    """Reload a page until it shows the words."""

    def says():
        try:
            page.goto(address)
        except PlaywrightError as error:
            # The page reloads itself as its import goes on, and so ends what was asked for.
            if "ERR_ABORTED" not in error.message:
                raise
            return False
        return words in page.locator("main").inner_text()

    assert is_reached(says), f"{address} does not show « {words} »."


class Scenario:
    """The people of the scenario, each with a browser."""

    def __init__(self, site, mail, scripts):
        self.mail = mail
        self.scripts = scripts
        self.office = site.person(scripts=scripts)
        self.principal = site.person(scripts=scripts)
        self.teacher = site.person(scripts=scripts, width="phone")

    def look(self, visit):
        """Check the page that is open; axe needs scripts."""
        if self.scripts:
            assert find_problems(visit) == []

    def apply_a_spreadsheet(self, manager, school, path):
        page = self.office.open("/imports/nouveau/", slug="nimes")
        sign_in(page, manager.username)
        page.get_by_label("Votre tableau").set_input_files(workbook_of(school, path))
        page.get_by_role("button", name="Déposer et vérifier").click()
        page.wait_for_url(re.compile(r"/imports/\d+/"))
        address = page.url
        wait_for_text(page, f"{address}?onglet=toutes", school.name)
        expect(page.locator("#bilan")).to_contain_text("3 licences")
        self.look(self.office)
        page.get_by_role("link", name="Appliquer…").click()
        page.get_by_label("Appliquer les lignes valables").check()
        page.get_by_role("button", name="Attribuer 3 licences").click()
        wait_for_text(page, address, "C’est fait.")
        return KEY.search(wait_for_email(self.mail, school.email))[0]

    def sign_up(self, visit, profile, username, last_name, first_name):
        """Let a person create an account, find the school, confirm the address and sign in on the home page."""
        page = visit.open("/inscription/")
        main = page.locator("main")
        main.get_by_label("Profil").select_option(profile)
        address = f"{username}@exemple.example"
        data = {"username": username, "last_name": last_name, "first_name": first_name, "email": address}
        for name, value in {**data, "school_query": "jaures"}.items():
            main.locator(f"[name={name}]").fill(value)
        main.get_by_role("button", name="Rechercher").click()
        main.get_by_label(re.compile("Jean Jaurès")).check()
        # A search without scripts sends the page back, and a password is never sent back.
        main.locator("[name=password1]").fill(PASSWORD)
        main.locator("[name=password2]").fill(PASSWORD)
        main.get_by_role("button", name="Créer mon compte").click()
        link = re.search(r"https?://\S+/adresse/confirmer/#\S+", wait_for_email(self.mail, address))[0]
        page.goto(link)
        if not self.scripts:
            page.get_by_label("Collez ici le lien de l’e-mail").fill(link)
            page.get_by_role("button", name="Continuer").click()
        page.get_by_role("button", name="Oui, la confirmer").click()
        header = visit.open("/").locator("header")
        if page.viewport_size == WIDTHS["phone"]:
            header.get_by_text("Menu", exact=True).click()
            header.get_by_role("link", name="Connexion").click()
            sign_in(page, username)
        else:
            header.get_by_label("Identifiant").fill(username)
            header.get_by_label("Mot de passe").fill(PASSWORD)
            header.get_by_role("button", name="Connexion").click()
        expect(page.get_by_role("navigation", name="Mon compte")).to_be_visible()
        expect(header).to_contain_text(f"Bonjour {first_name}")

    def redeem(self, code):
        page = self.principal.page
        page.get_by_label("Clé d’activation", exact=True).fill(code.lower().replace("-", " "))
        page.get_by_role("button", name="Activer la clé").click()
        expect(page.locator("#licences")).to_contain_text("0 sur 3")

    def assign(self, teacher, counter):
        page = self.principal.open("/mon-compte/")
        page.get_by_role("button", name=f"Donner une licence à {teacher}").click()
        expect(page.locator("#licences")).to_contain_text(counter)
        self.look(self.principal)

    def count_among_the_teachers(self, proposed):
        page = self.principal.page
        page.get_by_role("button", name=f"Ajouter à mes enseignants : {proposed}").click()
        expect(page.get_by_role("button", name=f"Donner une licence à {proposed}")).to_be_visible()

    def claim(self, code, by_hand):
        page = self.teacher.open("/mon-compte/")
        sign_in(page, by_hand.username)
        page.get_by_label("Clé d’activation", exact=True).fill(code)
        page.get_by_role("button", name="Saisir la clé").click()
        expect(page.locator("#licences")).to_contain_text("Compte de rattachement")
        self.look(self.teacher)
        self.principal.open("/mon-compte/")
        expect(self.principal.page.locator("#licences")).to_contain_text("3 sur 3")


@pytest.mark.parametrize(
    "scripts", [pytest.param(True, marks=pytest.mark.journey), False], ids=["with-scripts", "without-scripts"]
)
def test_from_a_spreadsheet_to_seats_for_teachers(committing, site, mail, worker, tmp_path, scripts):  # noqa: PLR0917
    with tenant_context(committing):
        manager = can_sign_in(MemberFactory(roles=[Role.MANAGER, Role.DATA_OFFICER]).user)
    grant(collectivity=committing, licences=10, reason="Essai", by=None, at=timezone.now())
    school = SchoolFactory(name="École élémentaire Jean Jaurès")
    proposed = TeacherFactory(first_name="Aïcha", last_name="Lambert")
    AffiliationFactory(user=proposed, school=None, name="ECOLE JAURES", postal_code=school.postal_code, city="Nimes")
    by_hand = can_sign_in(TeacherFactory(first_name="Nadine", last_name="Roux"))
    AffiliationFactory(user=by_hand, school=None, name="Groupe scolaire du centre", postal_code="30900")
    walk = Scenario(site, mail, scripts)

    code = walk.apply_a_spreadsheet(manager, school, tmp_path / "dotation.xlsx")
    walk.sign_up(site.person(scripts=scripts, width="phone"), "teacher", "colas", "Colas", "Benoît")
    walk.sign_up(walk.principal, "principal", "camille", "Martin", "Camille")
    walk.redeem(code)
    walk.assign("Benoît Colas", "1 sur 3")
    walk.count_among_the_teachers(proposed)
    walk.assign(proposed, "2 sur 3")
    walk.claim(code, by_hand)

    # The collectivity sees counts, and no teacher's name.
    page = walk.office.open("/", slug="nimes")
    expect(page.locator("main")).to_contain_text(re.compile(r"3\s+utilisées"))
    # Whole names: a manager that Faker invents may bear one of the last names.
    for teacher in ("Aïcha Lambert", "Benoît Colas", "Nadine Roux"):
        assert teacher not in page.content()


def test_an_office_session_is_valid_at_no_other_host(committing, site):
    user = can_sign_in(UserFactory())
    with tenant_context(committing):
        MemberFactory(user=user)
    visit = site.person()
    page = visit.open("/", slug="nimes")
    sign_in(page, user.username)
    expect(page.locator("header")).to_contain_text("Bonjour")
    (cookie,) = [cookie for cookie in page.context.cookies() if cookie["name"] == "session"]
    thief = site.person(session=cookie["value"], slug="gard")
    thief.open("/", slug="gard")
    expect(thief.page.locator("h1")).to_have_text("Connexion")
