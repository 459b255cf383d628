"""Invoices and credit notes: immutable once issued, with their platform statuses; reissued if turned down."""

from __future__ import annotations

import datetime
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from core import formatting
from core.calendar import date_in_paris
from core.documents import build_file_response
from core.formatting import euros
from licensing.books.billing import invoicing
from licensing.books.billing import operations as billing_operations
from licensing.books.billing.models import (
    Invoice,
    InvoiceKind,
    InvoiceRoute,
    PlatformStatus,
    latest_platform_status,
)
from licensing.books.billing.operations import list_next_states
from licensing.books.billing.queries import get_amount_received, get_balance, search_invoices
from licensing.books.billing.transmission import platforms
from licensing.books.billing.transmission.models import PENDING_STATES, TransmissionKind
from licensing.books.billing.transmission.operations import get_latest_transmission, give_up, list_silent
from licensing.orders import payers
from sites.back_office.forms import PlatformStatusForm, ReasonForm, TakingBackForm
from sites.back_office.model_admins import (
    ActionAdmin,
    AdminAction,
    Pages,
    ReadOnlyInline,
    call,
    choice_filter,
    column,
)
from sites.back_office.transmissions import DepositBatchActions, TransmissionPages, describe_transmission


def is_turned_down(invoice: Invoice) -> bool:
    """Whether the invoice was turned down and no credit note cancels it yet."""
    return Invoice.objects.rejected().filter(pk=invoice.pk).exists()


def _take_back(invoice: Invoice, *, reason: str, by: User, at: datetime.datetime) -> str:
    last = invoice.get_latest_status()
    if last is None:
        return f"{invoice} n'a pas d'état à reprendre."
    billing_operations.take_back_platform_status(status_id=last.pk, reason=reason, by=by, at=at)
    before = invoice.get_latest_status()
    return f"État repris. {invoice} : {before.get_state_display().lower() if before else 'sans état'}."


def _explain_taking_back(invoice: Invoice, _at: datetime.datetime) -> list[str]:
    last = invoice.get_latest_status()
    state = last.get_state_display().lower() if last else "sans état"
    return [
        f"{invoice} est « {state} ». Noté par erreur, cet état est repris : la facture revient à celui d'avant.",
        "Rien ne s'efface : l'état et sa reprise restent dans l'historique.",
    ]


def _explain_reissue(invoice: Invoice, _at: datetime.datetime) -> list[str]:
    missing = [one.sentence for one in payers.check_order(invoice.order).missing]
    return [
        f"Un avoir annule {invoice}, et une facture est émise sous un nouveau numéro.",
        "Elle porte les références que la commande a maintenant : complétez-les d'abord si le rejet venait de là.",
        *missing,
        "Les droits ne changent pas, et l'acheteur reçoit la nouvelle facture.",
    ]


def _is_unanswered(invoice: Invoice) -> bool:
    """Whether the platform has not answered the invoice's transmission for two days."""
    silent = list_silent(timezone.now()).filter(invoice=invoice, kind=TransmissionKind.INVOICE)
    return silent.exists() and not invoice.statuses.exclude(external_id="").exists()


def _give_up(invoice: Invoice, *, reason: str, by: User, at: datetime.datetime) -> str:
    sent = get_latest_transmission(invoice)
    if sent is None:
        return f"{invoice} n'a pas été transmise."
    give_up(transmission_id=sent.pk, reason=reason, by=by, at=at)
    return f"{invoice} est de nouveau à déposer."


INVOICE_ACTIONS: tuple[AdminAction[Invoice], ...] = (
    AdminAction(
        path="refaire",
        label="Refaire sous un nouveau numéro",
        is_available=is_turned_down,
        explanation=_explain_reissue,
        run=call(
            billing_operations.reissue_invoice,
            "invoice_id",
            lambda invoice, issued, _: (
                f"{invoice} annulée par l'avoir {invoice.get_cancelling_note()} ; facture {issued} émise."
            ),
        ),
        form=ReasonForm,
        initial=lambda invoice, _at: {"reason": getattr(invoice.get_latest_status(), "reason", "")},
    ),
    AdminAction(
        path="etat",
        label="Noter son état sur la plateforme",
        is_available=lambda invoice: bool(list_next_states(invoice)),
        explanation=lambda _invoice, _at: [
            "Recopiez ce que dit Chorus Pro, ou la plateforme agréée. Un état noté par erreur se reprend ensuite.",
        ],
        run=call(
            billing_operations.record_platform_status,
            "invoice_id",
            lambda invoice, status, _: f"{invoice} : {status.get_state_display().lower()}.",
        ),
        form=PlatformStatusForm,
    ),
    AdminAction(
        path="ne-plus-attendre",
        label="Ne plus attendre la plateforme",
        is_available=_is_unanswered,
        explanation=lambda invoice, _at: [
            f"La plateforme n'a pas répondu depuis deux jours. {invoice} revient parmi les factures à déposer.",
            "Demandez-lui d'abord ce qu'elle en a reçu. Une facture qu'elle aurait déjà ne sera pas prise deux fois.",
        ],
        run=_give_up,
        form=TakingBackForm,
        primary=False,
    ),
    AdminAction(
        path="reprendre",
        label="Reprendre le dernier état",
        is_available=lambda invoice: invoice.get_latest_status() is not None,
        explanation=_explain_taking_back,
        run=_take_back,
        form=TakingBackForm,
        primary=False,
    ),
)


