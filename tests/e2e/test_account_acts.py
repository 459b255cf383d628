"""Every act of « Mon compte »: its message is in view, and the focus on something that makes sense."""

import datetime
import re

import pytest
from playwright.sync_api import expect

from licensing.entitlements import keys, operations
from licensing.requests.invitations.models import TeacherInvitation
from tests.conftest import PASSWORD, TERM
from tests.e2e.page_checks import find_overflow
from tests.e2e.sessions import create_session
from tests.entitlements.school_scenario import SchoolScenario
from tests.factories.accounts import TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.waits import is_reached

ACCOUNT = "/mon-compte/"

#: What of the page a person sees, and where the keyboard is.
LOOK = """() => {
    const notice = document.querySelector("[data-notice]");
    const box = notice?.getBoundingClientRect();
    const active = document.activeElement;
    const place = active.getBoundingClientRect();
    const inView = (one) => one && one.bottom > 0 && one.top < innerHeight && one.height > 0;
    return {
        notice: Boolean(inView(box) && box.top >= -1 && (box.bottom <= innerHeight + 1 || box.height > innerHeight)),
        focus: active === document.body ? "" : active.tagName + (active.id ? "#" + active.id : ""),
        focusInView: Boolean(inView(place)),
    };
}"""


class AccountWalk:
    """Acts of people in their « Mon compte », each with the words of its message."""

    def __init__(self, jaures, site, monkeypatch, *, scripts, width):
        self.jaures, self.site, self.monkeypatch = jaures, site, monkeypatch
        self.person = {"scripts": scripts, "width": width}
        self.code, _ = jaures.key(units=12)
        for number in range(12):
            teacher = TeacherFactory(last_name=f"Enseignant {number:02}", first_name="Alix")
            AffiliationFactory(user=teacher, school=jaures.school)
        proposed = TeacherFactory(last_name="Roux", first_name="Nadine")
        AffiliationFactory(
            user=proposed, school=None, name="Ecole J. Jaurès", postal_code=jaures.school.postal_code, city="Nîmes"
        )
        self.principal = jaures.principal
        self.principal.set_password(PASSWORD)
        self.principal.save()

    def visit_of(self, user, path=ACCOUNT):
        visit = self.site.person(session=create_session(self.site, user), **self.person)
        visit.open(path)
        return visit

    def give(self, page, number):
        page.get_by_role("button", name=f"Donner une licence à Alix Enseignant {number:02}").click()

    def unfold(self, page, summary):
        """Open a part that is folded, unless it stands open."""
        part = page.locator("details", has=page.get_by_text(summary, exact=True)).first
        if part.get_attribute("open") is None:
            part.locator("summary").click()

    def list_principal_acts(self, page):
        field = page.get_by_label("Clé d’activation", exact=True)
        field.fill("NIMES-7K3M-Q9TX-0000")
        page.get_by_role("button", name="Activer la clé").click()
        yield "a mistyped key", "faute de frappe"
        field.fill(keys.display("NIMES", self.code))
        page.get_by_role("button", name="Activer la clé").click()
        yield "a redeemed key", "12 licences"
        self.give(page, 0)
        yield "a licence given", "donnée à Alix Enseignant 00"
        page.get_by_role("button", name="Annuler").click()
        yield "undone", "annulé pour Alix Enseignant 00"
        self.give(page, 7)
        yield "a licence given far below", "donnée à Alix Enseignant 07"
        self.give(page, 11)
        yield "the last of the list", "donnée à Alix Enseignant 11"
        page.get_by_role("button", name=re.compile("aux personnes cochées")).click()
        yield "nobody ticked", "Cochez au moins une personne"
        for number in (2, 9):
            page.get_by_label(f"Cocher Alix Enseignant {number:02}").check()
        page.get_by_role("button", name=re.compile("aux personnes cochées")).click()
        yield "two ticked", "2 licences sont données"
        page.get_by_role("button", name="Annuler").click()
        yield "two undone", "annulé pour"
        self.give(page, 3)
        yield "given, and the time passes", "donnée à Alix Enseignant 03"
        with self.monkeypatch.context() as patch:
            patch.setattr("licensing.entitlements.notifications.UNDO_PERIOD", datetime.timedelta(0))
            page.get_by_role("button", name="Annuler").click()
            yield "undone too late", "trop tard"
        page.get_by_role("button", name="Ajouter à mes enseignants : Nadine Roux").click()
        yield "a proposed teacher added", "Nadine Roux fait partie de vos enseignants"
        page.get_by_role("link", name="Retirer la licence d’Alix Enseignant 03").click()
        page.get_by_role("button", name="Retirer la licence").click()
        yield "a licence taken back", "redevient disponible"
        page.get_by_role("link", name="Retirer la licence d’Alix Enseignant 07").click()
        successor = page.locator("#successeur option", has_text="Enseignant 08").get_attribute("value")
        page.get_by_label("La donner aussitôt à").select_option(successor)
        page.get_by_role("button", name="Retirer la licence").click()
        yield "a licence passed on", "La licence passe à Alix Enseignant 08"

    def list_invitation_acts(self, page):
        self.unfold(page, "Inviter des enseignants par leur adresse")
        page.get_by_label("Adresses e-mail").fill("Léa Martin <lea.martin@ac-nimes.example>\nKarim, sans adresse")
        page.get_by_role("button", name="Inviter", exact=True).click()
        yield "a line without an address", "n’a pas été comprise"
        page.get_by_role("button", name="Inviter l’adresse comprise").click()
        yield "the others invited", "Une invitation part à lea.martin@ac-nimes.example"
        self.unfold(page, "Inviter des enseignants par leur adresse")
        page.get_by_label("Adresses e-mail").fill("lea.martin@ac-nimes.example")
        page.get_by_role("button", name="Inviter", exact=True).click()
        yield "somebody invited twice", "Léa Martin (lea.martin@ac-nimes.example) est déjà dans la liste"
        page.get_by_role("button", name="Annuler l’invitation de Léa Martin").click()
        yield "an invitation cancelled", "est annulée"
        page.get_by_role("button", name="Rétablir l’invitation").click()
        yield "an invitation restored", "est rétablie"
        page.get_by_role("button", name="Annuler l’invitation de Léa Martin").click()
        yield "cancelled once more", "est annulée"
        TeacherInvitation.objects.update(ended_at=TERM)
        page.reload()
        page.get_by_role("button", name="Inviter de nouveau Léa Martin").click()
        yield "invited again", "Une invitation part à lea.martin@ac-nimes.example"
        page.get_by_role("button", name="Annuler l’invitation de Léa Martin").click()
        yield "cancelled to be forgotten", "est annulée"
        page.get_by_role("button", name="Enlever Léa Martin de la liste").click()
        yield "a person taken off the list", "n’est plus dans la liste"
        self.unfold(page, "Inviter des enseignants par leur adresse")
        page.get_by_label("Adresses e-mail").fill("\n".join(f"a{number}@x.example" for number in range(13)))
        page.get_by_role("button", name="Inviter", exact=True).click()
        yield "more invited than licences", "Vous invitez 13 personnes"
        self.unfold(page, "Inviter des enseignants par leur adresse")
        page.get_by_label("Adresses e-mail").fill("karim.petit@ac-nimes.example\nanne.roy@ac-nimes.example")
        page.get_by_role("button", name="Inviter", exact=True).click()
        yield "two invited", "2 invitations partent"
        day = datetime.timedelta(days=1)
        TeacherInvitation.objects.filter(ended_at=None).update(created_at=TERM - day)
        page.reload()
        page.get_by_role("button", name="Relancer karim.petit@ac-nimes.example").click()
        yield "an invitation sent again", "repart à karim.petit@ac-nimes.example"

    def list_school_acts(self, page):
        page.get_by_role("button", name="Enregistrer l’établissement").click()
        yield "no school chosen", "Choisissez votre établissement"
        other = SchoolFactory(name="École des Garrigues")
        page.get_by_label("Rechercher votre établissement").fill(other.uai)
        page.get_by_role("button", name="Rechercher", exact=True).click()
        page.get_by_label(re.compile("École des Garrigues")).check()
        page.get_by_role("button", name="Enregistrer l’établissement").click()
        yield "a school chosen", "Votre établissement est enregistré"
        page.get_by_role("link", name="Quitter cet établissement").last.click()
        page.get_by_role("button", name="Quitter l’établissement").click()
        yield "a school left", "n'est plus rattaché"

    def list_profile_acts(self, page):
        save = page.get_by_role("button", name="Valider mes informations")
        page.get_by_label("Adresse e-mail").fill("nouvelle@exemple.example")
        save.click()
        yield "a new address without the password", "mot de passe"
        page.get_by_label("Ancien mot de passe").fill(PASSWORD)
        save.click()
        yield "a new address", "Vos informations sont enregistrées"
        page.get_by_role("button", name="Renvoyer l’e-mail").click()
        yield "its letter sent again", "vient d'être envoyé à nouvelle@exemple.example"
        page.get_by_role("button", name="Garder l’adresse actuelle").click()
        yield "the old address kept", "Votre adresse reste"

    def list_unverified_acts(self, page):
        page.get_by_role("button", name="Je prends la direction de cet établissement").click()
        yield "a verification asked for", "Un lien vient d'être envoyé"

    def list_teacher_acts(self, page):
        page.get_by_label("Clé d’activation", exact=True).fill("NIMES-7K3M-Q9TX-0000")
        page.get_by_role("button", name="Saisir la clé").click()
        yield "a teacher's mistyped key", "faute de frappe"
        page.get_by_label("Clé d’activation", exact=True).fill(keys.display("NIMES", self.code))
        page.get_by_role("button", name="Saisir la clé").click()
        yield "a teacher's key", "Votre licence est active"

    def judge(self, visit, acts, *, scripts):
        """Return what is wrong after each act: message out of view, focus on nothing, page too wide."""
        found = []
        for act, sentence in acts:
            # Without scripts nothing but the next document can show the message.
            if scripts:
                visit.settle()
            words = re.compile(re.escape(sentence).replace("'", "['’]").replace("\\ ", r"\s"))
            expect(visit.page.locator("[data-notice]").first).to_contain_text(words)
            if scripts:
                expect(visit.page.locator(":focus")).to_have_count(1)
            # What htmx put in place is scrolled to a moment after it stands there.
            is_reached(lambda: is_shown(visit, scripts=scripts))
            seen = visit.page.evaluate(LOOK)
            if not seen["notice"]:
                found.append(f"{act}: the message is out of view")
            if scripts and not (seen["focus"] and seen["focusInView"]):
                found.append(f"{act}: the focus is on {seen['focus'] or 'nothing'}, out of view")
            found += [f"{act}: {problem}" for problem in find_overflow(visit.page)]
        return found


