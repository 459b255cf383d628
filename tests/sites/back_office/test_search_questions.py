"""« Rechercher partout » reads questions, says what it cut, and offers what is nearest where nothing answers."""

import re
from decimal import Decimal
from html import unescape

import pytest
from django.utils import timezone
from django_tenants.utils import schema_context, tenant_context

from collectivities.models import OfficeSettings
from licensing.orders.models import Order
from licensing.pools.models import Pool
from schools import uai
from schools.models import DirectoryWord
from sites.back_office.global_search import WantedKind, read_key_number, read_phone, read_question, search_everywhere
from sites.back_office.sale_search import list_amounts_a_digit_away
from tests.factories.accounts import UserFactory
from tests.factories.licensing import KeyFactory
from tests.factories.orders import OrderFactory
from tests.factories.schools import SchoolFactory
from tests.invitations.inviting_school import InvitingSchool
from tests.pools.actions import allocate_units


def search(text):
    with schema_context("public"):
        return search_everywhere(text)


def read_page(operator, query):
    with schema_context("public"):
        page = operator.get("/admin/rechercher/", {"query": query}).content.decode()
    return page, " ".join(unescape(re.sub("<[^>]*>", " ", page)).replace("\u00a0", " ").split())


# --- Questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "wanted", "rest"),
    [
        ("facture nimes", WantedKind.INVOICES, "nimes"),
        ("la factre de la mairie de nimes", WantedKind.INVOICES, "mairie nimes"),
        ("mairie de Nîmes, où est ma facture", WantedKind.INVOICES, "mairie nimes"),
        ("commandes du Gard", WantedKind.ORDERS, "gard"),
        ("clé de l'école Jean Jaurès", WantedKind.KEYS, "ecole jean jaures"),
        ("invitation lea martin", WantedKind.INVITATIONS, "lea martin"),
        ("Collège de l'Est", None, "Collège de l'Est"),
        ("où est ma facture", None, "où est ma facture"),
        ("facteur", None, "facteur"),
    ],
)
def test_a_question_names_a_kind_and_leaves_the_words_of_the_name(typed, wanted, rest):
    assert read_question(typed) == (wanted, rest)


@pytest.mark.parametrize("typed", ["clé n° 40", "Clé 40", "cle n°40", "la clé numéro 40"])
def test_the_number_of_a_key_is_read_as_pages_write_it(typed):
    assert read_key_number(typed) == 40


@pytest.mark.parametrize("typed", ["40", "clé", "clé nimes", "clé 7K3M", "cluses 40"])
def test_what_names_no_key_is_no_number_of_one(typed):
    assert read_key_number(typed) is None


@pytest.mark.parametrize("typed", ["04 66 12 34 56", "04.66.12.34.56", "0466123456", "+33 4 66 12 34 56"])
def test_a_telephone_number_is_read_however_it_is_written(typed):
    assert read_phone(typed) == "466123456"


@pytest.mark.slow
@pytest.mark.parametrize(
    "typed",
    ["facture nimes", "facture de la mairie de nimes", "mairie de Nîmes, où est ma facture", "nimes", "viel de nimes"],
)
def test_a_client_is_found_with_its_invoices_and_orders(typed, nimes, bought):
    found = search(typed)
    assert found.collectivities == [nimes]
    assert bought in found.orders
    assert found.invoices == [bought.invoices.get()]


@pytest.mark.slow
def test_a_question_for_invoices_shows_no_schools(nimes, bought):
    SchoolFactory(name="École Jean Jaurès", commune="Nîmes")
    assert search("nimes").schools
    assert not search("facture nimes").schools


@pytest.mark.slow
@pytest.mark.usefixtures("no_offices")
def test_a_question_of_a_kind_that_nobody_has_shows_what_there_is(db):
    school = SchoolFactory(name="École de la Clairière", commune="Lunel")
    assert search("facture lunel").schools == [school]


@pytest.mark.slow
def test_a_school_is_found_by_a_word_two_letters_away(nimes):
    school = SchoolFactory(name="École primaire Les Tilleuls")
    for word in ("ecole", "primaire", "tilleuls"):
        DirectoryWord.objects.get_or_create(word=word, defaults={"school_count": 9})
    assert search("école les tilleux").schools == [school]


@pytest.mark.slow
def test_the_keys_of_a_school_are_found_by_its_name_and_by_their_number(nimes, bought):
    school = SchoolFactory(name="École Jean Jaurès")
    allocation = allocate_units(Pool.objects.get(capacity=100), school, 4, at=timezone.now())
    KeyFactory()
    assert search("clé jean jaurès").keys == [allocation.key]
    by_number = search(f"clé n° {allocation.key_id}")
    assert (by_number.keys, by_number.schools) == ([allocation.key], [school])