_ROUTE_NAMES = {InvoiceRoute.CHORUS_PRO: "sur Chorus Pro", InvoiceRoute.PLATFORM: "sur votre plateforme agréée"}


def describe_payer(invoice: Invoice) -> str:
    """Return who is invoiced, as the document says: name, then SIRET or SIREN."""
    buyer = invoice.snapshot["buyer"]
    registration = next((f"{name.upper()} {buyer[name]}" for name in ("siret", "siren") if buyer.get(name)), "")
    return f"Payeur : {buyer['name']}{f' ({registration})' if registration else ''}."


def describe_payment(invoice: Invoice, day: datetime.date) -> str:
    """Return whether an invoice is paid, and else what is owed and since when; empty where nothing is to be paid."""
    if invoice.kind != InvoiceKind.INVOICE or not Invoice.objects.current().filter(pk=invoice.pk).exists():
        return ""
    order, received = invoice.order, get_amount_received(invoice.order)
    owed = get_balance(order)
    if owed <= 0:
        return f"Réglée : {euros(received)} reçus."
    until = f"pour le {formatting.long_date(invoice.due_on)}" if invoice.due_on else ""
    late = ", en retard" if invoice.due_on and invoice.due_on < day else ""
    part = f" ({euros(received)} reçus)" if received else ""
    return f"À régler : {euros(owed)}{part} {until}{late}."


def is_to_deposit(invoice: Invoice) -> bool:
    """Return whether the invoice waits among « À déposer », and was not sent from there."""
    if invoice.route is None or get_latest_transmission(invoice) is not None:
        return False
    return invoicing.list_undeposited(invoice.route).filter(pk=invoice.pk).exists()


def describe_deposit(invoice: Invoice) -> str:
    """Return how to file an invoice that is not yet, or that it is not to be; empty once it is filed."""
    if invoice.route is None:
        return "À déposer nulle part : aucune plateforme ne mène à un particulier, qui l'a reçue par e-mail."
    if not is_to_deposit(invoice):
        return ""
    where = _ROUTE_NAMES[invoice.route]
    if platforms.is_configured(invoice.route):
        return f"À déposer {where} : « Factures à déposer » la transmet d'un clic, et son état revient de lui-même ici."
    return (
        f"À déposer {where} : prenez l'archive de « Factures à déposer », déposez-la, puis notez-y le dépôt. "
        "Son état s'inscrit alors ici."
    )


TurnedDownFilter = choice_filter(
    "ce qui attend",
    "attend",
    {"rejetees": "rejetée ou refusée, à refaire", "litiges": "en litige, à répondre"},
    lambda invoices, waiting: invoices.rejected() if waiting == "rejetees" else invoices.disputed(),
)


class StatusInline(ReadOnlyInline):
    model = PlatformStatus
    fields = ("at", "described", "reason", "by")
    readonly_fields = ("described",)
    ordering = ("-at", "-pk")

    @admin.display(description="état")
    def described(self, status: PlatformStatus) -> str:
        """Return the state in French, or which one is taken back."""
        label = status.get_state_display()
        return f"« {label} » repris" if status.takes_back_id else label


