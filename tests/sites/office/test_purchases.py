"""« Achats » at an office: from the price of a volume to the invoice; buyers act, managers read."""

import datetime
import html
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from collectivities.capabilities import Role
from licensing.books.billing import operations as billing_operations
from licensing.catalogue import terms
from licensing.orders import billing_details, purchase_orders
from licensing.orders.models import Order, OrderState, PublicBody, ScanState
from licensing.pools.models import Pool
from tests.conftest import TERM
from tests.factories.billing_details import PAYER_SIRET
from tests.factories.collectivities import MemberFactory, PortfolioSchoolFactory
from tests.factories.orders import PurchaseFactory
from tests.factories.shop import get_seller, put_on_sale
from tests.orders import actions
from tests.tiers import sampled

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _at_term(monkeypatch):
    """Set the current time to a day whose prices are published."""
    monkeypatch.setattr("django.utils.timezone.now", lambda: TERM)


@pytest.fixture
def buyer(office, nimes):
    return office("nimes", MemberFactory(roles=[Role.BUYER]).user)


@pytest.fixture
def manager(office, nimes):
    return office("nimes", MemberFactory(roles=[Role.MANAGER]).user)


def purchase_url(name, *args):
    return reverse(f"purchases:{name}", urlconf="config.urls_tenant", args=args)


def page_text(answer):
    return html.unescape(answer.content.decode()).replace("\xa0", " ").replace("\u202f", " ")


def billing_fields(**fields):
    defaults = {
        "name": "Ville de Nîmes",
        "address": "1 place de l'Hôtel de Ville",
        "postal_code": "30000",
        "city": "Nîmes",
        "email": "compta@nimes.example",
        "siret": "213 001 894 00012",
        "terms_version": terms.CURRENT,
        "accepted": "on",
    }
    return {name: value for name, value in (defaults | fields).items() if value is not None}


@pytest.mark.parametrize("htmx", [False, True])
def test_a_volume_shows_its_price_with_and_without_scripts(buyer, htmx):
    put_on_sale()
    get_seller()

    page = page_text(
        buyer.get(purchase_url("new"), {"licences": "2 000"}, headers={"HX-Request": "true"} if htmx else {})
    )

    assert ("<html" in page) is not htmx
    for figure in ("20,00 €", "40 000,00 €", "8 000,00 €", "48 000,00 €", "31 août 2027"):
        assert figure in page
    assert not Order.objects.exists()


@pytest.mark.slow
def test_the_page_says_which_licences_the_office_has_already(buyer):
    put_on_sale()
    get_seller()
    assert "Vous avez déjà" not in page_text(buyer.get(purchase_url("new")))
    PurchaseFactory(placed=True)
    page = page_text(buyer.get(purchase_url("new")))
    assert "Vous avez déjà 2 000 licences pour cette année, dont 2 000 libres." in page


@pytest.mark.parametrize(
    ("typed", "status"),
    sampled(
        [
            ("deux mille", 422),
            ("", 422),
            ("1.5", 422),
            ("1,5", 422),
            ("-1", 422),
            ("0", 409),
            ("9999999", 409),
            ("1" * 13, 409),
        ],
        fast=2,
    ),
)
def test_an_invalid_volume_is_reported_beside_the_field(buyer, typed, status):
    put_on_sale()
    get_seller()

    for ask in (buyer.get, buyer.post):
        answer = ask(purchase_url("new"), {"licences": typed})
        assert answer.status_code == status
        assert 'role="alert"' in page_text(answer)
    assert not Order.objects.exists()


@pytest.mark.slow
def test_a_larger_volume_that_costs_less_is_pointed_out(buyer):
    put_on_sale()
    get_seller()

    # 480 at 30 € come to more than 500 at 25 €; 100 at 30 € do not.
    assert "500 licences reviendraient moins cher" in page_text(buyer.get(purchase_url("new"), {"licences": "480"}))
    assert "moins cher" not in page_text(buyer.get(purchase_url("new"), {"licences": "100"}))


@pytest.mark.parametrize("known", [put_on_sale, get_seller])
def test_without_prices_or_a_seller_the_page_gives_a_contact(buyer, known):
    known()

    assert "pas encore publiés" in page_text(buyer.get(purchase_url("new")))


