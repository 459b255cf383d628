"""The shop in a real browser: five classes by card, then by cheque, from the price to the last document."""

import io
import re
import shutil
import subprocess

import pypdf
import pytest
from django.utils import timezone
from playwright.sync_api import expect

from licensing.books.billing import operations as billing_operations
from licensing.entitlements.models import Subscription
from licensing.orders.models import Order, OrderState, ScanState
from licensing.orders.settlement import PaymentMethod
from licensing.payments import operations as payment_operations
from tests.conftest import PASSWORD
from tests.e2e.face_checks import MAX_TRANSFER, find_faults_of_identity, measure_transfer
from tests.e2e.page_checks import at_widths, find_problems, find_problems_at_both_widths
from tests.e2e.sessions import create_session
from tests.e2e.site import WIDTHS
from tests.factories.accounts import UserFactory
from tests.factories.orders import OrderFactory
from tests.sites.portal.shop_buyer import ShopBuyer


@pytest.fixture
def buyer(committing):
    return ShopBuyer()


def download_text(page, name):
    """Download a PDF by its link and return its text; check that poppler renders its first page."""
    with page.expect_download() as download:
        page.get_by_role("link", name=re.compile(name)).first.click()
    path = download.value.path()
    content = path.read_bytes()
    if shutil.which("pdftoppm"):
        drawn = subprocess.run(["pdftoppm", "-r", "20", "-gray", "-l", "1", path], capture_output=True, check=True)  # noqa: S603, S607 - a file of ours
        assert min(drawn.stdout[-20_000:]) < 128 < max(drawn.stdout[-20_000:])
    text = " ".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(content)).pages)
    return " ".join(text.replace("\xa0", " ").replace("’", "'").split())


