"""Purchases of the collectivity whose schema is entered, made by the operations alone."""

from __future__ import annotations

from core.tenant_connection import connection
from licensing.catalogue import terms
from licensing.orders import operations
from licensing.orders.operations import BillingDetails
from tests.conftest import TERM
from tests.factories.accounts import UserFactory
from tests.factories.shop import get_seller, put_on_sale

#: Its check digits are right; no establishment has it.
SIRET = "21300189400012"
PDF = b"%PDF-1.7 signed and stamped"


def create_draft(units=40, *, by=None, at=TERM):
    put_on_sale()
    get_seller()
    by = by or UserFactory()
    return operations.create_collectivity_draft(collectivity=connection.tenant, units=units, by=by, at=at)


def create_quoted_draft(units=40, *, by=None, at=TERM):
    draft = create_draft(units, by=by, at=at)
    return operations.issue_quote(order_id=draft.pk, by=draft.placed_by, at=at)


def build_billing(**fields):
    defaults = {
        "payer": "collectivity",
        "name": "Ville de Nîmes",
        "address": "1 place de l'Hôtel de Ville",
        "postal_code": "30000",
        "city": "Nîmes",
        "email": "compta@nimes.example",
        "siret": SIRET,
    }
    return BillingDetails(**defaults | fields)


def place_purchase(units=40, *, by=None, at=TERM, **fields):
    draft = create_draft(units, by=by, at=at)
    return operations.place(
        order_id=draft.pk, billing=build_billing(**fields), terms_version=terms.CURRENT, by=draft.placed_by, at=at
    )


def upload_scan(order, *, at=TERM):
    return operations.receive_scan(order_id=order.pk, filename="bon.pdf", content=PDF, by=order.placed_by, at=at)
