"""« Rechercher partout » finds numbers, amounts, UAIs, addresses and keys as people mistype them."""

from decimal import Decimal

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context

from collectivities.operations.offices import request_office
from licensing.entitlements import keys
from licensing.orders.models import Order
from licensing.payments.models import Payment
from mailing.models import Message
from schools import uai
from sites.back_office.global_search import may_be_key, search_everywhere
from sites.back_office.sale_search import is_document_number, list_near_amounts, read_amount, read_number
from tenants.models import Collectivity
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.licensing import KeyFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import SchoolFactory

CODE = "7K3M9QTX2HW" + keys.compute_check_symbol("7K3M9QTX2HW")


def search(text):
    with schema_context("public"):
        return search_everywhere(text)


# --- Numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    ["facture n° P2026-000010", "P2O26-00001O", "FA 2026/10", "f2026-10", "avoir 2026-10", "Fact. 2026 0010"],
)
def test_the_number_of_an_invoice_is_read_whatever_stands_before_it(written):
    assert read_number(written).invoice == (2026, 10)


@pytest.mark.parametrize(
    "written", ["commande 12", "Commande n° 12", "cde n°12", "cmd12", "n° 12", "DV2026-12/2", "bc 2026-12"]
)
def test_the_number_of_an_order_is_read_from_its_documents(written):
    assert read_number(written).order_id == 12


@pytest.mark.slow
@pytest.mark.parametrize(
    "written",
    [
        "P 2026 000 002",
        "facture P 2026 000 002",
        "2026 000 002",
        "facture 2026000002 de 48 000 euros",
        "la facture n° 2026-2 de la mairie",
        "votre paiement de 48 000 € pour P2026 000 002",
        "relance 2026000002 Nîmes",
    ],
)
def test_the_number_of_an_invoice_is_found_in_groups_and_in_a_sentence(written, db):
    with schema_context("public"):
        invoice = OrderFactory(current=True, confirmed=True).invoices.get()
        OrderFactory(current=True, confirmed=True)
    number = written.replace("2026", str(invoice.year)).replace("000 002", f"000 {invoice.sequence:03}")
    number = number.replace("000002", f"{invoice.sequence:06}").replace("-2 ", f"-{invoice.sequence} ")
    assert not may_be_key(number)
    assert search(number).invoices == [invoice]


@pytest.mark.parametrize("written", ["école 12", "nimes 30000", "rue de la facture 10", "2026-10", "99", "ales", ""])
def test_what_names_no_document_is_no_number_of_one(written):
    assert not any(read_number(written))


@pytest.mark.slow
def test_an_invoice_and_an_order_are_found_by_their_numbers_as_they_are_written(db):
    with schema_context("public"):
        order = OrderFactory(current=True, confirmed=True)
        invoice = order.invoices.get()
    year, rank = invoice.year, invoice.sequence
    for written in (f"facture {rank}", f"FA {year}-{rank}", f"Facture n° {invoice.number}"):
        assert search(written).invoices == [invoice], written
    for written in (f"commande n° {order.pk}", f"cde {order.pk}", f"BC{year}-{order.pk}", f"DV{year}-{order.pk}"):
        assert search(written).orders == [order], written


def test_the_number_of_a_document_is_no_key_and_a_key_is_no_number_of_a_document():
    # Its symbols and its check symbol are those of a key, as one order's in thirty-two.
    assert keys.parse("commande 1719")
    named = ("commande 1719", "Commandes 1719", "bon de commande n° 1719", "facture 12345", "devis n° 17")
    for written in ("DV2026-12", "BC2026-12/2", "FA 2026-10", "f2026/10", *named):
        assert is_document_number(written), written
        assert not may_be_key(written), written
    for typed in (
        CODE,
        keys.display("FA", CODE),
        "FA-2026-1234-5678",
        "FA20-2612-3456",
        "BC2026123456",
        "commande7K3M",
    ):
        assert not is_document_number(typed), typed
        assert may_be_key(typed), typed


@pytest.mark.slow
@pytest.mark.parametrize("spaced", [False, True])
def test_a_payer_is_found_by_its_siret_whether_invoiced_or_not(spaced, db):
    siret = "21300189400012"
    with schema_context("public"):
        waiting = OrderFactory(current=True, placed=True, billing__siret=siret)
        invoiced = OrderFactory(current=True, confirmed=True, billing__siret=siret)
    found = search("213 001 894 00012" if spaced else siret)
    assert found.orders == [invoiced, waiting]
    assert found.invoices == [invoiced.invoices.get()]
    assert [one.siren for one in found.collectivities] == ["213001894"]


# --- Amounts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written", ["1 234,50", "1234.5 €", "1,234.50", "1.234,50 EUR", "1234,50 euros TTC", "1 234,50€"]
)
def test_an_amount_is_read_as_french_and_english_write_it(written):
    assert read_amount(written) == Decimal("1234.5")


def test_near_amounts_have_two_digits_swapped():
    assert list_near_amounts(Decimal("199.00")) == [Decimal("190.90"), Decimal("919.00")]


@pytest.mark.slow
def test_a_sale_is_found_by_its_amount_and_else_by_a_slip_of_it(db):
    with schema_context("public"):
        order = OrderFactory(current=True, paid=True)
        invoice, payment = order.invoices.get(), Payment.objects.get(order=order)
    assert order.total_ttc == Decimal("199.00")
    for written in ("199", "199,00 €", f"{order.total_ht} HT".replace(".", ","), "919", "190,90"):
        found = search(written)
        assert found.orders == [order], written
        assert found.invoices == [invoice], written
    assert search("199").payments == search("919").payments == [payment]
    assert not search("919").note
    assert "Les plus proches" in search("198").note
    assert search("400").orders == []


