"""Every act of an office that has no walk of its own: its message is in view, and the focus on an element."""

import re

import pytest
from django.utils import timezone
from django_tenants.utils import tenant_context
from playwright.sync_api import expect

from collectivities.capabilities import Role
from collectivities.operations import members
from imports import tasks
from imports.models import SpreadsheetImport
from licensing.orders import operations as orders
from mailing.models import Message
from tests.e2e.outcomes import expect_outcome
from tests.e2e.page_checks import find_overflow
from tests.e2e.sessions import open_signed_in
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.schools import SchoolFactory, next_uai
from tests.factories.shop import open_shop
from tests.orders import actions
from tests.pools.actions import allocate_units
from webhooks import leases
from webhooks.leases import AttemptResult, explain_status
from webhooks.models import WebhookEndpoint

HOST = "nimes.peps.localhost"
WEBHOOK = "https://evenements.ville-de-nimes.example/peps"
PAYER = {
    "address": "1 place de l'Hôtel de Ville",
    "postal_code": "30000",
    "city": "Nîmes",
    "email": "compta@nimes.example",
    "siret": "21300189400012",
}
CONTACT = {
    "Adresse de réponse": "education@nimes.example",
    "Personne à joindre": "Odile Périer",
    "Téléphone": "04 66 12 34 56",
}


