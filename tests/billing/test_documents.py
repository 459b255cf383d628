"""Quote and purchase order documents: their content, generated once, immutable."""

import dataclasses
import datetime
import hashlib

import pytest

from licensing.books.billing import operations as billing_operations
from licensing.books.billing.documents import build_download, get_or_create_purchase_order, get_or_create_quote
from licensing.books.billing.models import BillingDocument
from licensing.catalogue import terms
from licensing.catalogue.models import Seller
from licensing.orders import operations, purchase_orders
from licensing.orders.billing_details import BillingDetails
from licensing.orders.models import Order, OrderState, Payer
from tests.billing.pdf_text import extract_pages, extract_positions, extract_text
from tests.factories.accounts import PrincipalFactory, TeacherFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.factories.shop import get_seller, put_on_sale
from tests.races import run_concurrently
from tests.refusals import refuses

pytestmark = pytest.mark.slow

AT = datetime.datetime(2026, 11, 25, 10, tzinfo=datetime.UTC)
TOWN_HALL = BillingDetails(
    payer=Payer.TOWN_HALL,
    name="Mairie de Nîmes",
    address="Place de l’Hôtel de Ville",
    postal_code="30000",
    city="Nîmes",
    email="compta@nimes.example",
)


@pytest.fixture
def shop(db):
    get_seller()
    return put_on_sale()


def create_draft(by=None, classes=5):
    principal = by or PrincipalFactory()
    school = SchoolFactory(name="Ecole Jean Jaurès", postal_code="30000", commune="Nîmes")
    affiliation = AffiliationFactory(user=principal, school=school)
    return operations.create_school_draft(classes=classes, affiliation=affiliation, by=principal, at=AT)


def place_order(order=None, **changes):
    order = order or create_draft()
    return operations.place(
        order_id=order.pk,
        billing=dataclasses.replace(TOWN_HALL, **changes),
        terms_version=terms.CURRENT,
        by=order.placed_by,
        at=AT,
    )


def complete(order, at, **codes):
    given = {"siret": "", "service_code": "", "engagement_number": ""} | codes
    billing_operations.complete_billing_details(order_id=order.pk, by=order.placed_by, at=at, **given)


def test_a_purchase_order_shows_the_guide_s_basket(shop):
    order = place_order()
    document_text = extract_text(get_or_create_purchase_order(order, at=AT))
    for words in (
        f"BON DE COMMANDE n° BC2026-{order.pk} du 25 novembre 2026",
        "Licence globale TOUS NIVEAUX (5 classes - 150 élèves) – expiration au 31/08/2027",
        "Total HT 165,83 €",
        "TVA 20 % 33,17 €",
        "TOTAL TTC 199,00 €",
        "Mairie de Nîmes Place de l’Hôtel de Ville 30000 Nîmes",
        "Pour : École Jean Jaurès, 30000 Nîmes, UAI",
        "Signature et tampon",
        "jusqu’au 9 janvier 2027 inclus",
        "les 5 licences valent jusqu’au 31 août 2027 inclus",
        f"Conditions générales de vente, version {terms.CURRENT}, que cette signature accepte : http",
        "SIRET 123 456 782 00010 – TVA FR11123456782",
    ):
        assert words in document_text


def test_it_goes_back_to_the_address_at_its_top_right(shop):
    left, top = extract_positions(get_or_create_purchase_order(place_order(), at=AT))["Les Cahiers du Préau"]
    assert left > 0.5
    assert top < 0.25


def test_what_the_invoice_needs_is_filled_in_where_it_is_known(shop):
    unknown = extract_text(get_or_create_purchase_order(place_order(), at=AT))
    assert "Code service Numéro d’engagement E-mail pour la facture" in unknown
    known = place_order(siret="21300189400012", service_code="EDUC", engagement_number="EJ-42")
    assert (
        "SIRET de l’organisme qui paie 213 001 894 00012 Code service EDUC Numéro d’engagement EJ-42 "
        "E-mail pour la facture compta@nimes.example"
    ) in extract_text(get_or_create_purchase_order(known, at=AT))


