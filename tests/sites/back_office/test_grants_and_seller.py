"""« Ouvrir un lot » and the seller, in the back office."""

import pytest
from django_tenants.utils import schema_context

from accounts.models import User
from licensing.catalogue.models import Seller
from licensing.orders.models import Order, PublicBody
from licensing.pools.models import Pool
from tenants.models import Collectivity
from tests.factories.accounts import OperatorFactory, UserFactory

FORM = "/admin/orders/order/ouvrir-un-lot/"


@pytest.fixture
def operator(portal):
    portal.force_login(OperatorFactory())
    return portal


@pytest.mark.slow
def test_the_operator_opens_a_pool(operator):
    assert "Ouvrir le lot" in operator.get(FORM).content.decode()
    nimes = Collectivity.objects.get(slug="nimes")
    fields = {"collectivity": nimes.pk, "licences": 12, "reason": "Expérimentation", "name": ""}
    page = operator.get(FORM)
    fields["page_version"] = page.context["page_version"]
    assert f'name="page_version" value="{fields["page_version"]}"' in page.content.decode()
    answer = operator.post(FORM, fields, follow=True)
    assert "12\u00a0licences" in answer.content.decode()
    # A double click.
    again = operator.post(FORM, fields)
    assert "depuis que cette page est affichée" in again.content.decode()
    assert Order.objects.get().placed_by == User.objects.get()
    with schema_context(nimes.schema_name):
        assert Pool.objects.get().capacity == 12


def test_the_form_says_what_is_wrong(operator):
    page = operator.post(FORM, {"collectivity": "", "licences": 0, "reason": ""}).content.decode()
    assert "Ce champ est obligatoire" in page
    assert not Order.objects.exists()


@pytest.mark.slow
def test_orders_are_read_and_not_changed(operator):
    assert operator.get("/admin/orders/order/").status_code == 200
    assert operator.get("/admin/orders/order/add/").status_code == 403


def test_staff_without_the_permission_gives_nothing(portal):
    portal.force_login(UserFactory(is_staff=True))
    assert portal.get(FORM).status_code in (302, 403)
    portal.post(FORM, {"collectivity": Collectivity.objects.first().pk, "licences": 5, "reason": "Essai"})
    assert not Order.objects.exists()


# --- Seller and public bodies ---------------------------------------------------------------------------------------

SELLER = {
    "name": "Les Cahiers du Préau",
    "legal_form": "SAS au capital de 50 000 €",
    "address": "12 rue des Écoles",
    "postal_code": "75005",
    "city": "Paris",
    "siret": "123 456 782 00010",
    "vat_number": "fr 11 123456782",
    "rcs": "RCS Paris 123 456 782",
    "email": "factures@preau.example",
    "phone": "01 02 03 04 05",
    "iban": "FR76 3000 6000 0112 3456 7890 189",
    "bic": "AGRIFRPP",
    "vat_regime": "monthly",
}


@pytest.mark.slow
def test_the_seller_is_written_once_then_corrected(operator):
    operator.post("/admin/catalogue/seller/add/", SELLER)
    seller = Seller.objects.get()
    assert (seller.pk, seller.siret, seller.vat_number) == (1, "12345678200010", "FR11123456782")
    assert operator.get("/admin/catalogue/seller/add/").status_code == 403
    operator.post("/admin/catalogue/seller/1/change/", SELLER | {"city": "Lyon"})
    assert Seller.objects.get().city == "Lyon"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("siret", "12345678200011"),
        ("iban", "FR7630006000011234567890188"),
        ("vat_number", "FR12123456782"),
        # Another company's, well formed.
        ("vat_number", "FR40303265045"),
        ("name", "x" * 100),
    ],
)
def test_a_seller_that_would_have_invoices_rejected_is_refused(operator, field, typed):
    operator.post("/admin/catalogue/seller/add/", SELLER | {field: typed})
    assert not Seller.objects.exists()


@pytest.mark.slow
def test_a_public_body_has_its_services_a_line_each(operator):
    page = "/admin/orders/publicbody/add/"
    typed = {"siret": "217 500 016 00019", "name": "Ville de Paris", "service_required": "on"}
    operator.post(page, typed | {"lines": " ; Direction"})
    assert not PublicBody.objects.exists()
    operator.post(page, typed | {"lines": "EDUC ; Direction de l'éducation\n\n CULT"})
    body = PublicBody.objects.get()
    assert (body.siret, body.service_required, body.engagement_required) == ("21750001600019", True, False)
    assert body.services == [{"code": "EDUC", "name": "Direction de l'éducation"}, {"code": "CULT", "name": ""}]
    card = f"/admin/orders/publicbody/{body.pk}/change/"
    assert "EDUC ; Direction" in operator.get(card).content.decode()
    operator.post(card, {"name": "Ville de Paris", "engagement_required": "on", "lines": ""})
    body.refresh_from_db()
    assert (body.services, body.service_required, body.engagement_required) == ([], False, True)