def is_shown(visit, *, scripts):
    """Whether the message stands in the window, and with scripts what has the focus too."""
    seen = visit.page.evaluate(LOOK)
    return seen["notice"] and (not scripts or (seen["focus"] and seen["focusInView"]))


@pytest.fixture
def jaures(committing):
    return SchoolScenario()


@pytest.mark.parametrize(("scripts", "width"), [(True, "phone"), (False, "wide")], ids=["scripts", "without-scripts"])
def test_after_each_act_its_message_is_in_view_and_the_focus_makes_sense(jaures, site, monkeypatch, scripts, width):
    walk = AccountWalk(jaures, site, monkeypatch, scripts=scripts, width=width)
    principal = walk.visit_of(walk.principal)
    wrong = walk.judge(principal, walk.list_principal_acts(principal.page), scripts=scripts)
    for path, list_acts in (
        (ACCOUNT, walk.list_invitation_acts),
        (f"{ACCOUNT}etablissement/", walk.list_school_acts),
        (f"{ACCOUNT}informations/", walk.list_profile_acts),
    ):
        principal.open(path)
        wrong += walk.judge(principal, list_acts(principal.page), scripts=scripts)
    for user, list_acts in (
        (jaures.add_principal(), walk.list_unverified_acts),
        (TeacherFactory(), walk.list_teacher_acts),
    ):
        visit = walk.visit_of(user)
        wrong += walk.judge(visit, list_acts(visit.page), scripts=scripts)
    assert wrong == []


def test_a_slip_that_nobody_needs_is_refused_in_view(jaures, site):
    _, subscription = jaures.subscription(units=1)
    operations.assign(subscription_id=subscription.pk, teacher=jaures.principal, by=jaures.principal, at=TERM)
    visit = site.person(session=create_session(site, jaures.principal))
    visit.open(f"{ACCOUNT}bons/{subscription.pk}/")
    expect(visit.page.locator("[data-notice]")).to_contain_text("Un bon ne servirait à personne")
    assert visit.page.evaluate(LOOK)["notice"]
