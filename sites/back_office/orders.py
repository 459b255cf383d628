"""Orders in the back office: list and page; what is granted, signed purchase orders, and public payers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from stdnum.exceptions import ValidationError as BadNumber
from stdnum.fr import siret as sirets
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from accounts.second_factor import get_operator
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.exceptions import DomainError
from core.formatting import add_nonbreaking_spaces, euros, long_date
from licensing.books.billing.models import BillingDocument, Invoice
from licensing.books.billing.queries import parse_amount, search_invoices
from licensing.orders import operations
from licensing.orders.models import Order, OrderEvent, OrderKind, OrderLine, PublicBody, PurchaseOrderScan
from licensing.orders.operations import get_last_grant
from licensing.orders.queries import is_under_review
from licensing.payments.models import CardPayment, Payment
from sites.back_office import work_items
from sites.back_office.forms import GrantForm, RegistrationNumberField, use_admin_widgets
from sites.back_office.model_admins import (
    ActionAdmin,
    FurtherSearchAdmin,
    PagesAdmin,
    ReadOnlyAdmin,
    ReadOnlyInline,
    choice_filter,
    column,
    link_to,
)
from sites.back_office.order_actions import ORDER_ACTIONS, describe_order
from sites.back_office.order_status import describe_state
from web.generic_forms import ModelForm
from web.page_actions import RefusalsOn


class PublicBodyForm(ModelForm[PublicBody]):
    """A public body and its services, one per line: code, then name."""

    siret = RegistrationNumberField(label="SIRET", widget=UnfoldAdminTextInputWidget)
    lines = forms.CharField(
        label="Services",
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text="Un par ligne : le code, un point-virgule, le nom. Exemple : « EDUC ; Direction de l'éducation ».",
    )

    class Meta:
        model = PublicBody
        fields = ("siret", "name", "service_required", "engagement_required", "service_or_engagement_required")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["lines"] = "\n".join(
            f"{one.get('code', '')} ; {one.get('name', '')}".strip(" ;") for one in self.instance.services
        )

    def clean_siret(self) -> str:
        """Return the SIRET without spaces, after checking its check digit."""
        try:
            return str(sirets.validate(self.cleaned_data["siret"]))
        except BadNumber as error:
            raise ValidationError("Ce SIRET n'existe pas : 14 chiffres, dont le dernier vérifie les autres.") from error

    def clean_lines(self) -> list[dict[str, str]]:
        """Return the services as dictionaries. Raises `ValidationError` for one without a code."""
        services = []
        for line in filter(str.strip, self.cleaned_data["lines"].splitlines()):
            code, _, name = (part.strip() for part in line.partition(";"))
            if not code:
                raise ValidationError(f"Indiquez d'abord le code, puis le nom : « {line.strip()} ».")
            services.append({"code": code, "name": name})
        return services


@admin.register(PublicBody)
class PublicBodyAdmin(ModelAdmin):
    """Public payers. Orders copy what they need, so a body can be corrected or deleted."""

    form = PublicBodyForm
    list_display = ("name", "siret", "service_required", "engagement_required", "changed_at")
    list_filter = ("service_required", "engagement_required")
    search_fields = ("siret__startswith", "name")
    ordering = ("name", "siret")
    fields = (
        "siret", "name", "service_required", "engagement_required", "service_or_engagement_required", "lines",
        "changed_at",
    )  # fmt: skip
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: PublicBody | None = None) -> tuple[str, ...]:
        """Make the SIRET read-only once saved: it identifies the body."""
        return ("changed_at",) if obj is None else ("siret", "changed_at")

    def save_model(self, request: HttpRequest, obj: PublicBody, form: forms.ModelForm[PublicBody], change: Any) -> None:
        """Save the services and the time of the change."""
        obj.services, obj.changed_at = form.cleaned_data["lines"], timezone.now()
        super().save_model(request, obj, form, change)


@admin.register(PurchaseOrderScan)
class PurchaseOrderScanAdmin(ReadOnlyAdmin):
    """Uploaded scans and the decisions on them."""

    list_display = ("filename", "order", "state", "received_at", "uploaded_by", "reason")
    list_filter = ("state",)
    list_select_related = ("order", "uploaded_by")
    search_fields = ("order__id__exact", "filename")
    search_help_text = "Numéro de commande, ou nom du fichier"
    ordering = ("-pk",)
    fields = (
        "file", "decision", "state", "received_at", "uploaded_by", "decided_at", "decided_by", "reason", "sha256"
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet[PurchaseOrderScan]:
        """Return the scans without their content."""
        scans: QuerySet[PurchaseOrderScan] = super().get_queryset(request)
        return scans.defer("content")

    file = column("fichier", lambda scan: link_to("orders_purchaseorderscan_file", scan.pk, scan.filename))
    decision = column("commande", lambda scan: link_to("orders_order_change", scan.order_id, scan.order))
    pages = (("<int:pk>/fichier/", "file_view", "orders_purchaseorderscan_file"),)

    def file_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the file as it was uploaded."""
        scan = get_object_or_404(PurchaseOrderScan, pk=pk)
        return build_file_response(scan.content, name=scan.filename, content_type=scan.content_type, inline=True)


