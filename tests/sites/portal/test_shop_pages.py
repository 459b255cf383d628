"""« Commande en cours » and « Mes commandes »: fields, refusals, access."""

import datetime
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from licensing.books.billing import operations as billing_operations
from licensing.catalogue.models import Seller
from licensing.entitlements.models import Subscription
from licensing.orders import operations, purchase_orders
from licensing.orders.models import Order, OrderState, ScanState
from licensing.payments import operations as payment_operations
from licensing.payments.models import CardPayment
from schools.models import Verification
from tests.factories.accounts import OperatorFactory, PrincipalFactory, TeacherFactory, UserFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.guide.scenario import create_browser, page_text
from tests.orders import actions
from tests.sites.portal.shop_buyer import ShopBuyer

pytestmark = pytest.mark.slow

#: A public école of Nîmes, as the directory has it: its SIRET begins with its commune's SIREN.
ECOLE = {"name": "Ecole Jean Jaurès", "type": "Ecole", "sector": "Public", "commune": "Nîmes", "postal_code": "30000",
         "siret": "21300189400046"}  # fmt: skip
COMMUNE = "21300189400012"
PDF = b"%PDF-1.7 signed"


@pytest.fixture
def buyer(db):
    return ShopBuyer()


def scan(content=PDF, name="bon.pdf"):
    return {"file": SimpleUploadedFile(name, content)}


@pytest.mark.small
def test_ordering_again_takes_the_place_of_what_was_begun(buyer):
    first, second = buyer.draft(1), buyer.draft(5)
    assert first == second
    assert second.lines.get().quantity == 5


def test_the_address_is_proposed_and_what_is_typed_comes_back(buyer):
    order = buyer.draft()
    page = buyer.browser.get(f"/boutique/commandes/{order.pk}/preparer/").content.decode()
    for expected in ("Collège Belin", "8 rue Férou", "75006", "Paris", buyer.user.email):
        assert f'value="{expected}"' in page
    answer = buyer.pays(order, city="Lutèce", terms="")
    assert answer.status_code == 422
    assert 'value="Lutèce"' in answer.content.decode()
    assert "Cochez cette case pour accepter les conditions générales de vente." in page_text(answer)
    assert Order.objects.get().state == OrderState.DRAFT


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"method": ""}, "Choisissez votre mode de paiement."),
        ({"payer": ""}, "Dites qui paie"),
        ({"payer": "collectivity"}, "Sélectionnez un choix valide"),
        ({"postal_code": "7500"}, "Un code postal français compte cinq chiffres."),
        ({"siren": "12345678200011"}, "Ce SIRET comporte une faute de frappe"),
        ({"name": "x" * 100}, "Ce nom compte 100 caractères"),
        ({"terms_version": "1999-01"}, "Les conditions générales de vente viennent de changer"),
    ],
)
def test_form_errors_are_shown_beside_their_fields_and_nothing_is_ordered(buyer, changed, message):
    answer = buyer.pays(buyer.draft(), **changed)
    assert answer.status_code in (409, 422)
    assert message in page_text(answer)
    assert Order.objects.get().state == OrderState.DRAFT
    assert not Subscription.objects.exists()


def test_a_basket_changed_in_another_window_is_not_charged(buyer):
    order = buyer.draft(1)
    digest = buyer.shown(order)
    buyer.draft(5)
    for method in ("mandate", "card"):
        answer = buyer.pays(order, panier=digest, method=method)
        assert answer.status_code == 409
        assert "Votre panier a changé" in page_text(answer)
        assert "Payer 199,00 €" in page_text(answer)
    assert (Order.objects.get().state, Subscription.objects.exists()) == (OrderState.DRAFT, False)
    # For another school, at the same price.
    digest = buyer.shown(order)
    Order.objects.update(school=SchoolFactory(type="Collège", sector="Privé"))
    assert buyer.pays(order, panier=digest).status_code == 409
    assert buyer.pays(order).status_code == 302


