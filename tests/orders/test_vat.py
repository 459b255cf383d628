"""VAT by the payer's place: territories, postal codes, and what a draft, a quote and an order do with it."""

import random
from decimal import ROUND_HALF_UP, Decimal

import pytest

from core.money import CENT, add_vat, extract_vat
from licensing.catalogue import terms
from licensing.catalogue.models import Product
from licensing.orders import billing_details, operations
from licensing.orders.exceptions import NotInvoiceable
from licensing.orders.operations import compute_basket_fingerprint
from licensing.orders.vat import VatCategory, VatTreatment, find_disagreement, find_treatment, get_country_code, get_vat
from tests.conftest import TERM
from tests.factories.billing_details import BillingDetailsFactory
from tests.factories.orders import OrderFactory, PurchaseFactory
from tests.orders import actions
from tests.refusals import refuses

#: Those of the territories.
RATES = tuple(Decimal(rate) for rate in ("0.00", "8.50", "20.00"))


@pytest.mark.parametrize(
    ("country", "postal_code", "treatment"),
    [
        ("France", "75001", VatTreatment.METROPOLITAN),
        ("", "20000", VatTreatment.METROPOLITAN),
        ("Monaco", "98000", VatTreatment.METROPOLITAN),
        ("France", "98000", VatTreatment.METROPOLITAN),
        ("France", "97110", VatTreatment.OVERSEAS),
        ("France", "97 200", VatTreatment.OVERSEAS),
        ("La Réunion", "97400", VatTreatment.OVERSEAS),
        ("France", "97300", VatTreatment.NOT_APPLIED),
        ("Mayotte", "97600", VatTreatment.NOT_APPLIED),
        # Postal codes of Guadeloupe that are not in Guadeloupe.
        ("France", "97133", VatTreatment.OUTSIDE_EU),
        ("Saint-Martin", "97150", VatTreatment.OUTSIDE_EU),
        ("France", "97500", VatTreatment.OUTSIDE_EU),
        ("Nouvelle-Calédonie", "98800", VatTreatment.OUTSIDE_EU),
        ("France", "98714", VatTreatment.OUTSIDE_EU),
        ("Wallis-et-Futuna", "98600", VatTreatment.OUTSIDE_EU),
        ("Suisse", "1201", VatTreatment.OUTSIDE_EU),
        ("Royaume-Uni", "SW1A 1AA", VatTreatment.OUTSIDE_EU),
        ("Maroc", "20000", VatTreatment.OUTSIDE_EU),
        ("Belgique", "1000", VatTreatment.EU_CONSUMER),
    ],
)
def test_the_payer_s_place_gives_the_treatment(country, postal_code, treatment):
    assert find_disagreement(get_country_code(country), postal_code) == ""
    assert find_treatment(country=country, postal_code=postal_code, vat_number="") == treatment


def test_a_vat_number_matters_in_another_member_state_only():
    def find(country, postal_code):
        return find_treatment(country=country, postal_code=postal_code, vat_number="BE0403053608")

    assert find("Belgique", "1000") == VatTreatment.EU_TAXABLE
    assert find("France", "75001") == VatTreatment.METROPOLITAN


@pytest.mark.parametrize(
    ("country", "postal_code"),
    [
        ("Belgique", "97110"),
        ("Guadeloupe", "97400"),
        ("Suisse", "75001"),
        ("Espagne", "97110"),
        ("Monaco", "06000"),
        ("France", "1000"),
    ],
)
def test_a_postal_code_of_another_country_is_noticed(country, postal_code):
    assert find_disagreement(get_country_code(country), postal_code)


@pytest.mark.parametrize(
    ("name", "code"), [("L-1234", "LU"), ("b 1000", "BE"), ("A-1010", "AT"), ("1234 AB", "NL"), ("1234-567", "PT")]
)
def test_postal_codes_are_read_as_their_countries_write_them(name, code):
    assert find_disagreement(code, name) == ""


def test_a_country_is_known_by_its_french_name():
    names = ("Côte d’Ivoire", "PAYS-BAS", "États-Unis", "de")
    assert [get_country_code(name) for name in names] == ["CI", "NL", "US", "DE"]
    with pytest.raises(NotInvoiceable, match="Atlantide"):
        get_country_code("Atlantide")


@pytest.mark.parametrize(("product_rate", "rate"), [("20.00", "8.50"), ("10.00", "2.10"), ("5.50", "2.10")])
def test_overseas_has_its_own_two_rates(product_rate, rate):
    vat = get_vat(VatTreatment.OVERSEAS, product_rate=Decimal(product_rate))
    assert (vat.rate, vat.category, vat.reason) == (Decimal(rate), VatCategory.STANDARD, "")