def list_document_links(order: Order) -> list[tuple[str, str]]:
    """Return (label, URL) of each document; signed purchase orders first, as they need review."""
    documents = _list_documents(order)
    return [(add_nonbreaking_spaces(label), reverse(f"admin:{page}", args=[pk])) for label, page, pk in documents]


def _list_documents(order: Order) -> Iterator[tuple[str, str, int]]:
    """Yield the label of each document, its page and its id."""
    for scan in order.scans.defer("content").order_by("-pk"):
        received, decision = long_date(date_in_paris(scan.received_at)), scan.get_state_display().lower()
        label = f"Bon de commande signé « {scan.filename} », déposé le {received} ({decision})"
        yield label, "orders_purchaseorderscan_file", scan.pk
    for invoice in order.invoices.defer("xml", "snapshot").order_by("-pk"):
        label = f"{invoice.get_kind_display()} {invoice.number}, {euros(invoice.total_ttc)}"
        yield label, "billing_invoice_change", invoice.pk
    for document in order.documents.filter(invoice__isnull=True).defer("content").order_by("-pk"):
        yield f"{document.get_kind_display()} {document.number}", "orders_order_document", document.pk
    for payment in CardPayment.objects.filter(order=order).order_by("-pk"):
        yield str(payment), "payments_cardpayment_change", payment.pk


#: What is said before an action on chosen orders.
_SUSPENSION = (
    "Plus rien ne sera attribué de ces lots, leurs clés ne s'activeront plus, et les licences activées "
    "seront en pause. Rien n'est perdu : « Rétablir » rend tout, aussitôt."
)
_RESTORATION = "Les lots suspendus de ces commandes reprennent où ils étaient."