@pytest.mark.slow
def test_an_invitation_is_found_by_its_kind_and_a_name(nimes):
    school = InvitingSchool()
    school.invite("Léa Martin <lea.martin@ac-nimes.example>", at=timezone.now())
    [found] = search("invitation lea martin").invitations
    assert found.email == "lea.martin@ac-nimes.example"


def test_a_telephone_number_finds_people_schools_and_offices(nimes):
    person, school = UserFactory(phone="04 66 12 34 56"), SchoolFactory(phone="04.66.12.34.56")
    SchoolFactory(phone="04 66 12 34 57")
    with tenant_context(nimes):
        OfficeSettings.objects.create(contact_name="Accueil", contact_phone="+33 4 66 12 34 56")
    found = search("0466123456")
    assert (found.people, found.schools) == ([person], [school])
    assert [(line.collectivity, line.kind) for line in found.lines] == [(nimes, "Répond aux écoles")]


@pytest.mark.parametrize("typed", ["NIMES-R5GA-QJXM", "nimes r5ga qjxm", "NIMES-R5GA-QJX"])
def test_a_key_that_is_not_whole_is_reported_as_incomplete(typed, nimes):
    problem = search(typed).problem
    assert "incomplète" in problem
    assert "sur 12" in problem
    assert "faute de frappe" not in problem
    assert "R5GA" not in problem


def test_a_whole_key_with_a_slip_is_no_incomplete_one(nimes):
    assert "faute de frappe" in search("NIMES-7K3M-9QTX-2HW2").problem


# --- What is cut, what is near ----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_schools_that_are_not_shown_are_counted_and_reached(operator, nimes):
    SchoolFactory.create_batch(23, commune="Montpellier")
    page, text = read_page(operator, "montpellier")
    assert "Les 20 premières sur 23 : précisez, ou voyez-les toutes" in text
    assert "/admin/schools/school/?q=montpellier" in page
    with schema_context("public"):
        assert operator.get("/admin/schools/school/?q=montpellier").context["cl"].result_count == 23


@pytest.mark.slow
def test_twenty_schools_are_all_of_them(operator, nimes):
    SchoolFactory.create_batch(20, commune="Montpellier")
    assert "premières sur" not in read_page(operator, "montpellier")[1]


def test_amounts_a_digit_away_differ_by_one_digit():
    near = list_amounts_a_digit_away(Decimal(3650))
    assert {Decimal(3550), Decimal(8650), Decimal("3650.10")} <= set(near)
    assert not {Decimal("3600.10"), Decimal(3650)} & set(near)


@pytest.mark.slow
@pytest.mark.parametrize(("typed", "total"), [("3 650 euros", "3600.00"), ("8 600", "3600.00"), ("3700 €", "3600.00")])
def test_an_amount_that_no_sale_has_offers_the_nearest_and_the_ways_on(typed, total, operator, nimes):
    with schema_context("public"):
        near, far = OrderFactory(current=True, placed=True), OrderFactory(current=True, placed=True)
        for order, price in ((near, total), (far, "2000.00")):
            Order.objects.filter(pk=order.pk).update(total_ht=price, total_vat="0.00", total_ttc=price)
    assert search(typed).orders == [near]
    page, text = read_page(operator, typed)
    assert "Aucune vente n’a ce montant. Les plus proches :" in text
    for path in ("/admin/bank/statementline/", "/admin/a-traiter/encaisser/"):
        assert f'href="{path}"' in page
        assert operator.get(path).status_code == 200


@pytest.mark.slow
def test_the_nearest_amounts_are_five_at_most_and_none_where_none_is_near(nimes):
    with schema_context("public"):
        for cents in range(7):
            order = OrderFactory(current=True, placed=True)
            price = Decimal("3600.00") + cents
            Order.objects.filter(pk=order.pk).update(total_ht=price, total_vat="0.00", total_ttc=price)
    assert sorted(one.total_ttc for one in search("3649").orders) == [3602 + rank for rank in range(5)]
    far = search("50 000")
    assert far.orders == []
    assert far.note == "Aucune vente n'a ce montant."


def test_an_unknown_uai_offers_the_nearest(nimes):
    near, far = (
        SchoolFactory(uai="0300123" + uai.check_letter("0300123")),
        SchoolFactory(uai="0750001" + uai.check_letter("0750001")),
    )
    for typed in ("0300129" + uai.check_letter("0300129"), "0300213" + uai.check_letter("0300213")):
        found = search(typed)
        assert found.schools == [near], typed
        assert "Les plus proches" in found.note
    assert far in search("0990001" + uai.check_letter("0990001")).schools
