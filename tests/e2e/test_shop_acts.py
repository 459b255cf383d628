"""Each act of the shop on a telephone: its message is in view and the keyboard goes on from it, scripts or not."""

import re

import pytest
from playwright.sync_api import expect

from tests.conftest import PASSWORD
from tests.e2e.outcomes import expect_outcome
from tests.e2e.sessions import create_session
from tests.factories.orders import OrderFactory
from tests.sites.portal.shop_buyer import ShopBuyer

ECOLE = {
    "name": "Ecole Jean Jaurès", "type": "Ecole", "sector": "Public", "address": "4 rue des Tilleuls",
    "postal_code": "30000", "commune": "Nîmes", "siret": "21300189400046",
}  # fmt: skip
BY_SCRIPTS = pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])


class ShopVisit:
    """A buyer on a telephone, who looks at what each act did."""

    def __init__(self, site, user, *, scripts):
        self.visit = site.person(width="phone", scripts=scripts, session=create_session(site, user))
        self.page, self.scripts = self.visit.page, scripts

    def press(self, name, sentence, *, link=False):
        self.page.get_by_role("link" if link else "button", name=name).first.click()
        expect_outcome(self.visit, sentence, scripts=self.scripts)

    def choose(self, payer, sentence):
        """Choose who pays; without scripts the address is asked for by a button."""
        self.page.get_by_label(payer).check()
        if not self.scripts:
            self.page.get_by_role("button", name="Proposer son adresse").click()
        expect_outcome(self.visit, sentence, scripts=self.scripts)


@pytest.fixture
def buyer(committing):
    return ShopBuyer(**ECOLE)


@pytest.mark.journey
@BY_SCRIPTS
def test_from_a_number_of_classes_to_a_deposited_purchase_order(buyer, site, tmp_path, scripts):
    shop = ShopVisit(site, buyer.user, scripts=scripts)
    page = shop.visit.open("/boutique/?classes=0")
    expect_outcome(shop.visit, "Indiquez un nombre de classes", scripts=scripts)
    shop.press("2 à 5 classes", "Pour 5 classes", link=True)
    shop.press("Commander", "Commande en cours")
    shop.choose("La coopérative scolaire", "Adresse proposée : Coopérative scolaire")
    expect(page.get_by_label("SIRET de qui paie", exact=True)).to_be_hidden()
    shop.choose("La mairie", "Adresse proposée : Commune de Nîmes")
    expect(page.get_by_label("SIRET de qui paie", exact=True)).to_be_visible()
    page.get_by_label("Ville").fill("")
    shop.press("Payer 199,00", "Rien n’est encore commandé")
    page.get_by_role("link", name="Ville").click()
    expect(page.get_by_label("Ville")).to_be_focused()
    page.get_by_label("Ville").fill("Nîmes")
    page.get_by_label("Payer par chèque ou mandat administratif").check()
    page.get_by_label("Je reconnais avoir pris connaissance").check()
    # The town hall pays: pressing the button binds nobody to pay, and it does not say so.
    expect(page.get_by_role("button", name="avec obligation de payer")).to_have_count(0)
    shop.press("Préparer le bon de commande pour ma mairie", "signer le bon de commande par « Commune de Nîmes »")
    expect(page.get_by_text("À faire signer et tamponner par : Commune de Nîmes (qui paie).")).to_be_visible()
    with page.expect_download():
        page.get_by_role("link", name="Télécharger le bon de commande").first.click()
    shop.press("Déposer", "Rien n’a été déposé")
    signed = tmp_path / "bon.pdf"
    signed.write_bytes(b"%PDF-1.7 signed")
    page.get_by_label("Bon de commande signé (PDF ou photo)").set_input_files(signed)
    shop.press("Déposer", "est déposé")
    page.get_by_label("SIRET de qui paie", exact=True).fill("1")
    shop.press("Enregistrer", "Rien n’a été enregistré")
    page.get_by_label("SIRET de qui paie", exact=True).fill("21300189400012")
    page.get_by_label("Code service").fill("SCOLAIRE")
    shop.press("Enregistrer", "sont enregistrées")
    page.get_by_role("link", name="Corriger l’adresse de facturation").click()
    shop.choose("Une entreprise", "Indiquez ci-dessous le nom et l’adresse")
    shop.press("Enregistrer", "Rien n’a été enregistré")
    shop.choose("La mairie", "Adresse proposée")
    shop.press("Enregistrer", "sont corrigées")