def test_a_public_ecole_proposes_its_commune_and_never_pays_itself(db):
    buyer = ShopBuyer(**ECOLE)
    order = buyer.draft()
    page = buyer.browser.get(f"/boutique/commandes/{order.pk}/preparer/").content.decode()
    assert 'value="Commune de Nîmes"' in page
    assert f'value="{COMMUNE}"' in page
    for changed in ({"payer": "school"}, {"payer": "town_hall", "siret": ECOLE["siret"]}):
        answer = buyer.pays(order, **changed)
        assert "personnalité juridique" in page_text(answer)
    assert Order.objects.get().state == OrderState.DRAFT


def test_another_payer_changes_the_address_and_keeps_the_rest(db):
    buyer = ShopBuyer(**ECOLE)
    order = buyer.draft()
    changed = {"payer": "cooperative", "faire": "adresse", "email": "tresoriere@ecole.example", "terms": "on"}
    proposed = {
        "name": "Commune de Nîmes", "address": "Mairie", "postal_code": "30000", "city": "Nîmes", "siret": COMMUNE
    }  # fmt: skip
    page = buyer.pays(order, **proposed | changed).content.decode()
    for kept in ("Coopérative scolaire, École Jean Jaurès", "tresoriere@ecole.example"):
        assert f'value="{kept}"' in page
    assert COMMUNE not in page
    assert Order.objects.get().state == OrderState.DRAFT


@pytest.mark.parametrize("method", ["mandate", "card"])
def test_nothing_is_ordered_nor_charged_without_a_seller(buyer, method):
    order = buyer.draft()
    Seller.objects.all().delete()
    answer = buyer.pays(order, method=method)
    assert "La vente n'est pas encore ouverte" in page_text(answer)
    assert not CardPayment.objects.exists()
    assert Order.objects.get().state == OrderState.DRAFT


def test_a_pressed_twice_button_orders_once(buyer):
    order = buyer.ordered()
    assert buyer.pays(order)["Location"] == f"/boutique/commandes/{order.pk}/"
    assert Subscription.objects.count() == 1


def test_the_card_is_asked_for_elsewhere_and_nothing_opens_before(buyer):
    order = buyer.draft()
    answer = buyer.pays(order, method="card")
    payment = CardPayment.objects.get(order=order)
    assert str(payment.token) in answer["Location"]
    assert payment.total == order.total_ttc
    assert not Subscription.objects.exists()


def test_a_teacher_buys_and_holds_a_licence_at_once(db):
    buyer = ShopBuyer()
    buyer.user = TeacherFactory(first_name="Zoé", last_name="Roche")
    buyer.browser = create_browser(buyer.user)
    order = buyer.draft(1)
    page = buyer.browser.get(f"/boutique/commandes/{order.pk}/preparer/").content.decode()
    assert 'value="Zoé Roche"' in page
    buyer.pays(order, payer="other", name="Zoé Roche")
    assert buyer.user.seats.get().subscription.school is None


def test_a_quote_is_made_out_to_whoever_will_pay_and_commits_nobody(buyer):
    order = buyer.draft()
    quoting = {"faire": "devis", "method": "", "terms": ""}
    path = f"/boutique/commandes/{order.pk}/preparer/"
    first = buyer.browser.post(path, buyer.fields(**quoting), follow=True)
    assert first["Content-Disposition"] == f'attachment; filename="devis-dv{timezone.localdate().year}-{order.pk}.pdf"'
    again = buyer.browser.post(path, buyer.fields(**quoting), follow=True)
    assert again.content == first.content
    until = Order.objects.get().quote_until
    other = buyer.browser.post(path, buyer.fields(**quoting, name="Coopérative Belin"), follow=True)
    assert other["Content-Disposition"].endswith(f'{order.pk}-2.pdf"')
    page = page_text(buyer.browser.get("/boutique/commandes/"))
    assert "reprendre" in page
    assert "valable jusqu'au" in page
    order.refresh_from_db()
    assert (order.state, order.quote_until, order.terms_version) == (OrderState.DRAFT, until, "")


