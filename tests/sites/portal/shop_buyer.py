"""A principal in the shop: the school, the prices on sale, and the browser."""

import re

from licensing.catalogue import terms
from licensing.orders.models import Order
from tests.factories.accounts import PrincipalFactory
from tests.factories.schools import AffiliationFactory, SchoolFactory
from tests.factories.shop import open_shop
from tests.guide.scenario import create_browser


class ShopBuyer:
    """A principal of a collège, which pays for itself, with a browser in the shop."""

    def __init__(self, **school):
        self.year = open_shop()
        fields = {
            "name": "Collège Belin", "type": "Collège", "sector": "Privé", "address": "8 rue Férou",
            "postal_code": "75006", "commune": "Paris", "siret": "12345678200010",
        }  # fmt: skip
        self.school = SchoolFactory(**fields | school)
        self.user = PrincipalFactory(first_name="Camille", last_name="Vidal")
        self.affiliation = AffiliationFactory(user=self.user, school=self.school)
        self.browser = create_browser(self.user)

    def draft(self, classes=5) -> Order:
        """Press « Commander »."""
        answer = self.browser.post("/boutique/commander/", {"classes": str(classes)})
        return Order.objects.get(pk=re.search(r"/commandes/(\d+)/", answer["Location"])[1])

    def fields(self, **changed):
        """Return the filled-in fields of « Commande en cours »."""
        return {
            "payer": "school", "name": "Collège Belin", "address": "8 rue Férou", "address_extra": "",
            "postal_code": "75006", "city": "Paris", "country": "France", "email": "gestion@belin.example",
            "siret": "", "siren": "123456782" if self.school.sector == "Privé" else "",
            "service_code": "", "engagement_number": "",
            "method": "mandate", "terms": "on", "terms_version": terms.CURRENT, "faire": "payer",
        } | changed  # fmt: skip

    def pays(self, order, **changed):
        """Press « Payer »."""
        return self.browser.post(self.basket(order), self.fields(**{"panier": self.shown(order)} | changed))

    def basket(self, order) -> str:
        return f"/boutique/commandes/{order.pk}/preparer/"

    def shown(self, order) -> str:
        """Return the digest of the basket that « Commande en cours » showed, empty once the order is placed."""
        page = self.browser.get(self.basket(order))
        return page.context["basket_fingerprint"] if page.context else ""

    def ordered(self, **changed) -> Order:
        """Return a placed order, by cheque or mandat administratif."""
        order = self.draft()
        answer = self.pays(order, **changed)
        assert answer.status_code == 302, answer.content.decode()
        order.refresh_from_db()
        return order
