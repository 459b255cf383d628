"""The seller, invoices in a gapless series, and the documents as issued.

Invoices and documents are immutable: triggers reject an UPDATE or a DELETE, and a number that does not follow the
previous one (end of `0001_initial`).
"""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q


class Seller(models.Model):
    """The seller's legal identity as printed on documents: a single row. Without it nothing is sold."""

    name = models.CharField("dénomination", max_length=200)
    legal_form = models.CharField("forme juridique et capital", max_length=120, help_text="SAS au capital de 50 000 €")
    address = models.CharField("adresse", max_length=250)
    postal_code = models.CharField("code postal", max_length=10)
    city = models.CharField("ville", max_length=120)
    siret = models.CharField("SIRET", max_length=14)
    vat_number = models.CharField("numéro de TVA intracommunautaire", max_length=20)
    rcs = models.CharField("immatriculation", max_length=80, help_text="RCS Paris 123 456 789")
    email = models.EmailField("adresse e-mail")
    phone = models.CharField("téléphone", max_length=30)
    iban = models.CharField("IBAN", max_length=34)
    bic = models.CharField("BIC", max_length=11)
    # Stated on every invoice. VAT on services is due on payment, unless the seller opted for debits.
    vat_on_debits = models.BooleanField("option pour la TVA d'après les débits", default=False)
    # Must be stated to consumers: a teacher who buys for themselves is one.
    mediator = models.CharField(
        "médiateur de la consommation", max_length=250, blank=True, help_text="Nom, adresse postale et site"
    )

    class Meta:
        verbose_name = "vendeur"
        verbose_name_plural = "vendeur"
        constraints: ClassVar = [models.CheckConstraint(name="seller_is_one", condition=Q(pk=1))]

    def __str__(self) -> str:
        return self.name


class InvoiceSequence(models.Model):
    """The last invoice number of a year. The row is locked while the next number is allocated."""

    year = models.PositiveSmallIntegerField(primary_key=True)
    last = models.PositiveIntegerField(default=0)
    # Issue date of the last number: numbers follow the order of issue.
    last_on = models.DateField()

    def __str__(self) -> str:
        return f"{self.year} : {self.last}"


class InvoiceKind(models.TextChoices):
    INVOICE = "invoice", "Facture"
    CREDIT_NOTE = "credit_note", "Avoir"


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
    corrects = models.OneToOneField(
        "self", verbose_name="annule la facture", on_delete=models.PROTECT, null=True, blank=True, related_name="credit"
    )
    issued_at = models.DateTimeField("émise le")
    # In Europe/Paris.
    issued_on = models.DateField("date")
    due_on = models.DateField("échéance")
    total_ht = models.DecimalField("total HT", max_digits=12, decimal_places=2)
    total_vat = models.DecimalField("TVA", max_digits=12, decimal_places=2)
    total_ttc = models.DecimalField("total TTC", max_digits=12, decimal_places=2)
    # Snapshot of the document's content: seller, buyer, lines, legal notices (`invoicing.snapshot`).
    facts = models.JSONField()
    # CII XML, profile EN 16931, embedded in the PDF.
    xml = models.TextField()

    class Meta:
        verbose_name = "facture"
        constraints: ClassVar = [
            models.UniqueConstraint(name="invoice_sequence_once", fields=["year", "sequence"]),
            models.CheckConstraint(name="invoice_sequence_from_one", condition=Q(sequence__gt=0)),
            models.CheckConstraint(name="invoice_adds_up", condition=Q(total_ttc=F("total_ht") + F("total_vat"))),
            models.CheckConstraint(
                name="invoice_credit_note_corrects_one",
                condition=Q(kind="credit_note", corrects__isnull=False) | Q(kind="invoice", corrects__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.number


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
    """State of an invoice on Chorus Pro or an approved platform, as recorded by the operator."""

    DEPOSITED = "deposited", "Déposée"
    RECEIVED = "received", "Mise à disposition du destinataire"
    REJECTED = "rejected", "Rejetée par la plateforme"
    REFUSED = "refused", "Refusée par le destinataire"
    APPROVED = "approved", "Approuvée"
    IN_PAYMENT = "in_payment", "Mise en paiement"


#: Final states that need a reason: only a new invoice can follow.
REJECTED_STATES = frozenset({PlatformState.REJECTED, PlatformState.REFUSED})


class PlatformStatus(models.Model):
    """A status of an invoice on its platform. Append-only."""

    invoice = models.ForeignKey(Invoice, verbose_name="facture", on_delete=models.PROTECT, related_name="statuses")
    state = models.CharField("état", max_length=12, choices=PlatformState)
    reason = models.TextField("motif", blank=True)
    at = models.DateTimeField("le")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="par", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        verbose_name = "état de facture"
        verbose_name_plural = "états de facture"

    def __str__(self) -> str:
        return f"{self.invoice} : {self.get_state_display()}"
