"""Section 3 of the printed guide, « Acquérir une licence »: one test a sentence.

`docs/guide-phrase-par-phrase.md` maps each sentence to its test.
"""

import datetime
import io
import re

import pypdf
import pytest
from django.utils import timezone

from licensing.books.billing import operations as billing_operations
from licensing.catalogue import terms
from licensing.entitlements.models import Subscription
from licensing.orders.models import Order
from tests.factories.accounts import UserFactory
from tests.factories.shop import open_shop
from tests.guide.scenario import account_text, page_text
from tests.sites.portal.shop_buyer import ShopBuyer

pytestmark = pytest.mark.slow

BOUTIQUE = "/boutique/"


@pytest.fixture
def buyer(db):
    return ShopBuyer()


def basket_of(buyer, order) -> str:
    return page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/preparer/"))


def page_of(buyer, order) -> str:
    return page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/"))


def pdf_text(buyer, path) -> str:
    """Return the text of a PDF."""
    content = buyer.browser.get(path).content
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return " ".join(text.replace("\xa0", " ").replace("’", "'").split())


def test_un_chef_d_etablissement_souhaitant_passer_commande_directement_dans_la_boutique(buyer):
    buyer.ordered()
    subscription = Subscription.objects.get(principal=buyer.user)
    assert (subscription.size, subscription.school) == (5, buyer.school)
    assert "Commandée en boutique" in account_text(buyer.user)


@pytest.mark.small
def test_la_boutique_propose_une_offre_simplifiee_en_licence_globale_a_cinq_niveaux(portal, db):
    open_shop()
    page = portal.get(BOUTIQUE)
    assert page.content.decode().count('<li class="shop-tier') == 5
    assert "licence globale TOUS NIVEAUX , en cinq paliers" in page_text(page)


def test_licences_peps_annuelles_tous_niveaux(buyer):
    assert "Licences Pep's (annuelles) TOUS NIVEAUX" in page_text(buyer.browser.get(BOUTIQUE))
    buyer.ordered()
    assert "Licences Pep's (annuelles) TOUS NIVEAUX" in account_text(buyer.user)


def test_mon_panier_dans_le_menu_mene_a_la_commande_en_cours(buyer, portal):
    menu = re.search(r'<nav[^>]*aria-label="Rubriques".*?</nav>', portal.get(BOUTIQUE).content.decode(), re.DOTALL)[0]
    assert "Mon panier" not in menu
    page = buyer.browser.get("/mon-compte/").content.decode()
    menu = re.search(r'<nav[^>]*aria-label="Rubriques".*?</nav>', page, re.DOTALL)[0]
    address = re.search(r'href="([^"]*)"[^>]*>\s*Mon panier', menu)[1]
    assert "Votre panier est vide" in page_text(buyer.browser.get(address))
    order = buyer.draft()
    assert buyer.browser.get(address)["Location"] == f"/boutique/commandes/{order.pk}/preparer/"
    buyer.pays(order)
    assert "Votre panier est vide" in page_text(buyer.browser.get(address))


def test_commander_une_licence_1_3_puis_2_3(buyer):
    assert "Commander une licence (1/3)" in page_text(buyer.browser.get(BOUTIQUE))
    assert "Commander une licence (2/3)" in basket_of(buyer, buyer.draft())
    assert "Commander une licence (3/3)" in page_of(buyer, buyer.ordered())


def test_les_licences_sont_valables_jusqu_au_31_aout_inclus(buyer):
    page = page_text(buyer.browser.get(BOUTIQUE))
    assert "Les licences Pep's sont valables pour l'ensemble de l'année scolaire" in page
    assert f"jusqu'au 31 août {buyer.year.ends_on.year} inclus." in page
    buyer.ordered()
    assert Subscription.objects.get().key.entitlement.last_day == buyer.year.ends_on


@pytest.mark.small
def test_un_acces_integral_et_illimite_aux_espaces_professeurs_et_eleves(portal, db):
    sentence = "Elles donnent un accès intégral et illimité aux espaces professeurs et élèves du site."
    assert sentence in page_text(portal.get(BOUTIQUE))


@pytest.mark.small
def test_une_licence_permet_au_professeur_de_creer_jusqu_a_30_comptes_eleves_par_classe(portal, db):
    open_shop()
    page = page_text(portal.get(BOUTIQUE, {"classes": "1"}))
    assert "Une licence permet au professeur de créer jusqu'à 30 comptes élèves par classe." in page
    assert "1 classe - 30 élèves" in page


@pytest.mark.small
def test_l_integralite_de_la_base_pour_tous_les_niveaux_du_cp_au_cm2(portal, db):
    sentence = "Les licences donnent accès à l'intégralité de la base Pep's, pour tous les niveaux du CP au CM2."
    assert sentence in page_text(portal.get(BOUTIQUE))


def test_commander(buyer):
    page = buyer.browser.get(BOUTIQUE, {"classes": "3"}).content.decode()
    assert re.search(r'<button class="btn btn-primary" id="commander" data-focus>Commander</button>', page)
    assert buyer.draft(3).lines.get().quantity == 5


def test_dans_l_exemple_vous_faites_l_acquisition_de_licences_pour_2_a_5_classes(buyer):
    for classes in range(2, 6):
        page = page_text(buyer.browser.get(BOUTIQUE, {"classes": str(classes)}))
        assert "TOTAL TTC 199,00 €" in page
        assert "5 classes - 150 élèves" in page


def test_vous_pourrez_distribuer_2_a_5_licences_a_autant_d_enseignants(buyer):
    buyer.ordered()
    subscription = Subscription.objects.get()
    assert "0 sur 5" in account_text(buyer.user)
    assert subscription.seats.free().count() == 5


