"""Bank statements of the seller's account, their lines, and the payments that lines were booked as.

What the bank said is never changed (`0002_bank_facts_stay`); what is decided of a line moves by `operations` only.
"""

from decimal import Decimal
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core import formatting
from core.models import LockableQuerySet, check_days
from licensing.orders.models import ZERO
from licensing.orders.settlement import list_payment_choices


class StatementFormat(models.TextChoices):
    """Values are those of `formats.reader`."""

    CAMT053 = "camt053", "CAMT.053"
    CFONB120 = "cfonb120", "CFONB 120"


class BankStatement(models.Model):
    """A statement of the seller's account, as uploaded. Amounts in euros. Append-only."""

    account = models.CharField("IBAN", max_length=34)
    format = models.CharField("format", max_length=10, choices=StatementFormat)
    # The bank's; empty where the format has none.
    number = models.CharField("numéro", max_length=70, blank=True)
    opening_on = models.DateField("du")
    opening_balance = models.DecimalField("ancien solde", max_digits=12, decimal_places=2)
    closing_on = models.DateField("au")
    closing_balance = models.DecimalField("nouveau solde", max_digits=12, decimal_places=2)
    filename = models.CharField("fichier", max_length=200)
    # Of the whole file, which may hold several statements.
    sha256 = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField("déposé le")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="déposé par", on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        verbose_name = "relevé bancaire"
        verbose_name_plural = "relevés bancaires"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="bank_statement_once",
                fields=[
                    "account", "format", "number", "opening_on", "closing_on", "opening_balance", "closing_balance"
                ],
            ),
            check_days("bank_statement_of_readable_dates", "opening_on", "closing_on"),
            models.CheckConstraint(name="bank_statement_goes_forward", condition=Q(closing_on__gte=F("opening_on"))),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"Relevé du {formatting.short_date(self.opening_on)} au {formatting.short_date(self.closing_on)}"


class LineState(models.TextChoices):
    WAITING = "waiting", "À voir"
    BOOKED = "booked", "Enregistrée"
    SET_ASIDE = "set_aside", "Mise de côté"
    DEBIT = "debit", "Débit"


class StatementLine(models.Model):
    """One line of a statement, and what was decided of it. In euros; a debit is negative.

    A line that two files have is stored with the first. `booked_amount` and `set_aside_amount` have the line's sign.
    """

    statement = models.ForeignKey(BankStatement, verbose_name="relevé", on_delete=models.PROTECT, related_name="lines")
    # The statement's: lines are unique by it.
    account = models.CharField("IBAN", max_length=34)
    booked_on = models.DateField("date")
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2)
    reference = models.CharField("référence de la banque", max_length=140, blank=True)
    label = models.CharField("libellé", max_length=140, blank=True)
    party = models.CharField("donneur d'ordre", max_length=140, blank=True)
    details = models.TextField("précisions", blank=True)
    # SHA-256 of amount and texts; the rank tells lines apart that the bank writes alike.
    digest = models.CharField(max_length=64)
    rank = models.PositiveIntegerField("rang")
    method = models.CharField("règlement", max_length=10, choices=list_payment_choices)
    # Whether the bank says that it undoes an earlier operation.
    is_return = models.BooleanField("retour", default=False)

    state = models.CharField("état", max_length=10, choices=LineState)
    booked_amount = models.DecimalField("enregistré", max_digits=12, decimal_places=2, default=ZERO)
    set_aside_amount = models.DecimalField("mis de côté", max_digits=12, decimal_places=2, default=ZERO)
    # Why, of what is set aside.
    reason = models.CharField("motif", max_length=300, blank=True)
    decided_at = models.DateTimeField("vue le", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="vue par",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )

    objects = LockableQuerySet["StatementLine"].as_manager()

    class Meta:
        verbose_name = "ligne de relevé"
        verbose_name_plural = "lignes de relevé"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="bank_line_once", fields=["account", "booked_on", "reference", "digest", "rank"]
            ),
            check_days("bank_line_of_a_readable_date", "booked_on"),
            models.CheckConstraint(name="bank_line_moves_money", condition=~Q(amount=0)),
            # Were a line booked twice, its parts would exceed it.
            models.CheckConstraint(
                name="bank_line_not_exceeded",
                condition=Q(
                    amount__gt=0,
                    booked_amount__gte=0,
                    set_aside_amount__gte=0,
                    amount__gte=F("booked_amount") + F("set_aside_amount"),
                )
                | Q(
                    amount__lt=0,
                    booked_amount__lte=0,
                    set_aside_amount__lte=0,
                    amount__lte=F("booked_amount") + F("set_aside_amount"),
                ),
            ),
            models.CheckConstraint(
                name="bank_line_state_says_what_is_left",
                condition=(Q(state="booked", amount=F("booked_amount") + F("set_aside_amount")) & ~Q(booked_amount=0))
                | Q(state="set_aside", booked_amount=0, set_aside_amount=F("amount"))
                | (Q(state="waiting") & ~Q(amount=F("booked_amount") + F("set_aside_amount")))
                | Q(state="debit", amount__lt=0, booked_amount=0, set_aside_amount=0),
            ),
            models.CheckConstraint(
                name="bank_line_set_aside_says_why",
                condition=Q(set_aside_amount=0, reason="") | (~Q(set_aside_amount=0) & ~Q(reason="")),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="bank_line_waiting", fields=["booked_on", "id"], condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"Ligne n° {self.pk} du {formatting.short_date(self.booked_on)}"

    @property
    def open_amount(self) -> Decimal:
        """What was neither booked nor set aside, in euros, with the line's sign."""
        return self.amount - self.booked_amount - self.set_aside_amount

    @property
    def text(self) -> str:
        """All that the bank says of the line."""
        return " ".join(filter(None, (self.label, self.party, self.details, self.reference)))

    @property
    def payment_reference(self) -> str:
        """The reference of the line's payments: what the bank wrote, and the line, which no other payment has."""
        suffix = f" – ligne de relevé n° {self.pk}"
        return " ".join(f"{self.label or self.party or self.reference}".split())[: 120 - len(suffix)] + suffix


class LinePayment(models.Model):
    """A payment that a line is booked as: recorded from it, or recorded before by hand and found on it."""

    line = models.ForeignKey(StatementLine, verbose_name="ligne", on_delete=models.PROTECT, related_name="payments")
    payment = models.ForeignKey(
        "payments.Payment", verbose_name="règlement", on_delete=models.PROTECT, related_name="bank_lines"
    )
    # The payment's: a line pays an order once.
    order = models.ForeignKey(
        "orders.Order", verbose_name="commande", on_delete=models.PROTECT, related_name="bank_lines"
    )
    # Whether the payment was recorded from the line, and not before by hand.
    was_recorded = models.BooleanField("inscrit depuis la ligne")
    # When the line was taken back, to be booked otherwise.
    released_at = models.DateTimeField("reprise le", null=True, blank=True)

    class Meta:
        verbose_name = "règlement d'une ligne"
        verbose_name_plural = "règlements de lignes"
        constraints: ClassVar = [
            models.UniqueConstraint(
                name="line_payment_once", fields=["payment"], condition=Q(released_at__isnull=True)
            ),
            models.UniqueConstraint(
                name="line_pays_an_order_once",
                fields=["line", "order"],
                condition=Q(released_at__isnull=True, was_recorded=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.payment} – {self.order}"