class OfficeActs:
    """The acts of a member who may do everything, each with words of its message."""

    def __init__(self, visit, collectivity):
        self.visit, self.page, self.collectivity = visit, visit.page, collectivity

    def open(self, path):
        return self.visit.open(path, slug="nimes")

    def click(self, name):
        self.page.get_by_role("main").get_by_role("button", name=name).click()

    def follow(self, name):
        self.page.get_by_role("main").get_by_role("link", name=name).first.click()

    def list_member_acts(self):
        page = self.page
        self.open("/membres/inviter/")
        self.click("Envoyer l’invitation")
        yield "nobody invited", "À corriger"
        page.get_by_label("Adresse e-mail").fill("awa@exemple.example")
        page.get_by_label("Acheteur").check()
        self.click("Envoyer l’invitation")
        yield "somebody invited", "l’invitation part à l’adresse awa@exemple.example"
        self.click("Retirer l’invitation de awa@exemple.example")
        yield "an invitation withdrawn", "l’invitation est retirée"
        self.follow("Changer les rôles de Odile Périer")
        page.get_by_label("Acheteur").uncheck()
        self.click("Enregistrer les rôles")
        yield "a member without role", "À corriger"
        page.get_by_label("Lecteur").check()
        self.click("Enregistrer les rôles")
        yield "roles changed", "les rôles de Odile Périer sont enregistrés"
        self.follow("Retirer Odile Périer")
        self.click("Retirer Odile Périer")
        yield "a member removed", "Odile Périer ne fait plus partie du bureau"

    def list_setting_acts(self):
        page = self.page
        self.open("/reglages/")
        page.get_by_label("Adresse de réponse").fill("nulle part")
        self.click("Enregistrer les réglages")
        yield "a wrong reply address", "À corriger"
        for label, typed in CONTACT.items():
            page.get_by_label(label).fill(typed)
        self.click("Enregistrer les réglages")
        yield "settings kept", "les réglages sont enregistrés"
        self.open("/reglages/securite/")
        self.click("La demander")
        yield "a second factor asked for by who has none", "Impossible"

    def list_token_acts(self):
        page = self.page
        self.open("/reglages/api/creer/")
        self.click("Créer le jeton")
        yield "a token without rights", "À corriger"
        page.get_by_label("Nom du jeton").fill("SI de la ville")
        page.get_by_label("Lire – établissements").check()
        self.click("Créer le jeton")
        yield "a token", "Copiez-le maintenant"
        self.follow("J’ai copié le jeton")
        self.follow("Révoquer le jeton « SI de la ville »")
        self.click("Révoquer ce jeton")
        yield "a token revoked", "est révoqué"

    def list_webhook_acts(self):
        page = self.page
        self.open("/reglages/webhooks/ajouter/")
        self.click("Ajouter le webhook")
        yield "a webhook without address", "À corriger"
        page.get_by_label("Adresse").fill(WEBHOOK)
        self.click("Ajouter le webhook")
        yield "a webhook", "Copiez le secret maintenant"
        self.follow("J’ai copié le secret")
        self.click("Essayer")
        yield "an event sent to try", "l’essai est en route"
        with tenant_context(self.collectivity):
            webhook, at = WebhookEndpoint.objects.get(), timezone.now()
            claimed = leases.claim(endpoint_id=webhook.pk, limit=1, at=at)
            outcome = AttemptResult(200, explain_status(200), "", 84)
            leases.record_results(endpoint_id=webhook.pk, claimed=claimed, outcomes=[outcome], at=at)
        page.reload()
        self.click("Rejouer")
        yield "an event sent again", "l’envoi repart"
        self.follow("Tous les envois")
        self.follow("Modifier")
        page.get_by_label("Adresse").fill("nulle part")
        self.click("Enregistrer")
        yield "a wrong address", "À corriger"
        page.get_by_label("Adresse").fill(WEBHOOK)
        self.click("Enregistrer")
        yield "a webhook changed", "le webhook est enregistré"
        self.follow("Renouveler le secret")
        self.click("Renouveler le secret")
        yield "a secret renewed", "Copiez le secret maintenant"
        self.follow("J’ai copié le secret")
        self.follow("Supprimer")
        self.click("Supprimer ce webhook")
        yield "a webhook deleted", "le webhook est supprimé"

    def list_message_acts(self):
        with tenant_context(self.collectivity):
            message = Message.objects.filter(about__contains="École Zola").first()
        self.open(f"/messages/{message.pk}/")
        self.page.get_by_label("Adresse e-mail").fill("nulle part")
        self.click("Renvoyer")
        yield "sent again nowhere", "À corriger"
        self.page.get_by_label("Adresse e-mail").fill("direction@exemple.example")
        self.click("Renvoyer")
        yield "sent again", "Un nouveau message est en route"
        self.click("Afficher la clé")
        yield "a key shown", "La clé est affichée ci-dessous"

    def list_allocation_acts(self):
        page = self.page
        with tenant_context(self.collectivity):
            school = SchoolFactory(name="École Prévert")
        self.open(f"/attributions/attribuer/?ecole={school.pk}")
        page.get_by_label("Nombre de licences").fill("0")
        self.click("Attribuer et envoyer la clé")
        yield "no licence given", "À corriger"
        page.get_by_label("Nombre de licences").fill("2")
        self.click("Attribuer et envoyer la clé")
        yield "two licences given", "2 licences attribuées"
        self.click("Afficher la clé")
        self.click("Afficher la clé")
        yield "a key shown", "La voici"

    def list_portfolio_acts(self):
        page = self.page
        with tenant_context(self.collectivity):
            SchoolFactory(name="École Mistral")
        self.open("/ecoles/ajouter/?q=Mistral")
        self.click("Ajouter les écoles cochées")
        yield "no school ticked", "À corriger"
        page.get_by_label("UAI des établissements").fill("trois écoles")
        self.click("Ajouter cette liste")
        yield "no identifier in the list", "À corriger"
        page.get_by_label("UAI des établissements").fill(next_uai())
        self.click("Ajouter cette liste")
        yield "an unknown school", "l’annuaire ne connaît pas"
        self.open("/ecoles/ajouter/?q=Mistral")
        page.get_by_label("École Mistral").check()
        self.click("Ajouter les écoles cochées")
        yield "a school added", "1 école ajoutée au périmètre"

    def list_purchase_acts(self):
        page = self.page
        self.open("/achats/nouveau/?licences=0")
        yield "no licence asked for", "licence"
        for end in ("Abandonner", "Commander"):
            self.open("/achats/nouveau/?licences=30")
            self.click("Préparer la commande")
            yield f"prepared ({end})", "rien n’est encore commandé"
            self.click("Établir un devis")
            yield f"quoted ({end})", "établi"
            self.follow(end)
            if end == "Abandonner":
                self.click("Abandonner")
                yield "discarded", "est abandonnée"
        self.click("Commander, pour")
        yield "an order without its payer", "À corriger"
        for name, value in PAYER.items():
            page.locator(f"main [name={name}]").fill(value)
        page.locator("main [name=accepted]").check()
        self.click("Commander, pour")
        yield "ordered", "Commande passée"
        self.click("Déposer le bon de commande signé")
        yield "nothing uploaded", "À corriger"
        self.follow("Corriger l’adresse et les références")
        page.locator("main [name=address]").fill("")
        self.click("Enregistrer")
        yield "no address", "À corriger"
        page.locator("main [name=address]").fill("2 rue Neuve")
        self.click("Enregistrer")
        yield "an address", "Informations de facturation enregistrées"
        scan = {"name": "bon.pdf", "mimeType": "application/pdf", "buffer": actions.SCAN}
        page.get_by_label("Bon de commande signé").set_input_files(scan)
        self.click("Déposer le bon de commande signé")
        yield "a scan uploaded", "Bon de commande signé reçu"

    def upload(self, rows):
        content = "\n".join(["UAI;Licences", *rows]).encode()
        self.page.get_by_label("Votre tableau").set_input_files(
            {"name": "ecoles.csv", "mimeType": "text/csv", "buffer": content}
        )
        self.click("Déposer et vérifier")

    def work(self, task, **given):
        """Do what the worker would, and show the page anew; the page that waits for it, which would reload, is left."""
        self.open("/imports/")
        with tenant_context(self.collectivity):
            table = SpreadsheetImport.objects.latest("pk")
            task(import_id=table.pk, **given)
        self.open(f"/imports/{table.pk}/")

    def list_import_acts(self):
        page = self.page
        with tenant_context(self.collectivity):
            schools = SchoolFactory.create_batch(2)
        self.open("/imports/nouveau/")
        self.click("Déposer et vérifier")
        yield "no file", "À corriger"
        self.upload([f"{schools[0].pk};90"])
        yield "a file", "le tableau est déposé"
        self.work(tasks.read)
        self.follow("Annuler cet import")
        self.click("Annuler cet import")
        yield "an import cancelled", "ce tableau est annulé"
        self.open("/imports/nouveau/")
        self.upload([f"{school.pk};45" for school in schools])
        yield "another file", "le tableau est déposé"
        self.work(tasks.read)
        self.follow("Appliquer")
        self.click("Attribuer 90 licences")
        yield "no number typed", "Pour confirmer, tapez 90"
        page.get_by_label("Tapez ce nombre pour confirmer").fill("90")
        self.click("Attribuer 90 licences")
        yield "an import confirmed", "l’attribution commence"
        self.work(tasks.apply)
        yield "an import applied", "C’est fait"
        self.follow("Défaire cet import")
        self.click("Défaire cet import")
        yield "an undo asked for", "l’import se défait"
        self.work(tasks.undo, asked_at=timezone.now().isoformat())
        yield "an import undone", "Cet import est défait"

    def list_all(self):
        for list_acts in (
            self.list_member_acts,
            self.list_setting_acts,
            self.list_token_acts,
            self.list_webhook_acts,
            self.list_message_acts,
            self.list_allocation_acts,
            self.list_portfolio_acts,
            self.list_purchase_acts,
            self.list_import_acts,
        ):
            yield from list_acts()