class GrantActions(PagesAdmin):
    """Actions of the order list."""

    actions_list = ("open_pool",)
    actions = ("suspend", "restore")
    pages = (("ouvrir-un-lot/", "grant", "orders_order_grant"),)

    @action(description="Ouvrir un lot", url_path="open-pool", permissions=["grant"])
    def open_pool(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the grant form."""
        return redirect("admin:orders_order_grant")

    def has_grant_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow whoever may add orders."""
        return request.user.has_perm("orders.add_order")

    @action(description="Suspendre", permissions=["grant"])
    def suspend(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Suspend the entitlements of the selected orders, after a confirmation page."""
        done = ("lot suspendu", "lots suspendus")
        return self._apply(request, orders, operations.suspend, title="Suspendre", warning=_SUSPENSION, done=done)

    @action(description="Rétablir", permissions=["grant"])
    def restore(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        """Restore the suspended entitlements of the selected orders, after a confirmation page."""
        done = ("lot rétabli", "lots rétablis")
        return self._apply(request, orders, operations.restore, title="Rétablir", warning=_RESTORATION, done=done)

    def _apply(
        self,
        request: HttpRequest,
        orders: QuerySet[Order],
        operation: Callable[..., int],
        *,
        title: str,
        warning: str,
        done: tuple[str, str],
    ) -> HttpResponse | None:
        """Ask first; then tell how many pools changed. A refusal is a warning and does not stop the other orders."""
        if "confirmed" not in request.POST:
            return self.render_page(
                request,
                "sales/confirm.html",
                title,
                orders=orders.select_related("collectivity", "school", "placed_by"),
                action=operation.__name__,
                warning=add_nonbreaking_spaces(warning),
            )
        changed = 0
        for order in orders:
            try:
                changed += operation(order_id=order.pk, by=get_operator(request), at=timezone.now())
            except DomainError as refusal:
                messages.warning(request, refusal.sentence)
        messages.success(request, f"{formatting.pluralize(changed, *done)}.")
        return None

    def grant(self, request: HttpRequest) -> HttpResponse:
        """Show the grant form; by POST, open the pool with the same operation as the command."""
        if not self.has_grant_permission(request):
            raise PermissionDenied
        form = use_admin_widgets(GrantForm(request.POST or None))
        if request.method == "POST" and form.is_valid():
            with RefusalsOn(form):
                pool = operations.grant(
                    **form.cleaned_data,
                    last_grant=request.POST.get("page_version", ""),
                    by=get_operator(request),
                    at=timezone.now(),
                )
                units = formatting.pluralize(pool.capacity, "licence")
                collectivity = form.cleaned_data["collectivity"]
                messages.success(request, f"Lot « {pool.name} » ouvert pour {collectivity} : {units}.")
                return redirect("admin:orders_order_changelist")
        title = "Ouvrir un lot de licences"
        return self.render_page(request, "sales/grant.html", title, form=form, page_version=get_last_grant())


#: By work queue, as counted on the home page.
WaitingFilter = choice_filter(
    "ce qui attend",
    "attend",
    {name: queue.label for name, queue in work_items.ORDER_QUEUES.items()},
    lambda orders, name: work_items.list_waiting_orders(name, date_in_paris(timezone.now()), among=orders),
)


class LineInline(ReadOnlyInline):
    model = OrderLine
    fields = (
        "product", "school_year", "quantity", "taken_back", "description", "billed_quantity", "unit", "rate", "sum"
    )  # fmt: skip
    readonly_fields = ("unit", "rate", "sum")

    unit = column("prix unitaire HT", "unit_ht", euros)
    rate = column("TVA", "vat_rate", formatting.percent)
    sum = column("total TTC", "total_ttc", euros)


class PaymentInline(ReadOnlyInline):
    model = Payment
    fields = ("received_on", "kind", "method", "money", "reference", "recorded_by")
    readonly_fields = ("money",)
    ordering = ("pk",)

    money = column("montant", lambda row: link_to("payments_payment_change", row.pk, euros(row.amount)))


class EventInline(ReadOnlyInline):
    """The order's timeline."""

    model = OrderEvent
    verbose_name_plural = "Ce qui s'est passé"
    fields = ("at", "sentence", "by")
    readonly_fields = ("sentence",)
    ordering = ("-at", "-pk")

    sentence = column("en clair", "summary", capfirst)


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
class OrderAdmin(GrantActions, ActionAdmin[Order], FurtherSearchAdmin):
    """Sales and grants."""

    list_display = ("number", "buyer", "step", "licences", "money", "method", "placed_at", "until")
    list_select_related = ("collectivity", "school", "placed_by")
    list_filter = (WaitingFilter, "state", "kind", "method", "placed_at")
    search_fields = (
        "id__exact", "collectivity__name", "collectivity__slug", "school__uai__istartswith", "school__name",
        "bill_name", "siret__startswith", "quote_number__iexact", "reason",
    )  # fmt: skip
    search_help_text = (
        "Numéro de commande, de devis ou de facture (P2026 000010) ; montant TTC (1 234,50), collectivité, "
        "établissement, UAI, SIRET, motif"
    )
    ordering = ("-created_at", "-pk")
    inlines = (LineInline, PaymentInline, EventInline)
    readonly_fields = _COMPUTED
    pages = (("papiers/<int:pk>/", "document", "orders_order_document"),)
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

    def search_further(self, term: str) -> Q:
        """Search by invoice as well, and by amount."""
        meant, amount = Q(pk__in=search_invoices(Invoice.objects.all(), term).values("order")), parse_amount(term)
        return meant if amount is None else meant | Q(total_ttc=amount, total_ttc__gt=0)

    number = column("n°", "pk", str, ordering="pk")
    buyer = column("acheteur", lambda row: str(row.collectivity or row.school or row.bill_name or row.placed_by or ""))
    step = column("état", describe_state, ordering="state")
    licences = column("licences", lambda row: formatting.number(sum(line.remaining for line in row.lines.all())))

    money = column(
        "total TTC",
        lambda order: "–" if order.kind == OrderKind.GRANT else euros(order.total_ttc),
        ordering="total_ttc",
    )

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
        return [sentence for page in ("status", "vat") for sentence in describe_order(row, page, timezone.now())]

    def links(self, row: Order) -> list[tuple[str, str]]:
        """Return the links to the order's documents."""
        return list_document_links(row)

    def document(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return a document as it was issued."""
        document = get_object_or_404(BillingDocument, pk=pk)
        return build_file_response(
            document.content, name=f"{document.number}.pdf", content_type="application/pdf", inline=True
        )
