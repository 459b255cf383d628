"""« Achats » at a collectivity's office, from the price of a volume to the invoice.

Buyers may act, managers may read; viewers and data officers have no access to prices.
"""

import datetime
import re
from decimal import Decimal
from typing import Any, ClassVar, NamedTuple, Self

import django_tables2 as tables
from django import forms
from django.db.models import F, QuerySet, Sum
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST, require_safe
from django_tables2 import RequestConfig

from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.queries import get_current_collectivity, list_members
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from licensing.books.billing import documents
from licensing.books.billing.invoicing import get_or_create_document
from licensing.books.billing.models import Invoice, InvoiceKind
from licensing.books.billing.queries import get_balance, has_rejected_invoice
from licensing.catalogue import terms
from licensing.catalogue.models import Seller
from licensing.catalogue.pricing import MAX_UNITS
from licensing.entitlements import wording
from licensing.entitlements.models import Entitlement
from licensing.entitlements.wording import describe_review, format_long_date, status_text
from licensing.orders import billing_details, payers, purchase_orders, siret_numbers
from licensing.orders.billing_details import FRANCE, BillingDetails
from licensing.orders.models import Order, OrderState, Payer, ScanState
from licensing.orders.purchase_orders import MAX_SCAN_BYTES
from licensing.orders.queries import is_under_review
from licensing.pools.models import Pool
from web.figure_column import FigureColumn
from web.page_actions import RefusalsOn, page_action

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


#: References required on a public buyer's invoice; same names as the fields of `Order` and `preflight`.
BILLING_CODES = ("siret", "service_code", "engagement_number")
#: A point is accepted as a thousands separator only: « 2.000 » is valid, « 1.5 » is not.
_INTEGER = re.compile(r"[0-9]+|[0-9]{1,3}(\.[0-9]{3})+")


