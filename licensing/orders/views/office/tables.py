"""The list of purchases, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html

from licensing.orders.models import Order, OrderState
from licensing.subscriptions.wording import on_day
from web import typography

if TYPE_CHECKING:
    from decimal import Decimal

    from django.utils.safestring import SafeString

#: The colour of each state's badge; its words say the same.
COLOURS = {
    OrderState.DRAFT: "secondary",
    OrderState.PLACED: "orange",
    OrderState.CONFIRMED: "blue",
    OrderState.PAID: "green",
    OrderState.LAPSED: "red",
    OrderState.CANCELLED: "secondary",
}
#: As the buyer reads them: he knows what he waits for, and what is waited for from him.
WORDS = {
    OrderState.DRAFT: "En préparation",
    OrderState.PLACED: "Bon de commande signé attendu",
    OrderState.CONFIRMED: "Facturée, à régler",
    OrderState.PAID: "Réglée",
    OrderState.LAPSED: "Suspendue, faute de bon de commande",
    OrderState.CANCELLED: "Annulée",
}


def badge(order: Order, *, scanned: bool, turned_down: bool) -> SafeString:
    """Return the order's state as words in a coloured badge.

    `scanned`: its signed purchase order is being checked; `turned_down`: its invoice is to be made out anew.
    """
    state = OrderState(order.state)
    colour, words = COLOURS[state], WORDS[state]
    if scanned and state == OrderState.PLACED:
        colour, words = "blue", "Bon de commande reçu, en cours de vérification"
    elif scanned and state == OrderState.LAPSED:
        words = "Suspendue, bon de commande en cours de vérification"
    elif turned_down and state == OrderState.CONFIRMED:
        colour, words = "red", "Facture non acceptée, à refaire"
    return format_html('<span class="badge bg-{}-lt">{}</span>', colour, words)


class PurchaseTable(tables.Table):
    """A line an order, with what its rights still wait for."""

    number = tables.Column(verbose_name="Commande", accessor="pk", order_by=("pk",))
    licences = tables.Column(verbose_name="Licences", order_by=("licences", "pk"))
    total_ttc = tables.Column(verbose_name="Total TTC", order_by=("total_ttc", "pk"))
    state = tables.Column(verbose_name="État", order_by=("state", "pk"))
    day = tables.Column(verbose_name="Date", accessor="placed_at", order_by=("placed_at", "pk"), empty_values=())

    class Meta:
        model = Order
        fields: ClassVar[list[str]] = []
        sequence: ClassVar = ["number", "licences", "total_ttc", "state", "day"]
        order_by = ("-number",)
        empty_text = "Votre collectivité n'a pas encore passé de commande."
        attrs: ClassVar = {"class": "table table-vcenter stacking"}

    caption = "Achats de la collectivité"

    def render_number(self, value: int) -> SafeString:
        return format_html('<a href="{}">Commande n°\xa0{}</a>', reverse("purchases:detail", args=[value]), value)

    def render_licences(self, value: int) -> str:
        return typography.number(value)

    def render_total_ttc(self, value: Decimal) -> str:
        return typography.euros(value)

    def render_state(self, record: Order) -> SafeString:
        """Return the badge, and under it the countdown."""
        standing: str = vars(record).get("standing", "") if record.state != OrderState.CANCELLED else ""
        shown = badge(record, scanned=vars(record)["scanned"], turned_down=vars(record)["turned_down"])
        return format_html('{}<br><span class="text-secondary">{}</span>', shown, standing) if standing else shown

    def render_day(self, record: Order) -> str:
        if record.placed_at is None:
            return f"Préparée le {on_day(record.created_at)}"
        return f"Passée le {on_day(record.placed_at)}"
