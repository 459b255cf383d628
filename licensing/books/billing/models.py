"""Invoices in a gapless series, and the documents as issued.

Invoices and documents are immutable: triggers reject an UPDATE or a DELETE, and a number that does not follow the
previous one (`0002_triggers`), unless numbers were skipped after a restoration.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery

from core.journal_seals import Seal, SealedJournal
from core.models import LockableQuerySet, check_moment
from licensing.orders.payers import BuyerKind


class InvoiceSequence(models.Model):
    """The last invoice number of a year. The row is locked while the next number is allocated."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)
    # Issue date of the last number: numbers follow the order of issue.
    last_on = models.DateField()

    objects = LockableQuerySet["InvoiceSequence"].as_manager()

    def __str__(self) -> str:
        return f"{self.year} : {self.last}"


class SkippedNumbers(models.Model):
    """Numbers of a year that no invoice here has: a restored database may have lost those that do. Append-only.

    They follow the last number, and the next one follows them (`0007_skipped_numbers`).
    """

    year = models.PositiveSmallIntegerField("année")
    first = models.PositiveIntegerField("premier rang")
    last = models.PositiveIntegerField("dernier rang")
    reason = models.TextField("motif")
    at = models.DateTimeField("le")

    class Meta:
        verbose_name = "numéros de facture sautés"
        verbose_name_plural = "numéros de facture sautés"
        constraints: ClassVar = [
            models.UniqueConstraint(name="skipped_numbers_once", fields=["year", "first"]),
            models.CheckConstraint(
                name="skipped_numbers_are_some", condition=Q(first__gt=0, last__gte=F("first")) & ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.year} : {self.first} à {self.last}"


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice", "Facture"
    CREDIT_NOTE = "credit_note", "Avoir"


class InvoiceRoute(models.TextChoices):
    """Where an invoice is deposited, by the kind of its buyer (`get_route`)."""

    CHORUS_PRO = "chorus_pro", "Chorus Pro"
    PLATFORM = "platform", "Plateforme agréée"


def get_route(buyer_kind: str) -> InvoiceRoute | None:
    """Return the way by which invoices reach buyers of this kind; None where no platform leads to them.

    An approved platform may also take those of public bodies, and hands them to Chorus Pro.
    """
    to_public = InvoiceRoute.PLATFORM if settings.APPROVED_PLATFORM_TAKES_PUBLIC else InvoiceRoute.CHORUS_PRO
    routes = {BuyerKind.PUBLIC: to_public, BuyerKind.TAXABLE: InvoiceRoute.PLATFORM}
    return routes.get(BuyerKind(buyer_kind))


class InvoiceQuerySet(LockableQuerySet["Invoice"]):
    def current(self) -> Self:
        """Keep invoices that no credit note cancels: an order has one at most. Partial credit notes leave them so."""
        cancelling = Invoice.objects.filter(corrects=OuterRef("pk"), is_partial=False)
        return self.filter(~Exists(cancelling), kind=InvoiceKind.INVOICE)

    def by_route(self, route: InvoiceRoute) -> Self:
        """Keep the invoices that go this way."""
        return self.filter(buyer_kind__in=[kind for kind in BuyerKind if get_route(kind) == route])

    def rejected(self) -> Self:
        """Keep current invoices whose latest status is a rejection: they are to be reissued."""
        return self._currently_in(REJECTED_STATES)

    def disputed(self) -> Self:
        """Keep current invoices that their buyer disputes: they wait for an answer."""
        return self._currently_in(frozenset({PlatformState.DISPUTED}))

    def _currently_in(self, states: frozenset[PlatformState]) -> Self:
        # Narrows to invoices that were ever so, so that the latest status is not computed for the others.
        ever = PlatformStatus.objects.effective().filter(state__in=states)
        return (
            self.current()
            .filter(pk__in=ever.values("invoice"))
            .alias(latest_status=latest_platform_status())
            .filter(latest_status__in=states)
        )


class Invoice(models.Model):
    """An invoice or a credit note, as issued. Amounts in euros; those of a credit note are positive too."""

    kind = models.CharField("nature", max_length=12, choices=InvoiceKind)
    year = models.PositiveSmallIntegerField("année")
    sequence = models.PositiveIntegerField("rang")
    # At most 20 characters: Chorus Pro's limit.
    number = models.CharField("numéro", max_length=20, unique=True)
    order = models.ForeignKey(
        "orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="invoices"
    )
    corrects = models.ForeignKey(
        "self",
        verbose_name="corrige la facture",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="credit_notes",
    )
    # A credit note that leaves a part of the invoice. The one that does not takes all that is left, and cancels it.
    is_partial = models.BooleanField("avoir partiel", default=False)
    # As it was when the invoice was issued; a credit note has its invoice's.
    buyer_kind = models.CharField("nature de l'acheteur", max_length=10, choices=BuyerKind)
    issued_at = models.DateTimeField("émise le")
    # In Europe/Paris.
    issued_on = models.DateField("date")
    due_on = models.DateField("échéance")
    total_ht = models.DecimalField("total HT", max_digits=12, decimal_places=2)
    total_vat = models.DecimalField("TVA", max_digits=12, decimal_places=2)
    total_ttc = models.DecimalField("total TTC", max_digits=12, decimal_places=2)
    # Snapshot of the document's content: seller, buyer, lines, legal notices (`licensing.books.billing.snapshots`).
    snapshot = models.JSONField()
    # CII XML, profile EN 16931, embedded in the PDF.
    xml = models.TextField()

    objects = InvoiceQuerySet.as_manager()

    class Meta:
        verbose_name = "facture"
        constraints: ClassVar = [
            models.UniqueConstraint(name="invoice_sequence_once", fields=["year", "sequence"]),
            models.CheckConstraint(name="invoice_sequence_from_one", condition=Q(sequence__gt=0)),
            models.CheckConstraint(name="invoice_adds_up", condition=Q(total_ttc=F("total_ht") + F("total_vat"))),
            models.CheckConstraint(
                name="invoice_credit_note_corrects_one",
                condition=Q(kind="credit_note", corrects__isnull=False)
                | Q(kind="invoice", corrects__isnull=True, is_partial=False),
            ),
            models.UniqueConstraint(name="invoice_cancelled_once", fields=["corrects"], condition=Q(is_partial=False)),
        ]

    def __str__(self) -> str:
        return self.number

    def get_cancelling_note(self) -> Invoice | None:
        """Return the credit note that cancels the invoice; None while it is current, and for a credit note."""
        return self.credit_notes.filter(is_partial=False).first()

    @property
    def route(self) -> InvoiceRoute | None:
        """Where it is deposited; None for a consumer's."""
        return get_route(self.buyer_kind)

    def get_latest_status(self) -> PlatformStatus | None:
        """Return the latest status on the platform that was not taken back, if any was recorded."""
        return PlatformStatus.objects.effective().filter(invoice=self).in_order().last()

    def get_rejection(self) -> PlatformStatus | None:
        """Return the latest status if it is a rejection: the invoice is then to be reissued."""
        last = self.get_latest_status()
        return last if last is not None and last.state in REJECTED_STATES else None


class BillingDocumentKind(models.TextChoices):
    QUOTE = "quote", "Devis"
    PURCHASE_ORDER = "purchase_order", "Bon de commande"
    INVOICE = "invoice", "Facture"
    CREDIT_NOTE = "credit_note", "Avoir"


class BillingDocument(models.Model):
    """A PDF as issued, with its hash. Never rendered again."""

    kind = models.CharField("nature", max_length=15, choices=BillingDocumentKind)
    order = models.ForeignKey(
        "orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="documents"
    )
    invoice = models.OneToOneField(
        Invoice, verbose_name="facture", on_delete=models.PROTECT, null=True, blank=True, related_name="document"
    )
    # Number of the quote, the purchase order or the invoice.
    number = models.CharField("numéro", max_length=30)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    made_at = models.DateTimeField("établi le")

    class Meta:
        verbose_name = "document"
        constraints: ClassVar = [models.UniqueConstraint(name="document_once", fields=["kind", "number"])]

    def __str__(self) -> str:
        return self.number


class PlatformState(models.TextChoices):
    """State of an invoice on Chorus Pro or an approved platform, recorded by the operator or told by the platform."""

    DEPOSITED = "deposited", "Déposée"
    RECEIVED = "received", "Mise à disposition du destinataire"
    REJECTED = "rejected", "Rejetée par la plateforme"
    REFUSED = "refused", "Refusée par le destinataire"
    APPROVED = "approved", "Approuvée"
    IN_PAYMENT = "in_payment", "Mise en paiement"
    SUSPENDED = "suspended", "Suspendue"
    DISPUTED = "disputed", "En litige"
    COMPLETED = "completed", "Complétée"
    TO_RECYCLE = "to_recycle", "À recycler"
    COLLECTED = "collected", "Encaissée"


#: Final states: only a new invoice can follow.
REJECTED_STATES = frozenset({PlatformState.REJECTED, PlatformState.REFUSED})
#: States that say why.
REASONED_STATES = REJECTED_STATES | {PlatformState.DISPUTED, PlatformState.SUSPENDED, PlatformState.TO_RECYCLE}
#: States of an invoice that is being paid, or was: no other invoice replaces it.
PAYING_STATES = frozenset({PlatformState.IN_PAYMENT, PlatformState.COLLECTED})


class PlatformStatusQuerySet(models.QuerySet["PlatformStatus"]):
    def effective(self) -> Self:
        """Keep the statuses that count: neither taken back, nor the taking back of another."""
        return self.filter(takes_back__isnull=True, taken_back__isnull=True)

    def in_order(self) -> Self:
        """Sort by when they happened: what a platform tells may come late, and out of order."""
        return self.order_by("at", "pk")


class PlatformStatus(models.Model):
    """A status of an invoice on its platform, or the taking back of one that was recorded by mistake. Append-only."""

    invoice = models.ForeignKey(Invoice, verbose_name="facture", on_delete=models.PROTECT, related_name="statuses")
    state = models.CharField("état", max_length=12, choices=PlatformState)
    reason = models.TextField("motif", blank=True)
    at = models.DateTimeField("le")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="par", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )
    # By what the platform's answer is known, so that it is recorded once; empty where the operator recorded it.
    external_id = models.CharField("référence sur la plateforme", max_length=120, blank=True)
    # The status that this row takes back; `state` is then that one's.
    takes_back = models.OneToOneField(
        "self", verbose_name="reprend", on_delete=models.PROTECT, null=True, blank=True, related_name="taken_back"
    )

    objects = PlatformStatusQuerySet.as_manager()

    class Meta:
        verbose_name = "état de facture"
        verbose_name_plural = "états de facture"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="platform_status_says_why",
                condition=(
                    ~Q(state__in=["refused", "rejected", "disputed", "suspended", "to_recycle"])
                    & Q(takes_back__isnull=True)
                )
                | ~Q(reason=""),
            ),
            check_moment("platform_status_of_a_readable_date", "at"),
            models.UniqueConstraint(
                name="platform_status_told_once", fields=["invoice", "external_id"], condition=~Q(external_id="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice} : {self.get_state_display()}"


def latest_platform_status() -> Subquery:
    """Return a subquery of each invoice's latest platform status that was not taken back; None if there is none."""
    statuses = PlatformStatus.objects.effective().filter(invoice=OuterRef("pk"))
    return Subquery(statuses.order_by("-at", "-pk").values("state")[:1])


class InvoiceSeal(Seal):
    """A seal of the invoices and credit notes."""


#: The invoices as `manage.py audit` and the sealing task read them: long columns by their hash.
SEALED_INVOICES = SealedJournal(
    entries=Invoice,
    seals=InvoiceSeal,
    columns=(
        "kind",
        "year",
        "sequence",
        "number",
        "order_id",
        "corrects_id",
        "is_partial",
        "buyer_kind",
        "issued_at",
        "issued_on",
        "due_on",
        "total_ht",
        "total_vat",
        "total_ttc",
        "encode(sha256(convert_to(snapshot::text, 'UTF8')), 'hex')",
        "encode(sha256(convert_to(xml, 'UTF8')), 'hex')",
    ),
)