def test_a_document_that_cannot_be_generated_yet_says_why(buyer):
    order = buyer.ordered()
    Seller.objects.all().delete()
    page = page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/bon-de-commande/", follow=True))
    assert "le vendeur n'est pas renseigné" in page


def test_a_discarded_basket_is_gone(buyer):
    order = buyer.draft()
    buyer.browser.post(f"/boutique/commandes/{order.pk}/abandonner/")
    assert "Aucune commande" in page_text(buyer.browser.get("/boutique/commandes/"))


def test_a_signed_scan_stops_the_countdown_until_it_is_looked_at(buyer):
    order = buyer.ordered()
    path = f"/boutique/commandes/{order.pk}/"
    assert "encore 45 jours" in page_text(buyer.browser.get(path))
    page = page_text(buyer.browser.post(f"{path}bon-signe/", scan(), follow=True))
    assert "Nous le vérifions" in page
    assert "dans l'attente du bon de commande signé" not in page
    purchase_orders.refuse_scan(
        scan_id=order.scans.get(state=ScanState.WAITING).pk, reason="Il manque le tampon.", by=UserFactory(),
        at=timezone.now(),
    )  # fmt: skip
    page = page_text(buyer.browser.get(path))
    assert "Il manque le tampon." in page
    assert "encore 45 jours" in page


def test_the_countdown_stops_while_a_scan_is_under_review(buyer, monkeypatch):
    order = buyer.ordered()
    buyer.browser.post(f"/boutique/commandes/{order.pk}/bon-signe/", scan())
    page = page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/"))
    assert "est arrêté le temps que nous vérifiions votre bon de commande" in page
    for counted in ("encore 45 jours", "dans l'attente du règlement"):
        assert counted not in page
    later = timezone.now() + datetime.timedelta(days=50)
    monkeypatch.setattr(timezone, "now", lambda: later)
    buyer.browser = create_browser(buyer.user)
    for path in (f"/boutique/commandes/{order.pk}/", "/boutique/commandes/"):
        page = page_text(buyer.browser.get(path))
        assert "le compte à rebours" in page
        assert "Le règlement était attendu" not in page


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({}, "Choisissez le fichier"),
        (scan(b""), "Ce fichier est vide"),
        (scan(b"MZ", "bon.pdf"), "Ce fichier n'est ni un PDF ni une photo"),
        (scan(PDF + b" " * 4 * 1024 * 1024), "Ce fichier dépasse 4 Mo"),
    ],
)
def test_what_is_no_scan_is_refused_in_words(buyer, sent, message):
    order = buyer.ordered()
    answer = buyer.browser.post(f"/boutique/commandes/{order.pk}/bon-signe/", sent)
    assert message in page_text(answer)
    # The field is far down the page: the top says that nothing was sent.
    assert "Rien n'a été déposé" in page_text(answer)
    assert not order.scans.exists()


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (scan(PDF, "bon.PDF"), "bon.PDF"),
        (scan(PDF, "bon signé"), "bon signé.pdf"),
        (scan(PDF, "bon.html"), "bon.html.pdf"),
        (scan(b"\xff\xd8\xff page", "bon.jpeg"), "bon.jpeg"),
        (scan(b"\xff\xd8\xff page", "bon.pdf"), "bon.pdf.jpg"),
        (scan(PDF, "x" * 300 + ".hta"), "x" * 192 + ".hta.pdf"),
    ],
)
def test_a_scan_is_named_for_what_it_is_wherever_it_is_opened(buyer, sent, kept):
    """Browsers open a saved file by its extension: a « PDF » named .html would run as a page."""
    order = buyer.ordered()
    buyer.browser.post(f"/boutique/commandes/{order.pk}/bon-signe/", sent)
    assert order.scans.get().filename == kept


def test_what_the_invoice_lacks_is_listed_and_completed(db):
    buyer = ShopBuyer(sector="Public")
    order = buyer.ordered()
    path = f"/boutique/commandes/{order.pk}/"
    assert "Indiquez le SIRET" in page_text(buyer.browser.get(path))
    assert "Rien n'a été enregistré" in page_text(buyer.browser.post(f"{path}facturation/", {"siret": "1"}))
    page = page_text(buyer.browser.post(f"{path}facturation/", {"siret": "123 456 782 00010"}, follow=True))
    assert "Rien ne manque à la facture" in page
    assert Order.objects.get().siret == "12345678200010"


