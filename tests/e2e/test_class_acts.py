"""Every act on the pages of classes: its message is in view, and the focus on something that makes sense."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from licensing.classes import operations, pupils, words
from licensing.classes.models import Classroom, PupilAccount
from licensing.entitlements import operations as seats
from licensing.entitlements.models import Entitlement
from tests.classes.taught_class import TaughtClass
from tests.conftest import TERM
from tests.e2e.sessions import create_session
from tests.entitlements.school_scenario import SchoolScenario
from tests.waits import is_reached

#: Whether the message with these words is in the window, and where the keyboard is.
LOOK = """(words) => {
    const holds = (one) => one.textContent.replace(/\\s+/g, " ").includes(words);
    const inView = (box) => box.height > 0 && box.top >= -1 && box.bottom <= innerHeight + 1;
    const marked = [...document.querySelectorAll("[data-notice], [role=status], [role=alert], main h1")];
    const active = document.activeElement;
    return {
        seen: marked.some((one) => holds(one) && inView(one.getBoundingClientRect())),
        focus: active === document.body ? "" : active.outerHTML.slice(0, 80),
        focusSeen: inView(active.getBoundingClientRect()),
    };
}"""


#: What of the main content is wider than the window, once the text has twice its size.
OVERFLOW = """() => {
    document.documentElement.style.fontSize = "200%";
    return [...document.querySelectorAll("main *")]
        .filter((one) => one.checkVisibility() && one.getBoundingClientRect().right > innerWidth + 1)
        .map((one) => one.outerHTML.slice(0, 120));
}"""


@pytest.fixture
def school(committing):
    return SchoolScenario()


def open_details(page, summary):
    """Open a part that is folded; its summary is reached by keyboard as by mouse."""
    page.locator("summary", has_text=summary).first.click()


class ClassWalk:
    """Acts of a teacher, their colleague and a pupil, each with the words of its message."""

    def __init__(self, school, site, **person):
        self.school, self.site, self.person = school, site, person
        self.scripts = person["scripts"]
        code, _ = school.subscription()
        self.teacher, self.colleague = school.teacher(), school.teacher()
        self.seat = seats.claim(code=code, by=self.teacher, at=TERM)
        self.enter(create_session(site, self.teacher))

    def enter(self, session=""):
        """Begin a visit, in which leaving passwords that were not printed is confirmed."""
        self.visit = self.site.person(session=session, **self.person)
        self.visit.page.on("dialog", lambda dialog: dialog.accept())

    def open(self, path):
        return self.visit.open(path)

    def list_acts(self):
        yield from self.list_opening_acts()
        yield from self.list_pupil_acts()
        yield from self.list_sharing_acts()
        yield from self.list_acts_of_a_pupil()

    def list_opening_acts(self):
        page = self.open(f"/mes-classes/ouvrir/{self.seat.pk}/")
        page.get_by_label("Nombre d’élèves").fill("45")
        page.get_by_role("button", name="Ouvrir ma classe").click()
        yield "no name, too many", "Donnez un nom à la classe"
        page.get_by_label("Nom de la classe").fill("CE1 B")
        page.get_by_label("Nombre d’élèves").fill("12")
        page.get_by_role("button", name="Ouvrir ma classe").click()
        yield "opened with its accounts", "ne seront plus jamais affichés"
        with page.expect_download():
            page.get_by_role("button", name="Télécharger les 12 cartes").click()
        yield "cards downloaded", "dans vos téléchargements"
        self.classroom = Classroom.objects.get(seat=self.seat)
        self.address = f"/mes-classes/{self.classroom.pk}/"

    def list_pupil_acts(self):
        page = self.open(self.address)
        open_details(page, "Ajouter des élèves")
        page.get_by_label("Nombre de comptes à créer").fill("40")
        page.get_by_role("button", name="Créer les comptes").click()
        yield "too many accounts", "au plus 30 comptes"
        page.get_by_label("Nombre de comptes à créer").fill("2")
        page.get_by_role("button", name="Créer les comptes").click()
        yield "two accounts more", "2 comptes créés"
        self.open(self.address)
        word = words.spell(self.classroom.pupils.get(number=11).word)
        open_details(page, f"pour {word}")
        page.get_by_role("link", name=f"Nouveau mot de passe pour {word}").click()
        page.get_by_role("button", name="Donner un nouveau mot de passe").click()
        yield "one new password", "1 nouveau mot de passe"
        self.open(self.address)
        page.get_by_role("link", name="Nouveaux mots de passe pour tous").first.click()
        page.get_by_role("button", name="Donner 14 nouveaux mots de passe").click()
        yield "new passwords for all", "14 nouveaux mots de passe"
        self.open(self.address)
        open_details(page, f"pour {word}")
        page.get_by_role("link", name=f"Effacer ce compte ({word})").click()
        page.get_by_role("button", name="Effacer ce compte").click()
        yield "a pupil removed", "Sa place est libre"
        self.open(self.address + "eleves/3/retirer/")
        pupils.add_pupils(classroom_id=self.classroom.pk, count=1, by=self.teacher, at=timezone.now())
        page.get_by_role("button", name="Effacer ce compte").click()
        yield "from a page that is stale", "Rien n’a été fait cette fois-ci"
        Classroom.objects.update(tried_at=timezone.now())
        self.open(self.address)
        page.get_by_role("button", name="J’ai lu").click()
        yield "tries read", "l’avertissement est retiré"
        if self.scripts:
            yield from self.list_name_acts(page)

    def list_name_acts(self, page):
        self.open(self.address + "feuille/")
        first = page.locator("[data-first-name]").first
        first.fill("Adam")
        yield "asked whether to keep", "Garder les prénoms sur cet appareil ?"
        page.get_by_role("button", name="Non, seulement dans cette page").click()
        yield "not kept", "les prénoms ne sont que dans cette page"
        page.get_by_role("button", name="Les garder sur cet appareil").click()
        yield "first names kept", "les prénoms sont gardés sur cet appareil"
        open_details(page, "Les prénoms dans un fichier")
        page.locator("[data-sheet-open]").set_input_files(
            {"name": "classe.csv", "mimeType": "text/csv", "buffer": b"Nom;Classe\r\nX;Y\r\n"}
        )
        yield "a file that is no sheet", "Rien n’a été changé"
        open_details(page, "Effacer les prénoms de cet appareil")
        page.get_by_role("button", name="Oui, les effacer").click()
        yield "first names erased", "effacés de cet appareil"
        first.fill("Adam")
        page.get_by_role("button", name="Oui, les garder ici").click()
        yield "first names kept again", "les prénoms sont gardés sur cet appareil"
        self.open("/mes-classes/")
        open_details(page, "Des prénoms d’élèves sont gardés")
        page.get_by_role("button", name="Effacer tous les prénoms").click()
        yield "all first names erased", "plus aucun prénom"

    def list_sharing_acts(self):
        page = self.open(self.address)
        page.get_by_role("textbox", name="Nom de la classe").fill("")
        page.get_by_role("button", name="Enregistrer le nom").click()
        yield "a class without a name", "Donnez un nom à la classe"
        page.get_by_role("textbox", name="Nom de la classe").fill("CE1 C")
        page.get_by_role("button", name="Enregistrer le nom").click()
        yield "renamed", "le nouveau nom est enregistré"
        page.get_by_role("button", name="Inviter à partager").click()
        yield "nobody invited", "Saisissez l’identifiant de votre collègue"
        page.get_by_label("Identifiant de votre collègue").fill(self.colleague.username)
        page.get_by_role("button", name="Inviter à partager").click()
        yield "invited", "reçoit votre invitation"
        page.get_by_role("button", name="Reprendre l’invitation").click()
        yield "invitation recalled", "ne vaut plus rien"
        own = self.visit
        self.enter(create_session(self.site, self.colleague))
        for answer, words_of_message in (
            ("Refuser", "l’invitation est écartée"),
            ("Accepter", "vous partagez désormais la classe"),
        ):
            operations.create_invitation(
                classroom_id=self.classroom.pk, username=self.colleague.username, by=self.teacher, at=timezone.now()
            )
            page = self.open("/mes-classes/")
            page.get_by_role("button", name=answer).click()
            yield answer, words_of_message
        page.get_by_role("button", name="Quitter cette classe").click()
        yield "a shared class left", "vous avez quitté la classe"
        self.visit = own

    def list_acts_of_a_pupil(self):
        card = pupils.reset_passwords(classroom_id=self.classroom.pk, numbers=[1], by=self.teacher, at=timezone.now())[
            0
        ]
        self.enter()
        page = self.open("/eleve/")
        page.get_by_role("button", name="J’entre").click()
        yield "nothing typed", "Écris ton identifiant"
        page.get_by_label("Mon identifiant").fill(words.spell(card.login))
        page.get_by_label("Mon mot de passe").fill("bateau")
        page.get_by_role("button", name="J’entre").click()
        yield "one word of three", "Ton mot de passe a 3 mots"
        page.get_by_label("Mon mot de passe").fill("bateau bateau bateau")
        page.get_by_role("button", name="J’entre").click()
        yield "a wrong password", "Regarde bien ta carte"
        page.get_by_label("Mon mot de passe").fill(words.spell(card.password))
        page.get_by_role("button", name="J’entre").click()
        yield "in the class", f"Bonjour {words.spell(self.classroom.pupils.get(number=1).word).capitalize()}"
        Entitlement.objects.update(suspended_at=timezone.now())
        self.open("/eleve/classe/")
        yield "the class is closed", "fermée pour le moment"
        page.get_by_role("button", name="Quitter").click()
        yield "out of the class", "Tu peux fermer"


@pytest.mark.parametrize(("width", "scripts"), [("wide", True), ("phone", True), ("phone", False)])
def test_after_each_act_its_message_is_in_view_and_the_focus_is_kept(school, site, width, scripts):
    walk = ClassWalk(school, site, width=width, scripts=scripts)
    wrong = []
    acts = 0
    for act, message in walk.list_acts():
        acts += 1
        page = walk.visit.page
        expect(page.locator("main")).to_contain_text(re.compile(re.escape(message).replace(r"\ ", r"\s")))
        if scripts:
            walk.visit.settle()
            if not is_reached(lambda: is_shown(page, message)):  # noqa: B023 - called at once
                wrong.append((act, page.evaluate(LOOK, message)))
        elif not is_reached(lambda: is_message_in_window(page, message)):  # noqa: B023 - called at once
            wrong.append((act, "out of view"))
    assert wrong == []
    assert acts >= (30 if scripts else 23)
    assert PupilAccount.objects.count() == 14


def is_shown(page, message):
    """Whether the message and what has the focus stand in the window, once the page came to rest."""
    look = page.evaluate(LOOK, message)
    return look["seen"] and look["focusSeen"]


def is_message_in_window(page, message):
    """Whether the words stand in the window, without running anything in the page."""
    box = page.get_by_text(re.compile(re.escape(message).replace(r"\ ", r"\s"))).first.bounding_box()
    return box is not None and box["y"] >= 0 and box["y"] + box["height"] <= page.viewport_size["height"]


@pytest.mark.parametrize("width", ["wide", "phone"])
def test_pages_of_a_class_hold_text_of_twice_the_size(school, site, width):
    taught = TaughtClass(school, pupils=3)
    visit = site.person(width=width, session=create_session(site, taught.teacher))
    found = {path: visit.open(taught.url(path)).evaluate(OVERFLOW) for path in ("", "feuille/", "mots-de-passe/")}
    found["eleve"] = site.person(width=width).open("/eleve/").evaluate(OVERFLOW)
    assert {path: wide for path, wide in found.items() if wide} == {}