@pytest.mark.slow
def test_the_cents_of_an_amount_may_be_left_out(db):
    with schema_context("public"):
        order = OrderFactory(current=True, placed=True)
        Order.objects.filter(pk=order.pk).update(total_ht="165.83", total_vat="0.00", total_ttc="165.83")
    assert (search("165").orders, search("165").note) == ([order], "")
    assert "Les plus proches" in search("165,00").note


# --- UAI, addresses, keys ---------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_school_is_found_by_a_mistyped_uai(db):
    school = SchoolFactory()
    digits, letter = school.uai[:7], school.uai[7]
    other = next(one for one in uai.LETTERS if one != letter)
    swapped = digits[:5] + digits[6] + digits[5]
    for typed in (digits, digits + other, digits.lstrip("0") + letter.lower(), f"{digits[:3]} {digits[3:]}{other}"):
        assert search(typed).schools == [school], typed
        assert not may_be_key(typed)
    if swapped != digits:
        assert search(swapped + letter).schools == [school]


@pytest.mark.parametrize(
    "typed",
    [
        "aisha@",
        "aicna@personnes-demo.example",
        "aïsha",
        "Aicah",
        "aisha@gmail.example",
    ],
)
def test_a_person_is_found_a_letter_away(typed, db):
    person = UserFactory(
        first_name="Aïcha", last_name="Benali", username="abenali", email="aicha@personnes-demo.example"
    )
    for first_name, last_name in (("Alicia", "Brun"), ("Sacha", "Petit"), ("Aichatou", "Bah"), ("Anisa", "Faure")):
        name = f"{first_name}.{last_name}".lower()
        UserFactory(first_name=first_name, last_name=last_name, username=name, email=f"{name}@ecole.example")
    assert search(typed).people == [person]


@pytest.mark.parametrize("typed", ["isha", "aida", "ais", "aishas", "oicha", "contact@gmail.example"])
def test_two_letters_away_or_another_initial_is_somebody_else(typed, db):
    UserFactory(first_name="Aïcha", last_name="Benali", username="abenali", email="aicha@personnes-demo.example")
    for rank in range(6):
        UserFactory(first_name="Zoé", last_name="Zola", username=f"z{rank}", email=f"contact@ecole{rank}.example")
    assert search(typed).people == []


@pytest.mark.usefixtures("no_offices")
@pytest.mark.parametrize("typed", ["mairie d'Alais", "Aless", "ales"])
def test_a_town_is_found_by_its_sound(typed, nimes, gard):
    with schema_context("public"):
        town = Collectivity.objects.create(
            name="Ville d'Alès", kind="commune", siren="213000078", slug="ales", key_prefix="ALES",
            schema_name="ales", created_at=TERM,
        )  # fmt: skip
    assert search(typed).collectivities == [town]


@pytest.mark.parametrize("domain", ["ac-montpelier.fr", "ac-toulouse.fr"])
def test_a_school_is_found_by_the_uai_in_an_address_with_another_domain(domain, db):
    school = SchoolFactory(uai="0300123" + uai.check_letter("0300123"), email="ce.0300123@ac-montpellier.fr")
    assert search(f"ce.{school.uai.lower()}@{domain}").schools == [school]


@pytest.mark.slow
def test_the_address_of_invoices_is_found_as_it_is_written_and_misspelt(db):
    with schema_context("public"):
        order = OrderFactory(current=True, placed=True, billing__email="compta.scolaire@beziers.example")
    for written in ("compta.scolaire@beziers.example", "compta.scolaires@bezier.example"):
        assert search(written).orders == [order], written


def test_an_email_of_the_portal_is_found_by_its_address(db):
    now = timezone.now()
    with schema_context("public"):
        message = Message.objects.create(kind="x", recipient="Perdu@Exemple.example", created_at=now, due_at=now)
    assert search("perdu@exemple.example").emails == [message]


@pytest.mark.parametrize(
    "written", ["Lunel", "mairie de lunell", "Odile Perrier", "odile.perier@lunel.example", "213401458"]
)
def test_who_asks_for_an_office_is_found_before_it_is_opened(written, db):
    asked = request_office(
        name="Ville de Lunel", kind="commune", siren="213401458", applicant="Odile Périer",
        email="odile.perier@lunel.example", at=TERM,
    )  # fmt: skip
    assert search(written).office_requests == [asked]


@pytest.mark.slow
def test_a_request_of_an_office_and_an_email_of_the_portal_are_links_to_pages_that_open(operator, db):
    now = timezone.now()
    with schema_context("public"):
        message = Message.objects.create(kind="x", recipient="odile@lunel.example", created_at=now, due_at=now)
    asked = request_office(
        name="Ville de Lunel", kind="commune", siren="213401458", applicant="Odile Périer",
        email="odile@lunel.example", at=TERM,
    )  # fmt: skip
    page = operator.get("/admin/rechercher/", {"query": "odile@lunel.example"}).content.decode()
    for path in (f"tenants/officerequest/{asked.pk}", f"mailing/message/{message.pk}"):
        assert f'href="/admin/{path}/change/"' in page
        assert operator.get(f"/admin/{path}/change/").status_code == 200


@pytest.mark.parametrize("typed", ["7K3M-9QTX-2HX", "7K3M-9QXT-2HW", "8K3M-9QTX-2HW", "NIMES 7K3M 9QT 2HW"])
def test_a_key_with_a_slip_is_found_and_not_shown(typed, nimes):
    key = KeyFactory(code=CODE)
    KeyFactory()
    found = search(typed + CODE[-1])
    assert found.keys == [key]
    assert found.schools == [key.school]
    assert "7K3M" not in found.query_label