def test_a_company_completes_its_siren_until_the_invoice(db):
    buyer = ShopBuyer()
    order = buyer.ordered(payer="company", name="Éditions du Mas", siren="")
    path = f"/boutique/commandes/{order.pk}/"
    assert "Indiquez le SIREN" in page_text(buyer.browser.get(path))
    assert "ne se vérifient pas" in page_text(buyer.browser.post(f"{path}facturation/", {"siren": "123456783"}))
    page = page_text(buyer.browser.post(f"{path}facturation/", {"siren": "123 456 782"}, follow=True))
    assert "Rien ne manque à la facture" in page
    assert Order.objects.get().siren == "123456782"


def test_a_rejected_invoice_says_why_and_what_it_lacks_can_be_completed(db):
    buyer = ShopBuyer(sector="Public")
    order = buyer.ordered(siret="12345678200010")
    invoice = billing_operations.confirm(order_id=order.pk, by=UserFactory(), at=timezone.now())
    path = f"/boutique/commandes/{order.pk}/"
    assert buyer.browser.post(f"{path}facturation/", {"siret": "12345678200010"}).status_code == 409
    for state in ("deposited", "rejected"):
        billing_operations.record_platform_status(
            invoice_id=invoice.pk, state=state, reason="Code service absent.", by=UserFactory(), at=timezone.now()
        )
    assert "Code service absent." in page_text(buyer.browser.get(path))
    for page in (path, "/boutique/commandes/"):
        assert "Facture à refaire" in page_text(buyer.browser.get(page))
        assert "À régler" not in page_text(buyer.browser.get(page))
    buyer.browser.post(f"{path}facturation/", {"siret": "12345678200010", "service_code": "ACHATS"})
    assert Order.objects.get().service_code == "ACHATS"


def test_who_pays_is_corrected_on_the_page_until_the_invoice(buyer):
    order = buyer.ordered()
    path, page = f"/boutique/commandes/{order.pk}/", f"/boutique/commandes/{order.pk}/payeur/"
    assert page in buyer.browser.get(path).content.decode()
    assert 'value="Collège Belin"' in buyer.browser.get(page).content.decode()
    refused = buyer.browser.post(page, buyer.fields(name=""))
    assert (refused.status_code, "Rien n'a été enregistré" in page_text(refused)) == (422, True)
    fields = buyer.fields(name="Lycée Belin", address="10 rue Férou")
    corrected = page_text(buyer.browser.post(page, fields, follow=True))
    assert "informations de facturation sont corrigées" in corrected
    assert "10 rue Férou" in corrected
    actions.confirm(order, at=timezone.now())
    assert page not in buyer.browser.get(path).content.decode()
    assert buyer.browser.get(page).status_code == 302
    late = buyer.browser.post(page, buyer.fields())
    assert (late.status_code, "ne change plus" in page_text(late)) == (422, True)


def test_a_partly_paid_order_shows_the_balance_and_offers_no_card(buyer):
    order = buyer.ordered()
    path = f"/boutique/commandes/{order.pk}/"
    by, now = UserFactory(), timezone.now()
    billing_operations.confirm(order_id=order.pk, by=by, at=now)
    assert "Payer 199,00 € par carte" in page_text(buyer.browser.get(path))
    payment_operations.record_payment(
        order_id=order.pk, method="cheque", amount=Decimal("99.00"), received_on=timezone.localdate(now),
        reference="0012", by=by, at=now,
    )  # fmt: skip
    page = page_text(buyer.browser.get(path))
    assert "sur 199,00 € TTC, nous avons reçu 99,00 € ; il reste 100,00 € à régler" in page
    assert "par carte bancaire" not in page


