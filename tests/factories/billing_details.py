"""Factory of billing details: who pays an order, and where its invoice goes."""

import factory

from licensing.orders.billing_details import BillingDetails
from licensing.orders.models import Payer

#: SIRET of the town hall and of the collectivity. Its check digit is right; no establishment has it.
PAYER_SIRET = "21300189400012"


class BillingDetailsFactory(factory.Factory):
    """Billing details of a town hall; a trait names another payer."""

    class Meta:
        model = BillingDetails

    class Params:
        cooperative = factory.Trait(
            payer=Payer.COOPERATIVE,
            name="OCCE 30",
            address="1 rue Haute",
            email="coop@exemple.example",
            siret="",
        )
        collectivity = factory.Trait(payer=Payer.COLLECTIVITY, name="Ville de Nîmes")

    payer = Payer.TOWN_HALL
    name = "Mairie de Nîmes"
    address = "Place de l'Hôtel de Ville"
    postal_code = "30000"
    city = "Nîmes"
    email = "compta@nimes.example"
    # As it is typed: orders have it without spaces.
    siret = "213 001 894 00012"