@admin.register(Invoice)
class InvoiceAdmin(TransmissionPages, DepositBatchActions, ActionAdmin[Invoice]):
    """All invoices and credit notes, in one gapless series per year."""

    list_display = ("number", "kind", "order", "payer", "money", "issued_on", "due_on", "platform")
    list_filter = (TurnedDownFilter, "kind", "year", "issued_on")
    list_select_related = ("order",)
    search_fields = ("number",)  # enables the search field; `get_search_results` does the search
    search_help_text = "Numéro de facture (P2026 000010) ou de commande, montant TTC (1 234,50), nom ou SIRET du payeur"
    ordering = ("-year", "-sequence")
    readonly_fields = ("ht", "vat", "money")
    inlines = (StatusInline,)
    admin_actions = INVOICE_ACTIONS

    def get_fields(self, request: HttpRequest, obj: Invoice | None = None) -> tuple[str, ...]:
        """Return the fields; a credit note shows the invoice it corrects instead of a due date."""
        is_credit_note = obj is not None and obj.kind == InvoiceKind.CREDIT_NOTE
        other = "corrects" if is_credit_note else "due_on"
        return ("kind", "number", "order", "buyer_kind", other, "issued_on", "ht", "vat", "money")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invoice]:
        """Return the invoices annotated with their platform status, without their large columns."""
        invoices: QuerySet[Invoice] = super().get_queryset(request)
        return invoices.annotate(status=latest_platform_status()).defer("xml", "snapshot")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Invoice], search_term: str
    ) -> tuple[QuerySet[Invoice], bool]:
        """Search by number, amount, order or client, as they are typed."""
        return (search_invoices(queryset, search_term) if search_term.strip() else queryset), False

    payer = column("payeur", "order.bill_name")
    money = column("total TTC", "total_ttc", euros, ordering="total_ttc")
    ht = column("total HT", "total_ht", euros)
    vat = column("TVA", "total_vat", euros)

    @admin.display(description="plateforme")
    def platform(self, invoice: Invoice) -> str:
        """Return the platform status in French."""
        state = getattr(invoice, "status", None)
        return str(dict(PlatformStatus._meta.get_field("state").flatchoices).get(state, "–"))  # noqa: SLF001 - documented

    def status_sentences(self, row: Invoice) -> list[str]:
        """Return who pays, whether they did, how to file it, what was taken back, and how the transmission went."""
        notes = row.credit_notes.defer("xml", "snapshot").order_by("pk")
        sentences = [
            f"{'Reprise en partie' if note.is_partial else 'Annulée'} par l'avoir {note}, de {euros(note.total_ttc)}."
            for note in notes
        ]
        if row.corrects is not None:
            sentences = [f"{'Avoir partiel' if row.is_partial else 'Avoir'} sur la facture {row.corrects}."]
        sent, last = get_latest_transmission(row), row.get_latest_status()
        # What was noted by hand is no longer awaited.
        if sent is not None and not (last is not None and sent.state in PENDING_STATES):
            is_late = list_silent(timezone.now()).contains(sent)
            sentences.append(describe_transmission(sent, is_late=is_late))
        if is_turned_down(row) and last is not None:
            sentences.append(f"{last.get_state_display()} : {formatting.end_sentence(last.reason)}")
            sentences.append(
                "Elle est à refaire sous un nouveau numéro : corrigez d'abord le payeur, depuis la commande."
            )
        payment = describe_payment(row, date_in_paris(timezone.now()))
        first = [describe_payer(row), payment, describe_deposit(row)]
        return [*filter(None, first), *sentences]

    def links(self, row: Invoice) -> list[tuple[str, str]]:
        """Return the links to the PDF, the XML, the order, its payments, and where it is to be filed."""
        batch = [("Factures à déposer", self.page_url("batch"))] if is_to_deposit(row) else []
        payments = reverse("admin:payments_payment_changelist")
        return [
            *batch,
            (f"{row} en PDF (Factur-X)", self.page_url("document", row.pk)),
            ("Ses données seules (XML)", self.page_url("data", row.pk)),
            (str(row.order), reverse("admin:orders_order_change", args=[row.order_id])),
            ("Ses règlements", f"{payments}?{urlencode({'order__id__exact': row.order_id})}"),
        ]

    pages: Pages = (
        ("<int:pk>/document/", "document", "billing_invoice_document"),
        ("<int:pk>/donnees/", "data", "billing_invoice_data"),
    )

    def document(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the issued PDF, rendering it now if the worker has not yet."""
        document = invoicing.get_or_create_document(get_object_or_404(Invoice, pk=pk), at=timezone.now())
        return build_file_response(
            document.content, name=f"{document.number}.pdf", content_type="application/pdf", inline=True
        )

    def data(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return the XML that the PDF embeds."""
        invoice = get_object_or_404(Invoice, pk=pk)
        return build_file_response(
            invoice.xml.encode(), name=f"{invoice.number}.xml", content_type="application/xml", inline=True
        )