def test_every_treatment_without_vat_says_why():
    for treatment in VatTreatment:
        vat = get_vat(treatment, product_rate=Decimal("20.00"), exemption="Exonération, article 262 du CGI.")
        assert (vat.rate == 0) == bool(vat.reason) == (vat.category != VatCategory.STANDARD)


@pytest.mark.slow
def test_thousands_of_splits_are_exact_at_the_territories_rates():
    draw = random.Random(12)  # noqa: S311 - the same amounts each time
    for _ in range(20_000):
        rate, price = draw.choice(RATES), Decimal(draw.randint(1, 10**9)) / 100
        ttc = extract_vat(price, rate)
        assert ttc.ttc == price == ttc.ht + ttc.vat
        assert abs(ttc.ht * (100 + rate) - price * 100) <= (100 + rate) / 200
        ht = add_vat(price, rate)
        assert ht.vat == (price * rate / 100).quantize(CENT, rounding=ROUND_HALF_UP)
        assert (ht.ht, ht.ttc) == (price, price + ht.vat)
        if not rate:
            assert ttc.vat == ht.vat == 0


def place_in(order, *, basket=None, **place):
    details = BillingDetailsFactory(collectivity=order.collectivity_id is not None, **place)
    return operations.place(
        order_id=order.pk,
        billing=details,
        terms_version=terms.CURRENT,
        basket=basket,
        by=order.placed_by,
        at=TERM,
    )


def get_sums(order):
    order.refresh_from_db()
    line = order.lines.get()
    assert (order.total_ht, order.total_vat, order.total_ttc) == (line.total_ht, line.total_vat, line.total_ttc)
    return order.total_ht, line.vat_rate, order.total_ttc


@pytest.mark.slow
def test_a_school_pays_its_tier_and_the_rate_of_its_payer_s_place_is_inside(db):
    order = OrderFactory()
    assert get_sums(order) == (Decimal("165.83"), Decimal("20.00"), Decimal("199.00"))
    place_in(order, postal_code="97110")
    assert get_sums(order) == (Decimal("183.41"), Decimal("8.50"), Decimal("199.00"))
    other = OrderFactory()
    place_in(other, postal_code="97300")
    assert get_sums(other) == (Decimal("199.00"), Decimal("0.00"), Decimal("199.00"))
    assert other.lines.get().vat_reason == "TVA non applicable, article 294 du CGI."


@pytest.mark.slow
def test_a_collectivity_s_price_is_ht_and_the_rate_is_added(nimes):
    order = PurchaseFactory()
    place_in(order, postal_code="97600")
    assert get_sums(order) == (Decimal("40000.00"), Decimal("0.00"), Decimal("40000.00"))


def test_a_draft_is_taxed_where_the_school_is(db):
    order = OrderFactory(affiliation__school__postal_code="97410")
    assert get_sums(order)[1] == Decimal("8.50")


@pytest.mark.slow
def test_an_address_that_changes_vat_is_agreed_to_on_the_page_first(nimes):
    order = PurchaseFactory()
    shown = compute_basket_fingerprint(order)
    with refuses("price_changed", match="8,5"):
        place_in(order, postal_code="97110", basket=shown)
    assert get_sums(order)[1] == Decimal("20.00")
    line = order.lines.get()
    billing_details.preview_vat(order, line, country="France", postal_code="97110", vat_number="")
    assert order.total_ttc == Decimal("43400.00")
    place_in(order, postal_code="97110", basket=compute_basket_fingerprint(order, line))
    assert get_sums(order) == (Decimal("40000.00"), Decimal("8.50"), Decimal("43400.00"))


@pytest.mark.slow
def test_a_quote_is_taxed_at_its_addressee_s_and_holds_its_rate(nimes):
    order = PurchaseFactory(quoted=True)
    operations.issue_quote(
        order_id=order.pk,
        billing=BillingDetailsFactory(collectivity=True, postal_code="97400"),
        by=order.placed_by,
        at=TERM,
    )
    assert get_sums(order)[1] == Decimal("8.50")
    Product.objects.update(vat_rate=Decimal("10.00"))
    place_in(order, postal_code="97400")
    assert get_sums(order)[1] == Decimal("8.50")


@pytest.mark.slow
def test_a_card_is_charged_what_the_payer_s_place_gives(db):
    order = OrderFactory(by_card=True, billing=BillingDetailsFactory(cooperative=True, postal_code="97600"))
    actions.settle_by_card(order)
    invoice = order.invoices.get()
    assert (invoice.total_vat, invoice.total_ttc) == (Decimal("0.00"), Decimal("199.00"))