class VolumeForm(forms.Form):
    """Number of licences; accepts thousands separators (« 2 000 »)."""

    licences = forms.CharField(
        label="Nombre de licences",
        max_length=20,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def clean_licences(self) -> int:
        """Return the number without thousands separators, capped just above the maximum."""
        text = "".join(self.cleaned_data["licences"].split())
        if not _INTEGER.fullmatch(text):
            raise forms.ValidationError("Indiquez un nombre entier de licences : une par classe.")
        return min(int(text.replace(".", "")), MAX_UNITS + 1)


class BillingCodesForm(forms.Form):
    """SIRET, service code and engagement number: editable until the invoice is issued."""

    siret = forms.CharField(
        label="SIRET",
        required=False,
        max_length=25,
        help_text="Quatorze chiffres\xa0: celui de l'établissement qui paie, tel qu'il figure sur vos mandats.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    service_code = forms.CharField(
        label="Code service",
        required=False,
        max_length=100,
        help_text="Si votre organisme l'exige sur Chorus Pro.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    engagement_number = forms.CharField(
        label="Numéro d'engagement",
        required=False,
        max_length=50,
        help_text="Votre comptabilité le donne quand elle engage la dépense\xa0; il peut suivre, jusqu'à la facture.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    def clean_siret(self) -> str:
        """Return the digits only."""
        return siret_numbers.normalise(self.cleaned_data["siret"])

    def codes(self) -> dict[str, str]:
        """Return the three raw values, valid or not, for `preflight.check_billing`."""
        return {name: str(self[name].value() or "") for name in BILLING_CODES}


class BillingForm(BillingCodesForm):
    """Whom the invoice is for: editable until it is issued."""

    name = forms.CharField(label="Organisme facturé", max_length=200)
    address = forms.CharField(label="Adresse", max_length=250)
    address_extra = forms.CharField(label="Adresse (suite)", max_length=250, required=False)
    postal_code = forms.CharField(
        label="Code postal",
        max_length=10,
        help_text="La TVA en dépend.",
        widget=forms.TextInput(attrs={"inputmode": "numeric"}),
    )
    city = forms.CharField(label="Ville", max_length=120)
    email = forms.EmailField(label="Adresse e-mail de la comptabilité", help_text="Elle figure sur la facture.")

    #: Whose country and VAT number are kept: only the operator corrects them.
    order: Order

    field_order = ("name", "address", "address_extra", "postal_code", "city", "email", *BILLING_CODES)

    @classmethod
    def for_order(cls, order: Order, data: Any = None) -> Self:
        """Return the form bound to `data`, or prefilled for this order."""
        billing = billing_details.prefill_billing_details(order)
        initial = {name: getattr(billing, name) for name in cls.base_fields if hasattr(billing, name)}
        initial["siret"] = siret_numbers.format_with_spaces(billing.siret) if billing.siret else ""
        form = cls(data, initial=initial | {"terms_version": terms.CURRENT})
        form.order = order
        return form

    def billing(self) -> BillingDetails:
        """Return the billing details as the operation expects them."""
        names = ("name", "address", "address_extra", "postal_code", "city", "email", *BILLING_CODES)
        return BillingDetails(
            payer=Payer.COLLECTIVITY,
            country=self.order.bill_country or FRANCE,
            vat_number=self.order.vat_number,
            **{name: self.cleaned_data[name] for name in names},
        )


class OrderForm(BillingForm):
    """Billing details and acceptance of the general terms of sale."""

    terms_version = forms.CharField(required=False, widget=forms.HiddenInput)
    accepted = forms.BooleanField(
        required=True,
        error_messages={"required": "Cochez cette case pour accepter les conditions générales de vente."},
    )


class OfficeScanForm(forms.Form):
    """Upload of the signed purchase order."""

    scan = forms.FileField(
        label="Bon de commande signé",
        help_text="PDF, JPEG ou PNG, 4 Mo au plus.",
        error_messages={"required": "Choisissez d'abord le fichier."},
        widget=forms.FileInput(attrs={"accept": "application/pdf,image/jpeg,image/png"}),
    )


def list_purchases() -> QuerySet[Order]:
    """Return the current collectivity's purchases and drafts (orders are rows of the public schema)."""
    return Order.objects.sales().filter(collectivity=get_current_collectivity())


def get_purchase(pk: int) -> Order:
    """Return one of its purchases; raises `Http404` for another's."""
    return get_object_or_404(list_purchases(), pk=pk)


#: States in which the billing codes may still be completed: no invoice is issued yet.
COMPLETABLE = (OrderState.PLACED, OrderState.LAPSED)


class PurchaseStep(NamedTuple):
    """One step of the progress bar of a purchase."""

    label: str
    #: « done », « current » or « to come ».
    state: str
    details: str


@office(Capability.READ_ORDERS)
@require_safe
def detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show the order and its next step."""
    return render_purchase(request, get_purchase(pk))


def render_purchase(
    request: OfficeHttpRequest, order: Order, *, scan_form: OfficeScanForm | None = None, status: int = 200
) -> HttpResponse:
    """Render the page of the order; `scan_form`: a refused upload, with its errors."""
    today = date_in_paris(timezone.now())
    entitlement = Entitlement.objects.filter(order_line__order=order).first()
    scans = list(order.scans.defer("content").order_by("-received_at", "-pk"))
    waiting = next((scan for scan in scans if scan.state == ScanState.WAITING), None)
    invoices = list(order.invoices.select_related("corrects").order_by("pk"))
    cancelled = {one.corrects_id for one in invoices if not one.is_partial}
    live = next((one for one in invoices if one.kind == InvoiceKind.INVOICE and one.pk not in cancelled), None)
    awaited = order.state in COMPLETABLE
    turned_down = live.get_rejection() if live else None
    overdue = live is not None and order.state == OrderState.CONFIRMED and live.due_on < today
    free, is_untouched = _count_free(request, entitlement, today)
    context: dict[str, Any] = {
        "order": order,
        "free": free,
        # The page's filled button, until something was given.
        "gives_first": free and is_untouched and not overdue and turned_down is None,
        "badge": render_badge(order, scanned=waiting is not None, turned_down=turned_down is not None),
        "lines": order.lines.select_related("school_year").order_by("pk"),
        "rights_summary": wording.status_text(entitlement, today, under_review=waiting is not None)
        if entitlement
        else "",
        "rights_colour": _choose_colour(order, scanned=waiting is not None, overdue=overdue),
        "steps": _build_steps(order, received=waiting is not None, invoice=live, redone=turned_down is not None),
        "buys": (buys := request.member.may(Capability.BUY_LICENCES)),
        "buyers": [] if buys else list_members(Capability.BUY_LICENCES),
        "awaited": awaited,
        "turned_down": turned_down,
        "completable": awaited or turned_down is not None,
        "quote_valid": order.quote_until is not None and today <= order.quote_until,
        "preflight": payers.check_order(order) if awaited else None,
        "waiting": waiting,
        "refused": next((scan for scan in scans if scan.state == ScanState.REFUSED), None) if not waiting else None,
        "scans": scans,
        "scan_form": scan_form or OfficeScanForm(),
        "invoices": invoices,
        "invoice": live,
        "overdue": overdue,
        "to_pay": get_balance(order) if live else None,
        "surplus": -get_balance(order),
        "payments": order.payments.order_by("pk"),
        "seller": Seller.objects.first(),
        "siret": siret_numbers.format_with_spaces(order.siret) if order.siret else "",
        "events": order.events.select_related("by").order_by("-at", "-pk"),
    }
    return render(request, "office/purchases/detail.html", context, status=status)


def _count_free(request: OfficeHttpRequest, entitlement: Entitlement | None, today: datetime.date) -> tuple[int, bool]:
    """Return how many licences of the order the member may give now, and whether none was given yet."""
    if entitlement is None or not entitlement.available_on(today) or not request.member.may(Capability.PREPARE_IMPORTS):
        return 0, False
    pool = Pool.objects.filter(entitlement=entitlement).first()
    return (pool.free, pool.free == pool.capacity) if pool else (0, False)


def _choose_colour(order: Order, *, scanned: bool, overdue: bool) -> str:
    """Return the colour of the alert that states the rights."""
    if order.state == OrderState.LAPSED or overdue:
        return "danger"
    return "warning" if order.state == OrderState.PLACED and not scanned else "info"


def _build_steps(order: Order, *, received: bool, invoice: Invoice | None, redone: bool) -> list[PurchaseStep]:
    """Return the five steps of a purchase with their states; none for a cancelled order."""
    if order.state == OrderState.CANCELLED:
        return []
    reached = {
        OrderState.DRAFT: 1,
        OrderState.PLACED: 2,
        OrderState.LAPSED: 2,
        # An invoice that was turned down is to be reissued.
        OrderState.CONFIRMED: 3 if redone else 4,
        OrderState.PAID: 5,
    }[OrderState(order.state)]
    labels = [
        ("Volume et prix", formatting.euros(order.total_ttc) + " TTC"),
        ("Commande", _format_day(order.placed_at)),
        ("Bon de commande signé", "en cours de vérification" if received else _format_day(order.received_at)),
        ("Facture", f"{invoice.number}, {wording.format_long_date(invoice.issued_on)}" if invoice else ""),
        ("Règlement", _format_day(order.paid_at)),
    ]
    return [
        PurchaseStep(label, "done" if position < reached else "current" if position == reached else "to come", details)
        for position, (label, details) in enumerate(labels)
    ]


def _format_day(moment: datetime.datetime | None) -> str:
    return wording.format_long_date(moment) if moment else ""


@office(Capability.READ_ORDERS)
@require_safe
@page_action("purchases:detail", "pk")
def quote_pdf(request: OfficeHttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the quote as PDF. Raises `Http404` if there is none."""
    order = get_purchase(pk)
    if not order.quote_number:
        raise Http404("This order has no quote.")
    return documents.build_download(documents.get_or_create_quote(order, at=timezone.now()))


@office(Capability.READ_ORDERS)
@require_safe
@page_action("purchases:detail", "pk")
def purchase_order_pdf(request: OfficeHttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the purchase order to sign as PDF. Raises `Http404` before the order is placed."""
    order = get_purchase(pk)
    if order.placed_at is None:
        raise Http404("This order is not placed.")
    return documents.build_download(documents.get_or_create_purchase_order(order, at=timezone.now()))


@office(Capability.READ_ORDERS)
@require_safe
def invoice_pdf(request: OfficeHttpRequest, pk: int, number: str) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return an invoice or a credit note of this order as PDF."""
    invoice = get_object_or_404(get_purchase(pk).invoices, number=number)
    return documents.build_download(get_or_create_document(invoice, at=timezone.now()))


@office(Capability.READ_ORDERS)
@require_safe
def scan_download(request: OfficeHttpRequest, pk: int, number: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the uploaded scan."""
    scan = get_object_or_404(get_purchase(pk).scans, pk=number)
    # An untrusted upload: never displayed inline.
    return build_file_response(scan.content, name=scan.filename, content_type=scan.content_type)


@office(Capability.BUY_LICENCES)
@require_POST
@page_action("purchases:detail", "pk")
def scan_upload(request: OfficeHttpRequest, pk: int) -> HttpResponse | str:
    """Receive the signed purchase order; the countdown of the rights stops until it is reviewed."""
    order = get_purchase(pk)
    form = OfficeScanForm(request.POST, request.FILES)
    if not form.is_valid():
        return render_purchase(request, order, scan_form=form, status=422)
    file = form.cleaned_data["scan"]
    with RefusalsOn(form, "scan"):
        purchase_orders.receive_scan(
            order_id=order.pk,
            filename=file.name,
            # One byte over the limit is enough to detect a file that is too large.
            content=file.read(MAX_SCAN_BYTES + 1),
            by=request.member.user,
            at=timezone.now(),
        )
        return "Bon de commande signé reçu : nous le vérifions, et la facture suit."
    return render_purchase(request, order, scan_form=form, status=409)


PER_PAGE = 50


@office(Capability.READ_ORDERS)
@require_safe
def purchase_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the orders, without discarded drafts."""
    orders = (
        list_purchases()
        .exclude(state="cancelled", placed_at=None)
        .annotate(
            licences=Sum(F("lines__quantity") - F("lines__taken_back")),
            scanned=is_under_review(),
            turned_down=has_rejected_invoice(),
        )
    )
    table = PurchaseTable(orders)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    orders_on_page = {row.record.pk: row.record for row in table.page.object_list}
    today = date_in_paris(timezone.now())
    for entitlement in Entitlement.objects.filter(order_line__order__in=orders_on_page):
        order = orders_on_page[entitlement.number]
        order.rights_summary = status_text(entitlement, today, under_review=order.scanned)
    buys = request.member.may(Capability.BUY_LICENCES)
    buyers = [] if buys or orders_on_page else list_members(Capability.BUY_LICENCES)
    return render(request, "office/purchases/list.html", {"table": table, "buys": buys, "buyers": buyers})