def test_a_teacher_who_pays_needs_no_service_code(shop):
    teacher = TeacherFactory()
    order = place_order(create_draft(teacher, classes=1), payer=Payer.OTHER, name="Benoît Colas")
    document_text = extract_text(get_or_create_purchase_order(order, at=AT))
    assert "engagement" not in document_text
    assert "la licence vaut jusqu’au 31 août 2027 inclus" in document_text


def test_who_signs_who_pays_and_who_ordered_stand_apart(shop):
    """The accounts office of a town hall reads it: nothing of the principal's stands under its name."""
    principal = PrincipalFactory(first_name="Camille", last_name="Vidal", email="camille@ecole.example")
    order = place_order(create_draft(principal), email=principal.email)
    document_text = extract_text(get_or_create_purchase_order(order, at=AT))
    for words in (
        "Facturé à (qui paie) Mairie de Nîmes Place de l’Hôtel de Ville 30000 Nîmes À retourner signé et tamponné à",
        "Commande passée par : Camille Vidal, camille@ecole.example.",
        "À faire signer et tamponner par : Mairie de Nîmes (qui paie)",
        "À faire dater, signer et tamponner par : Mairie de Nîmes, qui paie. Sans cette signature, rien n’est dû.",
        "L’e-mail est celui de qui a commandé : à vérifier.",
        "dans « Mes commandes », sur le portail par Camille Vidal",
        "la facture est adressée à qui paie, par Chorus Pro, pour règlement",
    ):
        assert words in document_text


def test_who_pays_for_themselves_signs_without_a_stamp(shop):
    teacher = TeacherFactory()
    order = place_order(create_draft(teacher, classes=1), payer=Payer.OTHER, name=teacher.get_full_name())
    document_text = extract_text(get_or_create_purchase_order(order, at=AT))
    assert f"À signer par : {teacher.get_full_name()} (qui paie)" in document_text
    assert f"version {terms.CURRENT}, acceptées par {teacher.get_full_name()} le" in document_text
    for words in ("tampon", "Chorus", "rien n’est dû", "celui de qui a commandé"):
        assert words not in document_text


def test_a_purchase_order_with_usual_names_is_one_page(shop):
    principal = PrincipalFactory(email="camille@ecole.example")
    order = place_order(create_draft(principal), email=principal.email)
    assert len(extract_pages(get_or_create_purchase_order(order, at=AT))) == 1


def test_a_document_is_generated_once_and_its_hash_is_kept(shop):
    order = place_order()
    document = get_or_create_purchase_order(order, at=AT)
    Seller.objects.update(name="Une autre maison")
    again = get_or_create_purchase_order(order, at=AT + datetime.timedelta(days=3))
    assert (again.pk, bytes(again.content)) == (document.pk, document.content)
    assert document.sha256 == hashlib.sha256(document.content).hexdigest()


def test_completing_an_unsigned_order_reissues_its_document_and_keeps_the_first(shop):
    order = place_order()
    first = get_or_create_purchase_order(order, at=AT)
    day = AT + datetime.timedelta(days=1)
    complete(order, day, siret="21300189400012", engagement_number="EJ-42")
    second = get_or_create_purchase_order(order, at=day)
    assert (first.number, second.number) == (f"BC2026-{order.pk}", f"BC2026-{order.pk}/2")
    assert "EJ-42" in extract_text(second)
    assert "EJ-42" not in extract_text(BillingDocument.objects.get(pk=first.pk))
    billing_operations.confirm(order_id=order.pk, by=order.placed_by, at=day)
    Order.objects.get(pk=order.pk).events.create(action="completed", summary="…", at=day + datetime.timedelta(hours=1))
    assert get_or_create_purchase_order(order, at=day) == second