def test_mon_panier_commande_en_cours_bonjour_acceder_a_l_application(buyer):
    page = basket_of(buyer, buyer.draft())
    for sentence in ("Bonjour Camille", "Accéder à l'application", "Mon panier", "Boutique", "Commande en cours"):
        assert sentence in page


def test_lorsque_la_commande_aura_ete_validee_un_reglement_par_carte_ou_par_cheque_mandat(buyer):
    page = basket_of(buyer, buyer.draft())
    assert "Lorsque la commande aura été validée" in page
    assert "en téléchargeant le bon de commande correspondant, à l'étape suivante" in page
    by_card, by_mandate = buyer.pays(buyer.draft(), method="card"), buyer.pays(buyer.draft())
    assert by_card["Location"].startswith("/paiement/")
    assert by_mandate["Location"] == f"/boutique/commandes/{Order.objects.latest('pk').pk}/"


def test_la_ligne_de_commande_et_ses_totaux(buyer):
    page = basket_of(buyer, buyer.draft())
    year = buyer.year.ends_on.year
    assert f"Licence globale TOUS NIVEAUX (5 classes - 150 élèves) – expiration au 31/08/{year} 199,00 €" in page
    for sentence in ("Total HT 165,83 €", "TVA 20 % 33,17 €", "TOTAL TTC 199,00 €"):
        assert sentence in page


def test_adresse_de_facturation(buyer):
    answer = buyer.browser.get(f"/boutique/commandes/{buyer.draft().pk}/preparer/").content.decode()
    assert "Adresse de facturation" in answer
    for expected in ("Collège Belin", "8 rue Férou", "75006", "Paris", "France"):
        assert f'value="{expected}"' in answer
    assert "Collège Belin 8 rue Férou 75006 Lutèce France" in page_of(buyer, buyer.ordered(city="Lutèce"))


def test_choisissez_votre_mode_de_paiement(buyer):
    page = basket_of(buyer, buyer.draft())
    for sentence in ("Choisissez votre mode de paiement", "Payer par carte bancaire",
                 "Payer par chèque ou mandat administratif"):  # fmt: skip
        assert sentence in page


def test_je_reconnais_avoir_pris_connaissance_des_cgv_et_les_accepte_sans_reserve(buyer):
    order = buyer.draft()
    sentence = "Je reconnais avoir pris connaissance des conditions générales de vente (nouvel onglet) et les accepte"
    assert sentence in basket_of(buyer, order)
    assert buyer.pays(order, terms="").status_code == 422
    order = buyer.ordered()
    assert (order.terms_version, order.terms_accepted_at.date()) == (terms.CURRENT, timezone.now().date())


def test_retour_et_payer(buyer):
    order = buyer.draft()
    page = buyer.browser.get(f"/boutique/commandes/{order.pk}/preparer/").content.decode()
    assert re.search(r'href="/boutique/\?classes=5">Retour</a>', page)
    assert re.search(r'value="payer">\s*<span class="shop-by-card">Payer 199,00\xa0€</span>', page)
    assert buyer.pays(order).status_code == 302


def test_les_etapes_sont_les_suivantes(buyer):
    page = buyer.browser.get(f"/boutique/commandes/{buyer.ordered().pk}/").content.decode()
    steps = re.search(r'<ol class="numbered">(.*?)</ol>', page, re.DOTALL)[1]
    assert steps.count("<li>") == 4


def test_telecharger_sauvegarder_et_imprimer_le_bon_de_commande_apparu_suite_au_clic(buyer):
    order = buyer.draft()
    page = page_text(buyer.browser.get(buyer.pays(order)["Location"]))
    assert "Téléchargez, sauvegardez et imprimez le bon de commande." in page
    answer = buyer.browser.get(f"/boutique/commandes/{order.pk}/bon-de-commande/")
    assert answer.content.startswith(b"%PDF-")
    assert answer["Content-Disposition"].startswith("attachment")


def test_verifier_completer_tamponner_et_adresser_a_l_adresse_indiquee_en_haut_a_droite(buyer):
    order = buyer.ordered()
    assert "à l'adresse indiquée en haut à droite" in page_of(buyer, order)
    text = pdf_text(buyer, f"/boutique/commandes/{order.pk}/bon-de-commande/")
    for sentence in ("Les Cahiers du Préau", "12 rue des Écoles", "Collège Belin", "199,00 €"):
        assert sentence in text
    assert "Signature et tampon" in text


def test_a_reception_du_bon_de_commande_une_facture_vous_sera_emise_pour_reglement(buyer):
    order = buyer.ordered()
    assert not order.invoices.exists()
    invoice = billing_operations.confirm(order_id=order.pk, by=UserFactory(), at=timezone.now())
    page = page_of(buyer, order)
    assert f"La facture {invoice.number} est émise : 199,00 € TTC" in page
    assert invoice.number in pdf_text(buyer, f"/boutique/commandes/{order.pk}/factures/{invoice.number}/")


def test_des_droits_temporaires_vous_sont_credites_gratuitement_pendant_45_jours(buyer):
    order = buyer.ordered()
    entitlement = Subscription.objects.get().key.entitlement
    assert entitlement.provisional_until == timezone.localdate() + datetime.timedelta(days=45)
    for page in (page_of(buyer, order), page_text(buyer.browser.get("/boutique/commandes/"))):
        assert "Droits temporaires jusqu'au" in page
        assert f"31 août {buyer.year.ends_on.year}" in page
        assert "encore 45 jours" in page
    assert order.payments.count() == 0