@pytest.fixture
def member(committing):
    """A member with every role, in an office with a hundred licences, another member, and a school that has some."""
    now = timezone.now()
    open_shop()
    with tenant_context(committing):
        pool = orders.grant(collectivity=committing, licences=100, reason="Essai", by=None, at=now)
        allocate_units(pool, PortfolioSchoolFactory(school__name="École Zola").school, units=3, at=now)
        MemberFactory(roles=[Role.BUYER], user__first_name="Odile", user__last_name="Périer")
        return MemberFactory(roles=[Role.MANAGER, Role.BUYER, Role.DATA_OFFICER]).user


def find_dead_links(page):
    """Return the links of a summary of errors that lead to no field."""
    links = page.locator(".error-summary a")
    targets = links.evaluate_all("links => links.map((link) => link.getAttribute('href'))")
    return [target for target in targets if target == "#" or page.locator(f"[id='{target[1:]}']").count() != 1]


def judge(visit, acts, *, scripts):
    """Return what is wrong after each act: message out of view, focus on nothing, page too wide."""
    wrong = []
    for act, sentence in acts:
        try:
            expect_outcome(visit, sentence, scripts=scripts)
        except AssertionError as fault:
            wrong.append(f"{act}: {str(fault).splitlines()[0]}")
        wrong += [f"{act}: {problem}" for problem in find_overflow(visit.page)]
        wrong += [f"{act}: a link to nothing, {link}" for link in find_dead_links(visit.page)]
    return wrong


@pytest.mark.parametrize(
    ("scripts", "width"), [(True, "wide"), (True, "phone"), (False, "phone")], ids=["wide", "phone", "without-scripts"]
)
def test_after_each_act_of_an_office_its_message_is_in_view(committing, site, member, scripts, width):
    visit = open_signed_in(site, HOST, member, slug="nimes", scripts=scripts, width=width)
    wrong = judge(visit, OfficeActs(visit, committing).list_all(), scripts=scripts)
    assert not wrong, "\n".join(wrong)


def test_what_an_invited_person_forgot_is_in_view(committing, site):
    with tenant_context(committing):
        invitation = members.invite(email="awa@exemple.example", roles=[Role.MANAGER], by=None, at=timezone.now())
    visit = site.person(width="phone")
    page = visit.open_link(f"/invitation/#jeton={invitation.link_token}", slug="nimes")
    page.get_by_role("button", name="Créer mon compte et entrer").click()
    expect_outcome(visit, "À corriger")
    page.locator(".error-summary a").first.click()
    expect(page.locator(":focus")).to_have_attribute("name", re.compile("first_name|last_name|username"))
