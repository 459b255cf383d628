"""Orders in the back office: list and page; what is granted, signed purchase orders, and public payers."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.text import capfirst
from unfold.admin import TabularInline

from core import formatting
from core.calendar import date_in_paris
from licensing.billing.models import Invoice
from licensing.billing.queries import parse_amount, search_invoices
from licensing.orders.models import Order, OrderEvent, OrderKind, OrderLine
from licensing.orders.queries import is_under_review
from licensing.payments.models import Payment
from sites.back_office import work_queue
from sites.back_office.order_states import describe_state
from sites.back_office.read_only import ReadOnlyAdminMixin
from sites.back_office.sales import documents
from sites.back_office.sales.admin_actions import ActionAdmin
from sites.back_office.sales.grants import GrantActions
from sites.back_office.sales.order_actions import ORDER_ACTIONS
from sites.back_office.sales.order_status import describe_order_status
from sites.back_office.sales.vat_action import describe_vat


class WaitingFilter(admin.SimpleListFilter):
    """Filter by work queue, as counted on the home page."""

    title = "ce qui attend"
    parameter_name = "attend"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        """Return the queues."""
        return [(name, one.label) for name, one in work_queue.ORDER_QUEUES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Order]) -> QuerySet[Order]:
        """Keep the orders of the chosen queue."""
        name = self.value()
        if name not in work_queue.ORDER_QUEUES:
            return queryset
        return work_queue.list_waiting_orders(name, date_in_paris(timezone.now()), among=queryset)


class _Inline(ReadOnlyAdminMixin, TabularInline):
    """Read-only rows without a title: one of their columns identifies them."""

    extra = 0
    show_title = False


class LineInline(_Inline):
    model = OrderLine
    fields = (
        "product",
        "school_year",
        "quantity",
        "taken_back",
        "description",
        "billed_quantity",
        "unit",
        "rate",
        "sum",
    )
    readonly_fields = ("unit", "rate", "sum")

    @admin.display(description="prix unitaire HT")
    def unit(self, line: OrderLine) -> str:
        """Return the unit price, VAT excluded."""
        return formatting.euros(line.unit_ht)

    @admin.display(description="TVA")
    def rate(self, line: OrderLine) -> str:
        """Return the VAT rate."""
        return formatting.percent(line.vat_rate)

    @admin.display(description="total TTC")
    def sum(self, line: OrderLine) -> str:
        """Return the line's total, VAT included."""
        return formatting.euros(line.total_ttc)


class PaymentInline(_Inline):
    model = Payment
    fields = ("received_on", "kind", "method", "money", "reference", "recorded_by")
    readonly_fields = ("money",)
    ordering = ("pk",)

    @admin.display(description="montant")
    def money(self, payment: Payment) -> str:
        """Return the amount, negative if it went back, with a link to its page."""
        url = reverse("admin:payments_payment_change", args=[payment.pk])
        return format_html('<a class="underline" href="{}">{}</a>', url, formatting.euros(payment.amount))


class EventInline(_Inline):
    """The order's timeline."""

    model = OrderEvent
    verbose_name_plural = "Ce qui s'est passé"
    fields = ("at", "sentence", "by")
    readonly_fields = ("sentence",)
    ordering = ("-at", "-pk")

    @admin.display(description="en clair")
    def sentence(self, event: OrderEvent) -> str:
        """Return the event's summary, capitalised."""
        return capfirst(event.summary)


_FIELDSETS = {
    "Commande": ("step", "kind", "method", "collectivity", "school", "reason", "placed_by", "money"),
    "Facturation": (
        "payer", "bill_name", "bill_address", "bill_address_extra", "bill_postal_code", "bill_city", "bill_country",
        "bill_email", "siret", "siren", "service_code", "engagement_number", "vat_number", "vat_treatment",
        "vat_correction",
    ),
    "Dates": (
        "created_at", "quote_number", "quoted_at", "quote_until", "placed_at", "terms_version", "received_at",
        "confirmed_at", "paid_at", "lapsed_at", "cancelled_at", "cancellation_reason",
    ),
}  # fmt: skip


#: Of the fields above, those that are no column.
_COMPUTED = ("step", "money")


def _has_value(order: Order | None, name: str) -> bool:
    """Whether the order has a value to show in that field."""
    return order is None or name in _COMPUTED or getattr(order, name) not in (None, "")