@pytest.mark.slow
def test_a_volume_becomes_a_draft_which_becomes_a_quote(buyer):
    put_on_sale()
    get_seller()

    prepared = buyer.post(purchase_url("new"), {"licences": "2000"})
    order = Order.objects.get()
    quoted = page_text(buyer.post(purchase_url("quote", order.pk), follow=True))
    response = buyer.get(purchase_url("quote_pdf", order.pk))

    assert prepared["Location"] == purchase_url("detail", order.pk)
    order.refresh_from_db()
    assert order.quote_number in quoted
    assert "23 décembre 2026" in quoted
    assert response["Content-Type"] == "application/pdf"
    assert not Pool.objects.exists()


@pytest.mark.slow
def test_ordering_opens_the_lot_at_once_and_says_what_is_left_to_do(buyer, nimes):
    order = PurchaseFactory()

    page = page_text(buyer.post(purchase_url("order", order.pk), billing_fields(), follow=True))

    order.refresh_from_db()
    assert (order.state, order.siret, order.terms_version) == (OrderState.PLACED, PAYER_SIRET, terms.CURRENT)
    assert Pool.objects.get().capacity == 2000
    for message in ("2 000 licences sont utilisables", "8 janvier 2027", "bon de commande (PDF)", "12 rue des Écoles"):
        assert message in page
    assert buyer.get(purchase_url("purchase_order_pdf", order.pk)).content.startswith(b"%PDF-")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"accepted": None}, 422, "Cochez cette case"),
        ({"siret": "21300189400013"}, 409, "faute de frappe"),
        ({"postal_code": "300"}, 409, "cinq chiffres"),
        ({"terms_version": "2019-01"}, 409, "viennent de changer"),
        ({"name": ""}, 422, "Ce champ est obligatoire"),
    ],
)
def test_an_invalid_order_is_refused_with_the_reason(buyer, changed, status, message):
    order = PurchaseFactory()

    answer = buyer.post(purchase_url("order", order.pk), billing_fields(**changed))

    order.refresh_from_db()
    assert (answer.status_code, order.state) == (status, OrderState.DRAFT)
    assert message in page_text(answer)
    # Also above the form: the field may be far below.
    assert 'role="alert"' in page_text(answer)
    assert not Pool.objects.exists()


@pytest.mark.slow
def test_missing_invoice_data_is_shown_live_and_completed_after_ordering(buyer):
    PublicBody.objects.create(siret=PAYER_SIRET, name="COMMUNE DE NIMES", engagement_required=True, changed_at=TERM)
    order = PurchaseFactory(placed=True)
    fields = billing_fields(siret=PAYER_SIRET)

    typing = page_text(buyer.get(purchase_url("complete", order.pk), fields, headers={"HX-Request": "true"}))
    waiting = page_text(buyer.get(purchase_url("detail", order.pk)))
    buyer.post(purchase_url("complete", order.pk), fields | {"engagement_number": "2026-118"})

    assert "demande un numéro d’engagement" in typing
    assert "<html" not in typing
    assert "demande un numéro d’engagement" in waiting
    order.refresh_from_db()
    assert order.engagement_number == "2026-118"
    assert "demande un numéro d’engagement" not in page_text(buyer.get(purchase_url("detail", order.pk)))


@pytest.mark.slow
def test_the_signed_purchase_order_is_uploaded_found_again_and_replaced(buyer):
    order = PurchaseFactory(placed=True)

    def send(content, name="bon signé.pdf"):
        return buyer.post(purchase_url("upload", order.pk), {"scan": SimpleUploadedFile(name, content)}, follow=True)

    refused, missing = send(b"GIF89a"), buyer.post(purchase_url("upload", order.pk))
    assert (refused.status_code, missing.status_code) == (409, 422)
    for answer in (refused, missing):
        assert "Rien n’a été déposé" in page_text(answer)
    assert "ni un PDF ni une photo" in page_text(refused)
    assert not order.scans.exists()

    received = page_text(send(actions.SCAN))
    scan = order.scans.get()
    kept = buyer.get(purchase_url("scan", order.pk, scan.pk))

    assert "en cours de vérification" in received
    for page in (received, page_text(buyer.get(purchase_url("list")))):
        assert "est arrêté le temps que nous vérifiions votre bon de commande" in page
        assert "dans l’attente du règlement" not in page
    assert (kept.content, kept["X-Content-Type-Options"]) == (actions.SCAN, "nosniff")
    assert kept["Content-Disposition"].startswith("attachment")
    send(actions.SCAN + b" again", "le bon.pdf")
    assert order.scans.get(state=ScanState.WAITING).filename == "le bon.pdf"