@BY_SCRIPTS
def test_a_card_that_is_declined_then_accepted_and_a_basket_that_is_left(buyer, site, scripts):
    shop = ShopVisit(site, buyer.user, scripts=scripts)
    page = shop.visit.open(buyer.basket(buyer.draft()))
    page.get_by_label("La coopérative scolaire").check()
    if not scripts:
        page.get_by_role("button", name="Proposer son adresse").click()
    expect_outcome(shop.visit, "Adresse proposée", scripts=scripts)
    page.get_by_label("Payer par carte bancaire").check()
    page.get_by_label("Je reconnais avoir pris connaissance").check()
    shop.press("Payer 199,00", "Paiement par carte")
    page.get_by_label("Elle le refuse").check()
    shop.press("Payer 199,00", "n’a pas abouti")
    shop.press("Réessayer", "Paiement par carte")
    shop.press("Payer 199,00", "est accepté")
    shop.visit.open(buyer.basket(buyer.draft()))
    shop.press("Abandonner cette commande", "est abandonnée")


@BY_SCRIPTS
def test_a_consumer_who_withdraws(committing, site, scripts):
    order = OrderFactory(current=True, placed=True, billing__payer="other", billing__name="Léa Roy", billing__siret="")
    shop = ShopVisit(site, order.placed_by, scripts=scripts)
    page = shop.visit.open(f"/boutique/commandes/{order.pk}/renoncer/")
    page.get_by_label("Vos nom et prénom").fill("")
    shop.press("Continuer", "Rien n’a été envoyé")
    page.get_by_label("Vos nom et prénom").fill("Léa Roy")
    shop.press("Continuer", "Confirmer la rétractation")
    shop.press("Confirmer la rétractation", "Vous avez renoncé au contrat")


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_the_basket_stays_beside_the_form_and_above_the_button_on_a_telephone(buyer, site, scripts):
    visit = site.person(scripts=scripts, session=create_session(site, buyer.user))
    page = visit.open(buyer.basket(buyer.draft()))
    pay = page.get_by_role("button", name=re.compile("^Payer 199,00"))
    basket = page.locator("#recapitulatif")
    pay.scroll_into_view_if_needed()
    box, button = basket.bounding_box(), pay.bounding_box()
    assert 0 <= box["y"] < button["y"]
    assert box["y"] + box["height"] <= page.viewport_size["height"]
    assert box["x"] > button["x"] + button["width"]
    page.set_viewport_size({"width": 390, "height": 844})
    box, button = basket.bounding_box(), pay.bounding_box()
    assert box["y"] + box["height"] <= button["y"]
    page.get_by_label("Payer par chèque ou mandat administratif").check()
    by_town_hall = page.get_by_role("button", name="Préparer le bon de commande pour ma mairie")
    expect(by_town_hall).to_be_visible()
    page.get_by_label("La coopérative scolaire").check()
    binding = page.get_by_role("button", name=re.compile("Recevoir le bon de commande.*obligation de payer"))
    expect(binding).to_be_visible()
    expect(by_town_hall).to_have_count(0)
    expect(pay).to_have_count(0)


@BY_SCRIPTS
@pytest.mark.parametrize("width", ["wide", "phone"])
def test_a_visitor_finds_the_next_step_in_the_window(buyer, site, can_sign_in, scripts, width):
    """After « Voir le moins cher », and after signing in on the way."""
    can_sign_in(buyer.user)
    visit = site.person(scripts=scripts, width=width)
    page = visit.open("/boutique/")
    page.get_by_label("Combien de classes").fill("3")
    page.get_by_role("button", name="Voir le moins cher").click()
    order, main = page.get_by_role("button", name="Commander", exact=True), page.locator("main")

    def expect_next_step():
        expect_outcome(visit, "Pour 3 classes", scripts=scripts)
        expect(order).to_be_in_viewport(ratio=1)
        if scripts:
            expect(order).to_be_focused()

    expect_next_step()
    order.click()
    main.get_by_label("Identifiant").fill(buyer.user.username)
    main.get_by_label("Mot de passe", exact=False).first.fill(PASSWORD)
    main.get_by_role("button", name="Connexion").click()
    expect(main).to_contain_text("Pour École Jean Jaurès")
    expect_next_step()
    order.click()
    expect(page.locator("h1")).to_contain_text("Commande en cours")


@pytest.mark.journey
def test_an_order_is_placed_by_keyboard_alone(buyer, site):
    visit = site.person(session=create_session(site, buyer.user))
    page = visit.open("/boutique/")

    def press(key, element):
        element.focus()
        page.keyboard.press(key)

    page.get_by_label("Combien de classes").focus()
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Pour 3 classes")
    press("Enter", page.get_by_role("button", name="Commander").first)
    visit.settle()
    press("Space", page.get_by_label("La coopérative scolaire"))
    expect_outcome(visit, "Adresse proposée")
    press("Space", page.get_by_label("Payer par chèque ou mandat administratif"))
    press("Space", page.get_by_label("Je reconnais avoir pris connaissance"))
    press("Enter", page.get_by_role("button", name="Recevoir le bon de commande"))
    expect_outcome(visit, "Votre commande est enregistrée")