@pytest.mark.journey
def test_a_principal_buys_five_licences_by_card_and_has_them_at_once(buyer, site, can_sign_in):
    can_sign_in(buyer.user)
    visit = site.person()
    page = visit.open("/boutique/")
    # The price tier follows the input; the choice survives signing in.
    page.get_by_label("Combien de classes ?").press_sequentially("3")
    expect(page.get_by_role("heading", name="Licence globale TOUS NIVEAUX (5 classes - 150 élèves)")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("199,00 € TTC")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Commander", exact=True).click()
    main = page.locator("main")
    expect(main).to_contain_text("Votre choix est gardé : 3 classes.")
    main.get_by_label("Identifiant").fill(buyer.user.username)
    main.get_by_label("Mot de passe", exact=False).first.fill(PASSWORD)
    main.get_by_role("button", name="Connexion").click()
    expect(page).to_have_url(re.compile(r"/boutique/\?classes=3#commander$"))
    page.get_by_role("button", name="Commander").click()
    # « Qui paie ? » changes the address in place and keeps the ticked boxes.
    page.get_by_label("Je reconnais avoir pris connaissance").check()
    page.get_by_label("La coopérative scolaire").check()
    expect(page.get_by_label("Nom*")).to_have_value("Coopérative scolaire, Collège Belin")
    expect(page.get_by_label("La coopérative scolaire")).to_be_focused()
    page.get_by_label("Payer par carte bancaire").check()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Payer 199,00").click()
    expect(page.get_by_role("heading", name="Paiement par carte")).to_be_visible()
    assert not Subscription.objects.exists()
    page.get_by_role("button", name=re.compile("^Payer 199,00")).click()
    expect(main).to_contain_text("0 sur 5")
    assert Order.objects.get().state == OrderState.PAID
    page.get_by_role("link", name="Donner mes licences").click()
    expect(page.locator("#licences")).to_contain_text("0 sur 5")
    page.get_by_role("navigation", name="Mon compte").get_by_role("link", name="Licences").click()
    page.get_by_role("link", name="Voir la commande").click()
    assert find_problems_at_both_widths(visit) == []
    assert "199,00 €" in download_text(page, "Télécharger la facture")


@pytest.mark.journey
def test_a_principal_buys_by_cheque_without_scripts(buyer, site, tmp_path):
    visit = site.person(scripts=False, session=create_session(site, buyer.user))
    page = visit.open("/boutique/")
    page.get_by_role("link", name="2 à 5 classes").click()
    page.get_by_role("button", name="Commander").click()
    page.get_by_role("button", name="Payer 199,00").click()
    expect(page.get_by_role("alert").first).to_contain_text("Rien n’est encore commandé")
    page.get_by_label("Payer par chèque ou mandat administratif").check()
    page.get_by_label("Je reconnais avoir pris connaissance").check()
    page.get_by_role("button", name="Recevoir le bon de commande").click()
    expect(page.locator("main")).to_contain_text("Droits temporaires jusqu’au")
    order = Order.objects.get()
    text = download_text(page, "Télécharger le bon de commande")
    for result in ("BON DE COMMANDE", "Collège Belin", "5 classes - 150 élèves", "199,00 €", "Signature et tampon"):
        assert result in text
    assert not order.invoices.exists()
    page.goto(site.url("/mon-compte/"))
    expect(page.locator("#licences")).to_contain_text("0 sur 5")
    expect(page.locator("#licences")).to_contain_text("Droits temporaires jusqu’au")
    page.goto(site.url(f"/boutique/commandes/{order.pk}/"))
    signed = tmp_path / "bon signé.pdf"
    signed.write_bytes(b"%PDF-1.7 signed")
    page.get_by_label("Bon de commande signé (PDF ou photo)").set_input_files(signed)
    page.get_by_role("button", name="Déposer").click()
    expect(page.locator("main")).to_contain_text("Nous le vérifions")
    assert order.scans.get().state == ScanState.WAITING
    operator, now = UserFactory(), timezone.now()
    invoice = billing_operations.confirm(order_id=order.pk, by=operator, at=now)
    page.reload()
    text = download_text(page, "Télécharger la facture")
    for result in (invoice.number, "165,83 €", "33,17 €", "199,00 €"):
        assert result in text
    payment_operations.record_payment(
        order_id=order.pk, method=PaymentMethod.CHEQUE, amount=order.total_ttc, received_on=timezone.localdate(now),
        reference="12", by=operator, at=now,
    )  # fmt: skip
    page.reload()
    expect(page.locator("main")).to_contain_text("Commande réglée")
    expect(page.locator("main")).to_contain_text(f"jusqu’au 31 août {buyer.year.ends_on.year} inclus")
    expect(page.locator("main")).not_to_contain_text("Droits temporaires jusqu’au")


def test_pages_of_a_pending_order_have_no_problems(buyer, site):
    order = buyer.ordered()
    visit = site.person(session=create_session(site, buyer.user))
    for path in (f"/boutique/commandes/{order.pk}/", "/boutique/commandes/"):
        visit.open(path)
        assert find_problems_at_both_widths(visit) == []
    visit.open(f"/boutique/commandes/{order.pk}/")
    visit.page.get_by_role("button", name="Déposer").click()
    expect(visit.page.locator("main")).to_contain_text("Choisissez le fichier")
    assert find_problems(visit) == []


def test_a_teacher_corrects_who_pays_then_withdraws_in_two_steps(committing, site):
    order = OrderFactory(current=True, placed=True, billing__payer="other", billing__name="Léa Roy", billing__siret="")
    visit = site.person(session=create_session(site, order.placed_by))
    page = visit.open(f"/boutique/commandes/{order.pk}/payeur/")
    assert find_problems_at_both_widths(visit) == []
    page.get_by_label("Ville").fill("Alès")
    page.get_by_role("button", name="Enregistrer").click()
    expect(page.locator("address").first).to_contain_text("Alès")
    page.get_by_role("link", name="Renoncer au contrat ici").click()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Continuer").click()
    page.get_by_role("heading", name="Confirmer la rétractation").wait_for()
    assert find_problems_at_both_widths(visit) == []
    page.get_by_role("button", name="Confirmer la rétractation").click()
    expect(page.locator("main")).to_contain_text("Vous avez renoncé au contrat")
    assert find_problems_at_both_widths(visit) == []


def test_pages_of_the_shop_load_little_and_keep_the_identity_and_large_text(buyer, site):
    """At 200 % of the text's size a telephone shows all of a page without moving it sideways."""
    order, draft = buyer.ordered(), buyer.draft()
    base = "/boutique/commandes/"
    pages = (
        "/boutique/?classes=7", base, f"{base}{draft.pk}/preparer/", f"{base}{order.pk}/",
        f"{base}{order.pk}/payeur/",
    )  # fmt: skip
    for path in pages:
        visit = site.person(session=create_session(site, buyer.user))
        transfer, parts = measure_transfer(visit, path)
        print(f"{path}: {transfer} bytes")  # noqa: T201
        assert transfer <= MAX_TRANSFER, parts
        assert at_widths(visit.page, find_faults_of_identity, *WIDTHS) == [], path
        visit.page.set_viewport_size(WIDTHS["phone"])
        # Through the debugger: the CSP allows no style in the page.
        visit.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert visit.page.locator("main").evaluate("(main) => main.scrollWidth - main.clientWidth") <= 0, path