@pytest.mark.slow
def test_a_refused_scan_says_why_and_an_invoiced_order_what_to_pay_and_how(buyer):
    order = PurchaseFactory(placed=True)
    by = order.placed_by
    scan = actions.upload(order)
    purchase_orders.refuse_scan(scan_id=scan.pk, reason="Il n'est pas signé.", by=by, at=TERM)
    assert "n’est pas signé" in page_text(buyer.get(purchase_url("detail", order.pk)))

    invoice = billing_operations.confirm(order_id=order.pk, by=by, at=TERM)
    page = page_text(buyer.get(purchase_url("detail", order.pk)))

    for message in (invoice.number, "À régler", "FR76 3000 6000", "24 décembre 2026"):
        assert message in page
    response = buyer.get(purchase_url("invoice_pdf", order.pk, invoice.number))
    assert response.content.startswith(b"%PDF-")
    assert buyer.get(purchase_url("invoice_pdf", order.pk, "P2026-999999")).status_code == 404


@pytest.mark.slow
def test_a_payment_that_was_reversed_says_why_in_its_line(buyer):
    order = PurchaseFactory(confirmed=True)
    actions.reverse(order, payment=actions.pay(order, amount=120), reason="mistake")
    actions.reverse(order, payment=actions.pay(order, amount=100), reason="other", text="Pour nos livres")
    page = " ".join(page_text(buyer.get(purchase_url("detail", order.pk))).split())
    paid = page[page.index("<h3>Règlements</h3>") :].partition("</ul>")[0].replace("\N{MINUS SIGN}", "-")
    came, went, _, went_too = (line.partition("</li>")[0].strip() for line in paid.split("<li>")[1:])
    assert came.endswith(" 120,00 €, virement ou mandat administratif (VIR 1)")
    assert went.endswith(" -120,00 €, virement ou mandat administratif (VIR 1) – annulé : erreur de saisie")
    # The words of the operator are for the books.
    assert went_too.endswith(" -100,00 €, virement ou mandat administratif (VIR 1) – annulé")


@pytest.mark.slow
def test_a_draft_is_given_up_once_and_leaves_the_list(buyer):
    order = PurchaseFactory(quoted=True)

    assert buyer.get(purchase_url("discard", order.pk)).status_code == 200
    gone = page_text(buyer.post(purchase_url("discard", order.pk), follow=True))

    order.refresh_from_db()
    assert order.state == OrderState.CANCELLED
    assert f'href="{purchase_url("detail", order.pk)}"' not in gone


@pytest.mark.slow
def test_a_manager_reads_and_is_shown_nothing_to_do(manager):
    order = PurchaseFactory(placed=True, units=40)

    page = page_text(manager.get(purchase_url("detail", order.pk)))
    listed = page_text(manager.get(purchase_url("list")))

    assert 'type="file"' not in page
    assert purchase_url("complete", order.pk) not in page
    assert "1 680,00 €" in listed
    assert purchase_url("new") not in listed


@pytest.mark.slow
def test_the_list_asks_as_much_for_three_orders_as_for_one(buyer, django_assert_num_queries):
    PurchaseFactory(placed=True)
    buyer.get(purchase_url("list"))
    with django_assert_num_queries(8):
        buyer.get(purchase_url("list"))
    for days in (1, 2):
        PurchaseFactory(placed=True, units=30, at=TERM + datetime.timedelta(days=days))
    with django_assert_num_queries(8):
        page = page_text(buyer.get(purchase_url("list")))
    assert page.count("Bon de commande signé attendu") == 3
    assert page.count("Droits temporaires") == 3


@pytest.mark.slow
def test_missing_documents_are_not_found(buyer):
    order = PurchaseFactory()

    for name in ("quote_pdf", "purchase_order_pdf"):
        assert buyer.get(purchase_url(name, order.pk)).status_code == 404


