"""Orders: what a school or a collectivity buys or is granted, and their states.

`draft → placed → confirmed → paid`, by card `draft → paid`; `placed → lapsed` without a purchase order; `cancelled`.
What an unknown buyer orders in number is `in_review` before `placed`: it has no rights until the operator has looked.
An operator's grant is an order too, with a reason and no price. No licence exists without an order line. In the public
schema: a collectivity sees only its own rows. Written by `operations` only.
"""

from decimal import Decimal
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.exceptions import Refusal
from core.models import LockableQuerySet
from licensing.orders.settlement import BY_PURCHASE_ORDER, list_settlement_choices
from licensing.orders.vat import VatCategory, VatTreatment

ZERO = Decimal("0.00")


class OrderKind(models.TextChoices):
    GRANT = "grant", "Dotation de l'exploitant"
    SHOP = "shop", "Commande de la boutique"
    PURCHASE = "purchase", "Achat d'une collectivité"


class OrderState(models.TextChoices):
    GRANTED = "granted", "Accordée"
    DRAFT = "draft", "En préparation"
    IN_REVIEW = "in_review", "À vérifier avant d'ouvrir les droits"
    PLACED = "placed", "Bon de commande attendu"
    CONFIRMED = "confirmed", "Facturée, à régler"
    PAID = "paid", "Réglée"
    LAPSED = "lapsed", "Sans bon de commande : droits suspendus"
    CANCELLED = "cancelled", "Annulée"


#: States of a placed order whose signed purchase order is awaited.
UNSIGNED_STATES = (OrderState.IN_REVIEW, OrderState.PLACED, OrderState.LAPSED)
#: States of a placed order that is not paid.
UNPAID_STATES = (*UNSIGNED_STATES, OrderState.CONFIRMED)
#: States of an order that a payment is awaited for: not while it is in review.
OWED_STATES = (OrderState.PLACED, OrderState.LAPSED, OrderState.CONFIRMED)


class Payer(models.TextChoices):
    """Who pays the order, as chosen by the buyer."""

    COLLECTIVITY = "collectivity", "Une collectivité"
    TOWN_HALL = "town_hall", "La mairie"
    SCHOOL = "school", "L'établissement"
    COOPERATIVE = "cooperative", "La coopérative scolaire"
    COMPANY = "company", "Une entreprise"
    OTHER = "other", "Autre"


class OrderQuerySet(LockableQuerySet["Order"]):
    def sales(self) -> Self:
        """Exclude the operator's grants."""
        return self.exclude(kind=OrderKind.GRANT)