def test_after_uploading_a_scan_the_page_no_longer_offers_to_print(buyer):
    order = buyer.ordered()
    path = f"/boutique/commandes/{order.pk}/"
    assert "imprimez le bon de commande" in page_text(buyer.browser.get(path))
    page = page_text(buyer.browser.post(f"{path}bon-signe/", scan(), follow=True))
    assert "vous n'avez rien à faire" in page
    assert "vos licences ne s'arrêteront pas entre-temps" in page
    assert "imprimez le bon de commande" not in page


def test_an_order_is_readable_only_by_its_buyer_and_verified_principals(buyer):
    order = buyer.ordered()
    colleague = PrincipalFactory()
    affiliation = AffiliationFactory(user=colleague, school=buyer.school)
    stranger = PrincipalFactory()
    AffiliationFactory(user=stranger, verified_at=timezone.now(), verified_by=Verification.OPERATOR)
    base = f"/boutique/commandes/{order.pk}/"
    for user in (colleague, stranger):
        for path in ("", "devis/", "bon-de-commande/", "factures/P2026-000001/", "preparer/"):
            assert create_browser(user).get(base + path).status_code == 404
        for path in ("bon-signe/", "facturation/", "carte/", "abandonner/", "preparer/"):
            assert create_browser(user).post(base + path, scan()).status_code == 404
    affiliation.verified_at, affiliation.verified_by = timezone.now(), Verification.OPERATOR
    affiliation.save()
    assert create_browser(colleague).get(base).status_code == 200
    assert f"N° {order.pk}" in page_text(create_browser(colleague).get("/boutique/commandes/"))
    assert create_browser(colleague).get(f"{base}bon-de-commande/")["Content-Type"] == "application/pdf"


def test_an_order_shows_its_own_invoices_and_no_other_s(buyer):
    order, other = buyer.ordered(), ShopBuyer().ordered()
    for one in (order, other):
        billing_operations.confirm(order_id=one.pk, by=UserFactory(), at=timezone.now())
    base = f"/boutique/commandes/{order.pk}/factures/"
    assert buyer.browser.get(f"{base}{order.invoices.get().number}/").status_code == 200
    for number in (other.invoices.get().number, "%00", "x" * 500):
        assert buyer.browser.get(f"{base}{number}/").status_code == 404


def test_the_list_takes_a_fixed_number_of_queries(buyer, django_assert_num_queries):
    buyer.ordered()
    buyer.browser.get("/boutique/commandes/")
    with django_assert_num_queries(6):
        buyer.browser.get("/boutique/commandes/")
    buyer.ordered()
    with django_assert_num_queries(6):
        buyer.browser.get("/boutique/commandes/")


def test_what_an_unknown_buyer_orders_in_number_is_looked_at_before_it_opens(buyer):
    buyer.affiliation.delete()
    AffiliationFactory(user=buyer.user, school=None, name="Collège Belin", city="Paris")
    order = buyer.draft(classes=10)
    assert "une fois la commande vérifiée par nos soins" in page_text(buyer.browser.get(buyer.basket(order)))
    page = page_text(buyer.browser.post(buyer.basket(order), buyer.fields(panier=buyer.shown(order)), follow=True))
    assert "À vérifier" in page
    assert "Vos licences ne sont pas encore ouvertes." in page
    assert "Télécharger le bon de commande (PDF)" in page
    assert "0 sur 10" not in page_text(buyer.browser.get("/mon-compte/"))
    operations.open_reviewed_order(order_id=order.pk, by=OperatorFactory(), at=timezone.now())
    page = page_text(buyer.browser.get(f"/boutique/commandes/{order.pk}/"))
    assert "pas encore ouvertes" not in page
    assert "10 licences" in page
    assert "0 sur 10" in page_text(buyer.browser.get("/mon-compte/"))


def test_a_small_basket_of_a_typed_school_promises_rights_at_once(buyer):
    buyer.affiliation.delete()
    AffiliationFactory(user=buyer.user, school=None, name="Collège Belin", city="Paris")
    page = page_text(buyer.browser.get(buyer.basket(buyer.draft(classes=5))))
    assert "vérifiée par nos soins" not in page