def test_a_document_after_45_days_says_that_the_rights_have_stopped(shop):
    order = place_order()
    late = AT + datetime.timedelta(days=46)
    purchase_orders.remind_and_lapse(late)
    assert Order.objects.get(pk=order.pk).state == OrderState.LAPSED
    document_text = extract_text(get_or_create_purchase_order(order, at=late))
    assert "Les droits temporaires ont pris fin le 9 janvier 2027. Ils reprennent dès que ce bon" in document_text


def test_long_names_keep_the_signature_box_with_its_instructions(shop):
    long = {"name": "Communauté d’agglomération " * 3, "address": "Bâtiment " * 27, "address_extra": "Étage " * 40}
    of_signing = [
        page
        for page in extract_pages(get_or_create_purchase_order(place_order(**long), at=AT))
        if "Bon pour commande" in page
    ]
    (page,) = of_signing
    assert "Signature et tampon" in page
    assert "Que faire de ce bon ?" in page


def test_every_character_of_a_name_is_drawn(shop, caplog):
    get_or_create_purchase_order(place_order(name="Œuvre de l’école – Ÿ, ĐÀ ŁÓDŹ, Ærø « n° 1 » … €"), at=AT)
    assert not [record for record in caplog.records if record.name.startswith("fpdf")]


@pytest.mark.small
def test_no_purchase_order_before_it_is_placed(shop):
    with refuses("document_missing"):
        get_or_create_purchase_order(create_draft(), at=AT)


def test_a_quote_of_a_collectivity_holds_its_price_until_a_day(shop, gard):
    buyer = PrincipalFactory()
    order = operations.create_collectivity_draft(collectivity=gard, units=2000, by=buyer, at=AT)
    with refuses("document_missing"):
        get_or_create_quote(order, at=AT)
    order = operations.issue_quote(order_id=order.pk, by=buyer, at=AT)
    document = get_or_create_quote(order, at=AT)
    document_text = extract_text(document)
    for words in (
        f"DEVIS n° DV2026-{order.pk} du 25 novembre 2026",
        "Valable jusqu’au 24 décembre 2026 inclus",
        gard.name,
        "2 000 20,00 € 20 % 40 000,00 €",
        "TVA 20 % 8 000,00 €",
        "TOTAL TTC 48 000,00 €",
        "expiration au 31/08/2027",
        "page « Achats », au plus tard le 24 décembre 2026",
    ):
        assert words in document_text
    assert get_or_create_quote(order, at=AT) == document


def test_an_expired_quote_is_reissued_as_another_document(shop, gard):
    buyer = PrincipalFactory()
    order = operations.create_collectivity_draft(collectivity=gard, units=10, by=buyer, at=AT)
    first = get_or_create_quote(operations.issue_quote(order_id=order.pk, by=buyer, at=AT), at=AT)
    later = AT + datetime.timedelta(days=40)
    second = get_or_create_quote(operations.issue_quote(order_id=order.pk, by=buyer, at=later), at=later)
    assert second.number == f"{first.number}/2"
    assert "4 janvier 2027" in extract_text(second)


@pytest.mark.small
def test_without_a_seller_no_document_is_generated(shop):
    order = place_order()
    Seller.objects.all().delete()
    with refuses("document_missing", match="vendeur"):
        get_or_create_purchase_order(order, at=AT)


def test_a_download_has_a_valid_file_name(shop):
    order = place_order()
    document = get_or_create_purchase_order(order, at=AT)
    document.number += "/2"
    answer = build_download(document)
    assert answer["Content-Disposition"] == f'attachment; filename="bon-de-commande-bc2026-{order.pk}-2.pdf"'
    assert answer["Cache-Control"] == "no-store"


def test_simultaneous_requests_generate_a_document_once(committing):
    get_seller()
    put_on_sale()
    order = place_order()
    made = run_concurrently("public", [lambda: get_or_create_purchase_order(order, at=AT)] * 4, expected_errors=())
    assert len({document.pk for document in made}) == 1
    assert BillingDocument.objects.count() == 1
