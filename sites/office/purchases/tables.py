"""The table of purchases."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from core import formatting
from licensing.entitlements.wording import describe_review, format_long_date
from licensing.orders.models import Order, OrderState
from web.figure_column import FigureColumn

#: Badge colours; never the only carrier of the information.
_COLOURS = {
    OrderState.DRAFT: "secondary",
    OrderState.PLACED: "orange",
    OrderState.CONFIRMED: "blue",
    OrderState.PAID: "green",
    OrderState.LAPSED: "red",
    OrderState.CANCELLED: "secondary",
}
#: State labels from the buyer's point of view.
_LABELS = {
    OrderState.DRAFT: "En préparation",
    OrderState.PLACED: "Bon de commande signé attendu",
    OrderState.CONFIRMED: "Facturée, à régler",
    OrderState.PAID: "Réglée",
    OrderState.LAPSED: "Suspendue, faute de bon de commande",
    OrderState.CANCELLED: "Annulée",
}


def render_badge(order: Order, *, scanned: bool, turned_down: bool) -> SafeString:
    """Return the order's state as a coloured badge.

    `scanned`: its signed purchase order is under review; `turned_down`: its invoice is to be reissued.
    """
    state = OrderState(order.state)
    colour, label = _COLOURS[state], _LABELS[state]
    if scanned and state in (OrderState.PLACED, OrderState.LAPSED):
        label = describe_review(suspended=state == OrderState.LAPSED)
        colour = "blue" if state == OrderState.PLACED else colour
    elif turned_down and state == OrderState.CONFIRMED:
        colour, label = "red", "Facture non acceptée, à refaire"
    return format_html('<span class="badge bg-{}-lt">{}</span>', colour, label)


class PurchaseTable(tables.Table):
    """One row per order, with its state and the status of its rights."""

    number = tables.Column(verbose_name="Commande", accessor="pk", order_by=("pk",))
    licences = FigureColumn(verbose_name="Licences", order_by=("licences", "pk"))
    total_ttc = FigureColumn(verbose_name="Total TTC", order_by=("total_ttc", "pk"))
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

    def render_total_ttc(self, value: Decimal) -> str:
        return formatting.euros(value)

    def render_state(self, record: Order) -> SafeString:
        """Return the badge, followed by the countdown of the rights."""
        rights_summary: str = vars(record).get("rights_summary", "") if record.state != OrderState.CANCELLED else ""
        shown = render_badge(record, scanned=vars(record)["scanned"], turned_down=vars(record)["turned_down"])
        return (
            format_html('{}<br><span class="text-secondary">{}</span>', shown, rights_summary)
            if rights_summary
            else shown
        )

    def render_day(self, record: Order) -> str:
        if record.placed_at is None:
            return f"Préparée le {format_long_date(record.created_at)}"
        return f"Passée le {format_long_date(record.placed_at)}"
