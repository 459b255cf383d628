"""The accounts that the export uses, and the movements of the card provider's balance as it lists them."""

from __future__ import annotations

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import F, Q

from core.models import check_moment
from licensing.books.accounting.journals import Journal

_check_account = RegexValidator(
    r"\A[0-9]{3}[0-9A-Z]*\Z", "Un numéro de compte commence par trois chiffres, sans espace ni point : 706000."
)
_check_journal = RegexValidator(r"\A[0-9A-Z]+\Z", "Un code de journal : lettres majuscules et chiffres, sans espace.")


class Month(models.IntegerChoices):
    JANUARY = 1, "31 janvier"
    FEBRUARY = 2, "28 ou 29 février"
    MARCH = 3, "31 mars"
    APRIL = 4, "30 avril"
    MAY = 5, "31 mai"
    JUNE = 6, "30 juin"
    JULY = 7, "31 juillet"
    AUGUST = 8, "31 août"
    SEPTEMBER = 9, "30 septembre"
    OCTOBER = 10, "31 octobre"
    NOVEMBER = 11, "30 novembre"
    DECEMBER = 12, "31 décembre"


def _account(label: str, default: str) -> models.CharField[str, str]:
    """Return the field of an account's number; its label is that of the account in the export."""
    return models.CharField(label, max_length=20, default=default, validators=[_check_account])


def _journal(label: str, default: str) -> models.CharField[str, str]:
    """Return the field of a journal's code; its label is that of the journal in the export."""
    return models.CharField(label, max_length=10, default=default, validators=[_check_journal])


class AccountingSettings(models.Model):
    """The accounts and journals of the accountant's plan: a single row, or none for the defaults."""

    customers = _account("Clients", "411000")
    overpayments = _account("Clients – trop-perçus", "419700")
    sales = _account("Prestations de services", "706000")
    sales_exempt = _account("Prestations de services sans TVA", "706100")
    sales_outside_eu = _account("Prestations de services hors de l'Union européenne", "706200")
    sales_reverse_charge = _account("Prestations de services dans l'Union européenne", "706300")
    vat_20 = _account("TVA collectée à 20 %", "44571200")
    vat_10 = _account("TVA collectée à 10 %", "44571100")
    vat_8_5 = _account("TVA collectée à 8,5 %", "44571085")
    vat_5_5 = _account("TVA collectée à 5,5 %", "44571055")
    vat_2_1 = _account("TVA collectée à 2,1 %", "44571021")
    vat_other = _account("TVA collectée à un autre taux", "44571000")
    bank = _account("Banque", "512000")
    cheques = _account("Chèques à encaisser", "511200")
    cards = _account("Cartes bancaires à encaisser", "511500")
    provider = _account("Solde chez le prestataire de paiement", "467000")
    provider_fees = _account("Frais du prestataire de paiement", "627000")
    waiting = _account("Compte d'attente", "471000")
    deferred_income = _account("Produits constatés d'avance", "487000")

    journal_sales = _journal("Ventes", "VE")
    journal_bank = _journal("Banque", "BQ")
    journal_cheques = _journal("Chèques", "CH")
    journal_cards = _journal("Cartes bancaires", "CB")
    journal_general = _journal("Opérations diverses", "OD")

    closing_month = models.PositiveSmallIntegerField("clôture de l'exercice", choices=Month, default=Month.DECEMBER)
    defers_income = models.BooleanField("constater les produits d'avance à la clôture", default=True)

    class Meta:
        verbose_name = "comptabilité"
        verbose_name_plural = "comptabilité"
        constraints: ClassVar = [models.CheckConstraint(name="accounting_settings_are_one", condition=Q(pk=1))]

    def __str__(self) -> str:
        return "Comptes et journaux"

    def clean(self) -> None:
        """Refuse two journals with the same code: their numbers would follow neither."""
        labels: dict[str, str] = {}
        for journal, (code, label) in self.describe_journals().items():
            if labels.setdefault(code, label) != label:
                sentence = f"Ce code est déjà celui du journal « {labels[code]} » : donnez-en un autre."
                raise ValidationError({journal.settings_field: sentence})

    def describe_journals(self) -> dict[Journal, tuple[str, str]]:
        """Return the code and the label of each journal."""
        labels = {column.name: str(column.verbose_name) for column in self._meta.fields}
        return {one: (getattr(self, one.settings_field), labels[one.settings_field]) for one in Journal}

    def describe_accounts(self) -> dict[str, tuple[str, str]]:
        """Return the number and the label of each account, by its field. Accounts with one number have one label."""
        labels: dict[str, str] = {}
        accounts = {}
        for column in self._meta.fields:
            if column.name in ACCOUNT_FIELDS:
                number = getattr(self, column.name)
                accounts[column.name] = number, labels.setdefault(number, str(column.verbose_name))
        return accounts


#: Names of the fields that hold a journal's code, and of those that hold an account's number.
JOURNAL_FIELDS = tuple(journal.settings_field for journal in Journal)
ACCOUNT_FIELDS = tuple(
    column.name
    for column in AccountingSettings._meta.fields  # noqa: SLF001 - documented
    if isinstance(column, models.CharField) and column.name not in JOURNAL_FIELDS
)


def get_accounting_settings() -> AccountingSettings:
    """Return the accounts and journals that the operator chose, or the defaults. One query."""
    return AccountingSettings.objects.filter(pk=1).first() or AccountingSettings(pk=1)


class BalanceTransaction(models.Model):
    """A movement of the balance that the card provider keeps for the seller, as it lists it. Append-only; in euros."""

    variant = models.CharField("prestataire", max_length=40)
    # The provider's identifier of the movement.
    reference = models.CharField("référence", max_length=255)
    # The provider's word: « charge », « refund », « payout », « stripe_fee »…
    kind = models.CharField("nature", max_length=60)
    # Negative where the money leaves the balance.
    amount = models.DecimalField("montant", max_digits=12, decimal_places=2)
    fee = models.DecimalField("frais", max_digits=12, decimal_places=2)
    net = models.DecimalField("net", max_digits=12, decimal_places=2)
    # The provider's identifier of the charge that it concerns, if any; and that charge's payment, if it is ours.
    charge = models.CharField("encaissement", max_length=255, blank=True)
    card = models.ForeignKey(
        "payments.CardPayment", verbose_name="paiement par carte", on_delete=models.PROTECT, null=True, blank=True
    )
    created_at = models.DateTimeField("date chez le prestataire")
    recorded_at = models.DateTimeField("enregistré le")

    class Meta:
        verbose_name = "mouvement du prestataire"
        verbose_name_plural = "mouvements du prestataire"
        constraints: ClassVar = [
            models.UniqueConstraint(name="balance_transaction_once", fields=["variant", "reference"]),
            check_moment("balance_transaction_of_a_readable_date", "created_at"),
            models.CheckConstraint(name="balance_transaction_adds_up", condition=Q(net=F("amount") - F("fee"))),
        ]
        indexes: ClassVar = [
            models.Index(name="balance_transaction_recorded", fields=["recorded_at", "id"]),
            models.Index(name="balance_transaction_charge", fields=["variant", "charge"]),
        ]

    def __str__(self) -> str:
        return self.reference