@admin.register(Order)
class OrderAdmin(GrantActions, ActionAdmin[Order]):
    """Sales and grants."""

    list_display = ("number", "buyer", "step", "licences", "money", "method", "placed_at", "until")
    list_select_related = ("collectivity", "school", "placed_by")
    list_filter = (WaitingFilter, "state", "kind", "method", "placed_at")
    search_fields = (
        "id__exact",
        "collectivity__name",
        "collectivity__slug",
        "school__uai__istartswith",
        "school__name",
        "bill_name",
        "siret__startswith",
        "quote_number__iexact",
        "reason",
    )
    search_help_text = (
        "Numéro de commande, de devis ou de facture (P2026 000010) ; montant TTC (1 234,50), collectivité, "
        "établissement, UAI, SIRET, motif"
    )
    ordering = ("-created_at", "-pk")
    inlines = (LineInline, PaymentInline, EventInline)
    readonly_fields = _COMPUTED
    admin_actions = ORDER_ACTIONS

    def get_order_id(self, row: Order) -> int:
        """Return the order's own id."""
        return row.pk

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        """Return the orders with whether they are under review, their lines and entitlements in two queries."""
        orders: QuerySet[Order] = super().get_queryset(request)
        return orders.annotate(under_review=is_under_review()).prefetch_related("lines__entitlement")

    def get_fieldsets(self, request: HttpRequest, obj: Order | None = None) -> tuple[tuple[str, Any], ...]:
        """Return the fieldsets without empty fields: most dates of an order are still to come."""
        fieldsets = {title: [name for name in names if _has_value(obj, name)] for title, names in _FIELDSETS.items()}
        return tuple((title, {"fields": names}) for title, names in fieldsets.items() if names)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Order], search_term: str
    ) -> tuple[QuerySet[Order], bool]:
        """Search by the fields above, or by amount or invoice."""
        found: tuple[QuerySet[Order], bool] = super().get_search_results(request, queryset, search_term)
        if not search_term.strip():
            return found
        invoiced = search_invoices(Invoice.objects.all(), search_term)
        meant = Q(pk__in=found[0].order_by().values("pk")) | Q(pk__in=invoiced.values("order"))
        if (amount := parse_amount(search_term)) is not None:
            meant |= Q(total_ttc=amount, total_ttc__gt=0)
        return queryset.filter(meant), False

    @admin.display(description="n°", ordering="pk")
    def number(self, order: Order) -> str:
        """Return the number without thousands separators, as documents and e-mails write it."""
        return str(order.pk)

    @admin.display(description="acheteur")
    def buyer(self, order: Order) -> str:
        """Return the buyer: a collectivity, a school or a person."""
        return str(order.collectivity or order.school or order.bill_name or order.placed_by or "")

    @admin.display(description="état", ordering="state")
    def step(self, order: Order) -> str:
        """Return the state, with that of the signed purchase order."""
        return describe_state(order)

    @admin.display(description="licences")
    def licences(self, order: Order) -> str:
        """Return the total quantity of the order's lines."""
        return formatting.number(sum(line.remaining for line in order.lines.all()))

    @admin.display(description="total TTC", ordering="total_ttc")
    def money(self, order: Order) -> str:
        """Return the total, VAT included; a dash for a grant."""
        if order.kind == OrderKind.GRANT:
            return "–"
        return formatting.euros(order.total_ttc)

    @admin.display(description="droits temporaires jusqu'au")
    def until(self, order: Order) -> str:
        """Return the last day of the temporary rights, as shown to the buyer; a dash where there is none."""
        entitlements = [line.entitlement for line in order.lines.all() if line.entitlement is not None]
        days = [
            entitlement.temporary_until
            for entitlement in entitlements
            if entitlement.temporary_until is not None and entitlement.cancelled_at is None
        ]
        return formatting.long_date(min(days)) if days else "–"

    def status_sentences(self, row: Order) -> list[str]:
        """Return the sentences that describe the order's status."""
        return [*describe_order_status(row, timezone.now()), *describe_vat(row)]

    def links(self, row: Order) -> list[tuple[str, str]]:
        """Return the links to the order's documents."""
        return documents.list_document_links(row)

    def get_urls(self) -> list[URLPattern]:
        """Add the document download before the model's own pages."""
        document = path(
            "papiers/<int:pk>/", self.admin_site.admin_view(documents.download_document), name="orders_order_document"
        )
        urls: list[URLPattern] = super().get_urls()
        return [document, *urls]