class Order(models.Model):
    """What a collectivity or a school buys, or was granted. Amounts in euros."""

    kind = models.CharField("nature", max_length=10, choices=OrderKind)
    state = models.CharField("état", max_length=10, choices=OrderState)
    method = models.CharField("règlement", max_length=10, choices=list_settlement_choices, blank=True)
    collectivity = models.ForeignKey(
        "tenants.Collectivity", verbose_name="collectivité", on_delete=models.PROTECT, null=True, blank=True
    )
    # The school that a shop order is for. None: a school missing from the directory, or a teacher's own purchase.
    # No constraint: a trigger looks the school up (docs/decisions/0162).
    school = models.ForeignKey(
        "schools.School",
        verbose_name="établissement",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_constraint=False,
    )
    # Why the operator granted it.
    reason = models.TextField("motif", blank=True)
    created_at = models.DateTimeField("commencée le")
    placed_at = models.DateTimeField("passée le", null=True, blank=True)
    # The buyer. None when granted from the command line.
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="passée par", on_delete=models.PROTECT, null=True, blank=True
    )

    # Billing details, as entered for this order.
    payer = models.CharField("qui paie", max_length=12, choices=Payer, blank=True)
    bill_name = models.CharField("nom de facturation", max_length=200, blank=True)
    bill_address = models.CharField("adresse", max_length=250, blank=True)
    bill_address_extra = models.CharField("adresse suite", max_length=250, blank=True)
    bill_postal_code = models.CharField("code postal", max_length=10, blank=True)
    bill_city = models.CharField("ville", max_length=120, blank=True)
    bill_country = models.CharField("pays", max_length=60, blank=True)
    bill_email = models.EmailField("adresse e-mail de facturation", blank=True)
    siret = models.CharField("SIRET", max_length=14, blank=True)
    # Of a business that gave no SIRET, whose first nine digits it is.
    siren = models.CharField("SIREN", max_length=9, blank=True)
    # Required by some public payers on Chorus Pro: BT-10 and BT-13.
    service_code = models.CharField("code service", max_length=100, blank=True)
    engagement_number = models.CharField("numéro d'engagement", max_length=50, blank=True)
    # Of a taxable payer of another member state of the European Union.
    vat_number = models.CharField("numéro de TVA intracommunautaire", max_length=20, blank=True)
    # How it is taxed; empty for a grant. Its rate and what documents state are those of the lines.
    vat_treatment = models.CharField("régime de TVA", max_length=14, choices=VatTreatment, blank=True)
    # Why the operator chose another treatment than that of the payer's place.
    vat_correction = models.TextField("motif de la correction de TVA", blank=True)
    # Version of the general terms of sale that the buyer accepted.
    terms_version = models.CharField("version des CGV acceptée", max_length=20, blank=True)
    terms_accepted_at = models.DateTimeField("CGV acceptées le", null=True, blank=True)

    total_ht = models.DecimalField("total HT", max_digits=12, decimal_places=2, default=ZERO)
    total_vat = models.DecimalField("TVA", max_digits=12, decimal_places=2, default=ZERO)
    total_ttc = models.DecimalField("total TTC", max_digits=12, decimal_places=2, default=ZERO)
    # Sum of the partial credit notes of its invoice, VAT included.
    credited = models.DecimalField("avoirs partiels", max_digits=12, decimal_places=2, default=ZERO)

    quote_number = models.CharField("devis", max_length=20, blank=True)
    quoted_at = models.DateTimeField("devis établi le", null=True, blank=True)
    # Inclusive, in Europe/Paris.
    quote_until = models.DateField("devis valable jusqu'au", null=True, blank=True)

    # When the signed purchase order was received, by post or upload.
    received_at = models.DateTimeField("bon de commande reçu le", null=True, blank=True)
    confirmed_at = models.DateTimeField("confirmée le", null=True, blank=True)
    paid_at = models.DateTimeField("réglée le", null=True, blank=True)
    # Inclusive. Kept once paid, for a payment that is reversed.
    prolonged_until = models.DateField("droits prolongés jusqu'au", null=True, blank=True)
    lapsed_at = models.DateTimeField("droits suspendus le", null=True, blank=True)
    cancelled_at = models.DateTimeField("annulée le", null=True, blank=True)
    cancellation_reason = models.TextField("motif d'annulation", blank=True)

    objects = OrderQuerySet.as_manager()

    class Meta:
        verbose_name = "commande"
        constraints: ClassVar = [
            models.CheckConstraint(name="order_grant_says_why", condition=~Q(kind="grant") | ~Q(reason="")),
            models.CheckConstraint(
                name="order_grant_is_granted",
                condition=Q(kind="grant", state="granted") | (~Q(kind="grant") & ~Q(state="granted")),
            ),
            models.CheckConstraint(
                name="order_has_its_buyer",
                condition=Q(kind="grant", collectivity__isnull=False)
                | Q(kind="purchase", collectivity__isnull=False, placed_by__isnull=False)
                | Q(kind="shop", collectivity__isnull=True, placed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="order_adds_up",
                condition=Q(total_ttc=F("total_ht") + F("total_vat"), total_ht__gte=0, total_vat__gte=0),
            ),
            models.CheckConstraint(
                name="order_credited_in_part",
                condition=Q(credited=0) | Q(credited__gt=0, credited__lt=F("total_ttc")),
            ),
            models.CheckConstraint(
                name="order_placed_says_when_and_how",
                condition=Q(state__in=["granted", "draft", "cancelled"])
                | (Q(placed_at__isnull=False, terms_accepted_at__isnull=False) & ~Q(method="")),
            ),
            models.CheckConstraint(
                name="order_states_say_when",
                condition=(~Q(state="paid") | Q(paid_at__isnull=False))
                & (~Q(state="confirmed") | Q(confirmed_at__isnull=False))
                & (~Q(state="lapsed") | Q(lapsed_at__isnull=False))
                & (~Q(state="cancelled") | Q(cancelled_at__isnull=False)),
            ),
            models.CheckConstraint(name="order_card_is_of_the_shop", condition=~Q(method="card") | Q(kind="shop")),
            models.UniqueConstraint(
                name="order_quote_number_once", fields=["quote_number"], condition=~Q(quote_number="")
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="order_unsettled",
                fields=["state", "placed_at"],
                condition=Q(state__in=["in_review", "placed", "confirmed", "lapsed"]),
            ),
        ]

    def __str__(self) -> str:
        return f"Commande n° {self.pk}"

    @property
    def owed(self) -> Decimal:
        """What is to be paid in all, VAT included: the price less its partial credit notes."""
        return self.total_ttc - self.credited

    def change(self, **columns: Any) -> None:
        """Set these columns and save them; the caller holds the order's lock."""
        for column, value in columns.items():
            setattr(self, column, value)
        self.save(update_fields=columns)

    def refuse_state(self, sentence: str, *, code: str = "not_in_this_state") -> Refusal:
        """Return the refusal of an act that the order's state does not allow; `sentence` says why or what to do."""
        return Refusal(code, f"{self} : {self.get_state_display().lower()}. {sentence}")

    @property
    def has_purchase_order(self) -> bool:
        """Whether it is placed by a signed purchase order, as its settlement method requires."""
        return self.method in BY_PURCHASE_ORDER


class OrderLine(models.Model):
    """A quantity of one product for one school year, with its price. Amounts in euros."""

    order = models.ForeignKey(Order, verbose_name="commande", on_delete=models.PROTECT, related_name="lines")
    product = models.ForeignKey("catalogue.Product", verbose_name="produit", on_delete=models.PROTECT)
    school_year = models.ForeignKey("catalogue.SchoolYear", verbose_name="année scolaire", on_delete=models.PROTECT)
    # What the line grants. None until its rights are opened; then neither changed nor removed, by a trigger
    # (docs/decisions/0070).
    entitlement = models.OneToOneField(
        "entitlements.Entitlement",
        verbose_name="provenance",
        on_delete=models.PROTECT,
        related_name="order_line",
        null=True,
        blank=True,
    )
    # Licences that the line credits.
    quantity = models.PositiveIntegerField("licences")
    # How many of them partial credit notes took back.
    taken_back = models.PositiveIntegerField("licences reprises", default=0)
    # As shown to the buyer; empty for a grant.
    description = models.CharField("désignation", max_length=200, blank=True)
    # A school's tier is billed as one unit at a flat price, however many licences it credits.
    billed_quantity = models.PositiveIntegerField("quantité facturée", default=1)
    unit_ht = models.DecimalField("prix unitaire HT", max_digits=12, decimal_places=2, default=ZERO)
    # In per cent.
    vat_rate = models.DecimalField("taux de TVA", max_digits=5, decimal_places=2, default=ZERO)
    vat_category = models.CharField("catégorie de TVA", max_length=2, choices=VatCategory, default=VatCategory.STANDARD)
    # Why no VAT is charged, as documents state it, and its code in the VATEX list: BT-120 and BT-121.
    vat_reason = models.CharField("mention sans TVA", max_length=200, blank=True)
    vat_reason_code = models.CharField("code de la mention", max_length=30, blank=True)
    total_ht = models.DecimalField("total HT", max_digits=12, decimal_places=2, default=ZERO)
    total_vat = models.DecimalField("TVA", max_digits=12, decimal_places=2, default=ZERO)
    total_ttc = models.DecimalField("total TTC", max_digits=12, decimal_places=2, default=ZERO)

    class Meta:
        verbose_name = "ligne de commande"
        verbose_name_plural = "lignes de commande"
        constraints: ClassVar = [
            models.CheckConstraint(name="order_line_has_units", condition=Q(quantity__gt=0, billed_quantity__gt=0)),
            models.CheckConstraint(name="order_line_keeps_a_licence", condition=Q(taken_back__lt=F("quantity"))),
            models.CheckConstraint(
                name="order_line_adds_up",
                condition=Q(total_ht=F("billed_quantity") * F("unit_ht"), total_ttc=F("total_ht") + F("total_vat")),
            ),
            models.CheckConstraint(
                name="order_line_without_vat_says_why",
                # A grant has no price, and so no VAT.
                condition=Q(total_ttc=0)
                | Q(vat_category="S", vat_rate__gt=0, vat_reason="", vat_reason_code="")
                | (~Q(vat_category="S") & Q(vat_rate=0, total_vat=0) & ~Q(vat_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} × {self.product}"

    @property
    def remaining(self) -> int:
        """Licences that are left of those ordered."""
        return self.quantity - self.taken_back


class ScanState(models.TextChoices):
    WAITING = "waiting", "À vérifier"
    ACCEPTED = "accepted", "Accepté"
    REFUSED = "refused", "Refusé"


class PurchaseOrderScan(models.Model):
    """A signed purchase order uploaded by the buyer. It stops the countdown until the operator has checked it."""

    order = models.ForeignKey(Order, verbose_name="commande", on_delete=models.PROTECT, related_name="scans")
    filename = models.CharField("fichier", max_length=200)
    content_type = models.CharField(max_length=40)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    state = models.CharField("état", max_length=10, choices=ScanState, default=ScanState.WAITING)
    received_at = models.DateTimeField("déposé le")
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="déposé par", on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField("vérifié le", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="vérifié par",
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
    )
    # Why it was refused, as shown to the buyer.
    reason = models.TextField("motif du refus", blank=True)

    class Meta:
        verbose_name = "bon de commande signé"
        verbose_name_plural = "bons de commande signés"
        constraints: ClassVar = [
            models.UniqueConstraint(name="scan_one_to_look_at", fields=["order"], condition=Q(state="waiting")),
            models.CheckConstraint(name="scan_refused_says_why", condition=~Q(state="refused") | ~Q(reason="")),
        ]

    def __str__(self) -> str:
        return self.filename


class OrderReminder(models.Model):
    """A reminder that a purchase order is awaited. Each one is sent once."""

    order = models.ForeignKey(Order, verbose_name="commande", on_delete=models.PROTECT, related_name="reminders")
    # Days since the order was placed that this reminder is for: 30, 40 or 44.
    day = models.PositiveSmallIntegerField("jour")
    sent_at = models.DateTimeField("envoyé le")

    class Meta:
        verbose_name = "rappel"
        constraints: ClassVar = [models.UniqueConstraint(name="reminder_once", fields=["order", "day"])]

    def __str__(self) -> str:
        return f"{self.order}, jour {self.day}"


class OrderEvent(models.Model):
    """One event of an order, recorded by operations in the same transaction. Append-only."""

    order = models.ForeignKey(Order, verbose_name="commande", on_delete=models.PROTECT, related_name="events")
    # Stable, for programs and tests: « placed », « received », « confirmed », « paid », « lapsed »…
    action = models.CharField("étape", max_length=30)
    summary = models.TextField("en clair")
    at = models.DateTimeField("le")
    # None when a scheduled task or the payment provider acts.
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="par", on_delete=models.PROTECT, related_name="+", null=True, blank=True
    )

    class Meta:
        verbose_name = "étape de commande"
        verbose_name_plural = "étapes de commandes"

    def __str__(self) -> str:
        return self.summary


class ContractWithdrawal(models.Model):
    """A consumer's statement that they withdraw from the contract of an order, as confirmed. Append-only."""

    order = models.OneToOneField(
        Order, verbose_name="commande", on_delete=models.PROTECT, related_name="contract_withdrawal"
    )
    # As the consumer wrote it.
    name = models.CharField("nom", max_length=150)
    at = models.DateTimeField("le")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, verbose_name="par", on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = "renonciation au contrat"
        verbose_name_plural = "renonciations au contrat"
        constraints: ClassVar = [models.CheckConstraint(name="contract_withdrawal_has_a_name", condition=~Q(name=""))]

    def __str__(self) -> str:
        return f"Renonciation à la {str(self.order).lower()}"


class PublicBody(models.Model):
    """A body of Chorus Pro's directory, with the references its invoices must carry. Loaded by the operator."""

    siret = models.CharField("SIRET", max_length=14, primary_key=True)
    name = models.CharField("nom", max_length=200)
    service_required = models.BooleanField("code service obligatoire", default=False)
    engagement_required = models.BooleanField("numéro d'engagement obligatoire", default=False)
    # Chorus Pro's third option: either of the two.
    service_or_engagement_required = models.BooleanField(
        "code service ou numéro d'engagement obligatoire", default=False
    )
    # [{"code": "…", "name": "…"}]: its known services.
    services = models.JSONField("services", default=list, blank=True)
    changed_at = models.DateTimeField("modifié le")

    class Meta:
        verbose_name = "organisme public"
        verbose_name_plural = "organismes publics"
        constraints: ClassVar = [
            models.CheckConstraint(name="public_body_siret_has_14_digits", condition=Q(siret__regex=r"^[0-9]{14}$"))
        ]

    def __str__(self) -> str:
        return self.name