@pytest.mark.slow
def test_home_and_pools_link_to_order_and_shop_for_those_allowed(office, nimes, buyer):
    order = PurchaseFactory(placed=True)
    viewer = office("nimes", MemberFactory(roles=[Role.VIEWER]).user)

    for page in ("/", "/lots/"):
        assert purchase_url("detail", order.pk) in page_text(buyer.get(page))
        assert "/achats/" not in page_text(viewer.get(page))
    assert purchase_url("new") in page_text(buyer.get("/lots/"))


@pytest.mark.slow
def test_an_invoice_rejected_by_its_platform_is_shown_and_corrected(buyer):
    order = PurchaseFactory(placed=True)
    by = order.placed_by
    invoice = billing_operations.confirm(order_id=order.pk, by=by, at=TERM)
    assert purchase_url("complete", order.pk) not in page_text(buyer.get(purchase_url("detail", order.pk)))
    for state, reason in (("deposited", ""), ("rejected", "Code service inconnu.")):
        billing_operations.record_platform_status(invoice_id=invoice.pk, state=state, reason=reason, by=by, at=TERM)

    page = page_text(buyer.get(purchase_url("detail", order.pk)))
    listed = page_text(buyer.get(purchase_url("list")))
    answer = buyer.post(purchase_url("complete", order.pk), billing_fields(name="Nîmes Métropole", service_code="EDUC"))

    assert "Code service inconnu." in page
    assert "ne la réglez pas" in page
    # An invoice to be cancelled shows neither an amount to pay nor an unpaid state.
    for one in (page, listed):
        assert "Facture non acceptée, à refaire" in one
        assert "à régler" not in one
    assert "IBAN" not in page
    home = page_text(buyer.get("/"))
    assert "facture non acceptée, ses références sont à corriger" in home
    assert "à régler" not in home
    assert purchase_url("complete", order.pk) in page
    assert answer.status_code == 302
    order.refresh_from_db()
    assert order.service_code == "EDUC"


@pytest.mark.slow
def test_saving_the_billing_page_keeps_the_vat_that_the_operator_corrected(buyer):
    order = PurchaseFactory(placed=True)
    billing_details.correct_vat(
        order_id=order.pk, treatment="eu_taxable", vat_number="BE0403053608", reason="Siège en Belgique.",
        by=order.placed_by, at=TERM,
    )  # fmt: skip
    assert buyer.post(purchase_url("complete", order.pk), billing_fields(name="Ville")).status_code == 302
    order.refresh_from_db()
    assert (order.bill_name, order.vat_number, order.total_vat) == ("Ville", "BE0403053608", 0)


@pytest.mark.slow
def test_an_address_that_changes_vat_is_answered_by_the_new_total(buyer):
    order = PurchaseFactory()
    shown = buyer.get(purchase_url("order", order.pk)).context["basket_fingerprint"]
    asked = buyer.post(purchase_url("order", order.pk), billing_fields(postal_code="97110", panier=shown))
    page = page_text(asked)
    order.refresh_from_db()
    assert (asked.status_code, order.state) == (409, OrderState.DRAFT)
    assert "TVA 8,5 %" in page
    assert "Commander, pour 43 400,00 € TTC" in page
    again = billing_fields(postal_code="97110", panier=asked.context["basket_fingerprint"])
    assert buyer.post(purchase_url("order", order.pk), again).status_code == 302
    order.refresh_from_db()
    assert (order.state, order.total_ttc) == (OrderState.PLACED, Decimal("43400.00"))


@pytest.mark.slow
def test_the_classes_are_those_of_the_schools_that_say_them(buyer):
    put_on_sale()
    get_seller()
    PortfolioSchoolFactory(classes=4)
    PortfolioSchoolFactory(classes=6)
    address = purchase_url("new")
    assert "votre périmètre compte 10 classes." in " ".join(page_text(buyer.get(address)).split())
    PortfolioSchoolFactory.create_batch(3, classes=None)
    page = " ".join(page_text(buyer.get(address)).split())
    assert "D’après votre liste d’écoles, 2 écoles sur 5 comptent 10 classes." in page
