"""Entitlements, activation keys, subscriptions and seats: models of the public schema.

Written by `operations` alone. Collectivities are notified by a task that enters their schema.
"""

from __future__ import annotations

import datetime
import enum
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from core.formatting import long_moment
from core.models import LockableQuerySet


class EntitlementKind(models.TextChoices):
    """How the licences were obtained. The values are those of the order's kind."""

    GRANT = "grant", "Dotation de l'exploitant"
    SHOP = "shop", "Achat en boutique"
    PURCHASE = "purchase", "Achat d'une collectivité"


class EntitlementStatus(enum.Enum):
    """Status of an entitlement on a day. The first four allow use, from its first day on."""

    FIRM = "firm"
    #: Awaiting the purchase order; expires automatically the day after `provisional_until`.
    PROVISIONAL = "provisional"
    #: Purchase order received; payment due by `unpaid_until`.
    UNPAID = "unpaid"
    #: `unpaid_until` has passed, and the operator has decided nothing.
    OVERDUE = "overdue"
    #: The provisional period expired; the purchase order or the payment restores the rights.
    LAPSED = "lapsed"
    #: Suspended by the operator, who may restore the rights.
    SUSPENDED = "suspended"
    #: Final: the order was cancelled, or the last day has passed.
    CANCELLED = "cancelled"
    ENDED = "ended"


class SuspensionCause(models.TextChoices):
    """Why the operator suspended rights. A payment lifts the first alone."""

    UNPAID = "unpaid", "Règlement attendu"
    OPERATOR = "operator", "Autre motif"


def available_on(day: datetime.date, path: str = "entitlement") -> Q:
    """Return the condition that licences may be allocated, redeemed and assigned on a day, perhaps before the first.

    `path`: the lookup path to the entitlement, empty for its own. The SQL equivalent of `Entitlement.available_on`.
    """
    to = f"{path}__" if path else ""
    provisional = Q(**{f"{to}provisional_until__isnull": True}) | Q(**{f"{to}provisional_until__gte": day})
    return provisional & Q(**{f"{to}last_day__gte": day, f"{to}suspended_at__isnull": True})


def usable_on(day: datetime.date, path: str = "entitlement") -> Q:
    """Return the condition that licences may be used in class on a day: available, and begun.

    The SQL equivalent of `Entitlement.usable_on`.
    """
    return available_on(day, path) & Q(**{f"{path}__first_day__lte": day})


class Entitlement(models.Model):
    """What an order line grants: the right to use licences of a product from a first to a last day.

    Shared by all keys of a pool or of a shop order, so that suspending 60,000 keys updates one row. The order line
    points to it, and a trigger of `orders` refuses an entitlement without one (docs/decisions/0070). Its provenance
    is copied from the order when it is granted and never changes; `audit` compares.
    """

    kind = models.CharField("nature", max_length=10, choices=EntitlementKind)
    # The order's number, as e-mails and documents print it.
    number = models.PositiveBigIntegerField("numéro de commande")
    # In Europe/Paris.
    bought_on = models.DateField("date d'achat")
    # Why the operator granted it.
    reason = models.TextField("motif", blank=True)
    collectivity = models.ForeignKey(
        "tenants.Collectivity", on_delete=models.PROTECT, null=True, verbose_name="collectivité"
    )
    product = models.ForeignKey("catalogue.Product", on_delete=models.PROTECT, verbose_name="produit")
    # In Europe/Paris. Before it, licences are allocated, redeemed and assigned, but not used in class.
    first_day = models.DateField("valable à partir du")
    # Inclusive, in Europe/Paris.
    last_day = models.DateField("valable jusqu'au")
    # Set by the operator, or with `cancelled_at`.
    suspended_at = models.DateTimeField("suspendue le", null=True, blank=True)
    suspension_cause = models.CharField("cause de la suspension", max_length=10, choices=SuspensionCause, blank=True)
    # Since when rights were suspended that a payment restored: they are again if it is reversed.
    lifted_suspension_at = models.DateTimeField("suspension levée par un règlement", null=True, blank=True)
    # Final. Implies `suspended_at`, so that queries for usable rows test one column.
    cancelled_at = models.DateTimeField("annulée le", null=True, blank=True)
    # Inclusive. The last day of the provisional period, while the purchase order is awaited.
    provisional_until = models.DateField("droits temporaires jusqu'au", null=True, blank=True)
    # Inclusive. The payment deadline once the purchase order is received; passing it stops nothing automatically.
    unpaid_until = models.DateField("dans l'attente du règlement jusqu'au", null=True, blank=True)

    class Meta:
        verbose_name = "provenance"
        constraints: ClassVar = [
            models.CheckConstraint(name="entitlement_grant_says_why", condition=~Q(kind="grant") | ~Q(reason="")),
            models.CheckConstraint(
                name="entitlement_has_its_collectivity",
                condition=Q(kind="shop", collectivity__isnull=True)
                | Q(kind__in=["grant", "purchase"], collectivity__isnull=False),
            ),
            models.CheckConstraint(name="entitlement_first_day_before_last", condition=Q(first_day__lte=F("last_day"))),
            models.CheckConstraint(
                name="entitlement_provisional_before_it_ends",
                condition=Q(provisional_until__isnull=True) | Q(provisional_until__lte=F("last_day")),
            ),
            models.CheckConstraint(
                name="entitlement_unpaid_before_it_ends",
                condition=Q(unpaid_until__isnull=True)
                | Q(unpaid_until__lte=F("last_day"), provisional_until__isnull=True),
            ),
            models.CheckConstraint(
                name="entitlement_cancelled_is_suspended",
                condition=Q(cancelled_at__isnull=True) | Q(suspended_at__isnull=False),
            ),
            models.CheckConstraint(
                name="entitlement_cause_is_of_a_suspension",
                condition=Q(suspension_cause="") | Q(suspended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collectivity} – {self.product}"

    @property
    def open_until(self) -> datetime.date:
        """The last day of use, inclusive, given the current status: the provisional period ends first."""
        return self.provisional_until or self.last_day

    @property
    def temporary_until(self) -> datetime.date | None:
        """The deadline shown while the order is unpaid; None once the rights are firm."""
        return self.provisional_until or self.unpaid_until

    @property
    def resumes_when_paid(self) -> bool:
        """Whether suspended rights resume by themselves with the payment."""
        return self.temporary_until is not None and self.suspension_cause != SuspensionCause.OPERATOR

    def is_of_same_year(self, other: Entitlement) -> bool:
        """Whether both grant the same product until the same day, and this one was not cancelled."""
        return (self.product_id, self.last_day, self.cancelled_at) == (other.product_id, other.last_day, None)

    def status_on(self, day: datetime.date) -> EntitlementStatus:
        """Return the status on a day. The only place that defines the precedence of statuses."""
        if self.last_day < day:
            return EntitlementStatus.ENDED
        if self.cancelled_at is not None:
            return EntitlementStatus.CANCELLED
        if self.suspended_at is not None:
            return EntitlementStatus.SUSPENDED
        if self.provisional_until is not None:
            return EntitlementStatus.LAPSED if self.provisional_until < day else EntitlementStatus.PROVISIONAL
        if self.unpaid_until is not None:
            return EntitlementStatus.OVERDUE if self.unpaid_until < day else EntitlementStatus.UNPAID
        return EntitlementStatus.FIRM

    def over_on(self, day: datetime.date) -> bool:
        """Whether the licences are over for good: last day passed, or order cancelled."""
        return self.status_on(day) in (EntitlementStatus.ENDED, EntitlementStatus.CANCELLED)

    def suspended_on(self, day: datetime.date) -> bool:
        """Whether the licences are suspended; a purchase order, a payment or the operator may restore them."""
        return self.status_on(day) in (EntitlementStatus.LAPSED, EntitlementStatus.SUSPENDED)

    def available_on(self, day: datetime.date) -> bool:
        """Whether licences may be allocated, redeemed and assigned on that day, perhaps before the first."""
        return not self.over_on(day) and not self.suspended_on(day)

    def begun_on(self, day: datetime.date) -> bool:
        """Whether the first day has come."""
        return self.first_day <= day

    def usable_on(self, day: datetime.date) -> bool:
        """Whether licences may be used in class on that day."""
        return self.available_on(day) and self.begun_on(day)


#: The columns that tell the status of an `Entitlement`, from when and until when; with their types in SQL.
STATUS_COLUMNS = {
    "first_day": "date",
    "last_day": "date",
    "provisional_until": "date",
    "unpaid_until": "date",
    "suspended_at": "timestamptz",
    "suspension_cause": "text",
    "cancelled_at": "timestamptz",
}


class ActivationKey(models.Model):
    """A code that a principal redeems into a subscription. Stored sealed; only `code_sealing` reads it."""

    entitlement = models.ForeignKey(
        Entitlement, on_delete=models.PROTECT, related_name="keys", verbose_name="provenance"
    )
    # The school it is meant for. No constraint: it would lock the school row of each of 60,000 keys, and no school is
    # ever deleted (docs/decisions/0156); `audit` compares. Indexed in Meta: Django's own index comes with a second one
    # for LIKE, which no query on a UAI uses.
    school = models.ForeignKey(
        "schools.School",
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name="établissement",
    )
    prefix = models.CharField("préfixe", max_length=10)
    # Sealed deterministically: one column serves look-up and display. `sealed_under` is the number of the sealing key.
    sealed_code = models.BinaryField(unique=True)
    sealed_under = models.PositiveSmallIntegerField()
    units = models.PositiveIntegerField("licences")
    issued_at = models.DateTimeField("émise le")
    # Since when somebody besides the school's official mailbox may know the code: redeeming it then verifies nobody.
    exposed_at = models.DateTimeField("connue d'autres depuis le", null=True, blank=True)
    # How often its e-mail was addressed anew: links sent to another mailbox prove nothing any more (`mailbox_proof`).
    recipient_changes = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)
    redeemed_at = models.DateTimeField("activée le", null=True, blank=True)
    redeemed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        verbose_name="activée par",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        db_index=False,
    )
    revoked_at = models.DateTimeField("reprise le", null=True, blank=True)

    objects = LockableQuerySet["ActivationKey"].as_manager()

    class Meta:
        verbose_name = "clé d'activation"
        verbose_name_plural = "clés d'activation"
        constraints: ClassVar = [
            # A redeemed key may be worth nothing: its school gave all its licences back.
            models.CheckConstraint(name="key_has_units", condition=Q(units__gt=0) | Q(redeemed_at__isnull=False)),
            models.CheckConstraint(
                name="key_redeemed_says_by_whom",
                condition=Q(redeemed_at__isnull=True, redeemed_by__isnull=True)
                | Q(redeemed_at__isnull=False, redeemed_by__isnull=False),
            ),
            models.CheckConstraint(
                name="key_redeemed_or_revoked", condition=Q(redeemed_at__isnull=True) | Q(revoked_at__isnull=True)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="key_school", fields=["school"]),
            models.Index(name="key_redeemed_by", fields=["redeemed_by"], condition=Q(redeemed_by__isnull=False)),
        ]

    def __str__(self) -> str:
        # Never the code: this string appears in logs and error reports.
        return f"Clé n° {self.pk}"


class SubscriptionQuerySet(LockableQuerySet["Subscription"]):
    def of_school(self, uai: str) -> Self:
        return self.filter(school_id=uai)

    def available_on(self, day: datetime.date) -> Self:
        """Filter those whose seats may be assigned on that day: neither over nor suspended, perhaps not begun."""
        return self.filter(available_on(day, "key__entitlement"))

    def running_on(self, day: datetime.date) -> Self:
        """Filter those usable on that day: begun, neither over nor suspended, provisional period not expired."""
        return self.filter(usable_on(day, "key__entitlement"))


class Subscription(models.Model):
    """A redeemed key: `size` seats, shared by the principals of its school; none where all were given back."""

    # One-to-one: a key is redeemed at most once.
    key = models.OneToOneField(
        ActivationKey, on_delete=models.PROTECT, related_name="subscription", verbose_name="clé d'activation"
    )
    # The account credited, and the school whose verified principals share it; None for a school typed by hand.
    principal = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        verbose_name="chef d'établissement",
    )
    # No constraint: a trigger looks the school up (docs/decisions/0162).
    school = models.ForeignKey(
        "schools.School", on_delete=models.PROTECT, null=True, db_constraint=False, verbose_name="établissement"
    )
    size = models.PositiveIntegerField("licences")
    opened_at = models.DateTimeField("ouvert le")
    # Of one whose key was redeemed a moment ago: whether its principal belongs to other schools, too.
    has_other_schools: bool

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = "abonnement"

    def __str__(self) -> str:
        return f"Abonnement n° {self.pk}"


class SeatMode(models.TextChoices):
    AUTOMATIC = "automatic", "attribuée par le chef d'établissement"
    MANUAL = "manual", "clé saisie par l'enseignant"
    BOUGHT = "bought", "achetée par l'enseignant"


class SeatQuerySet(LockableQuerySet["Seat"]):
    def free(self) -> Self:
        """Filter those that may be given: neither held nor reserved."""
        return self.filter(holder__isnull=True, reserved_at__isnull=True)

    def reserved(self) -> Self:
        return self.filter(reserved_at__isnull=False)

    def held(self) -> Self:
        return self.filter(holder__isnull=False)

    def by_assignment_priority(self) -> Self:
        """Order by assignment priority: seats held before first, so that their class gets a teacher again."""
        held_before = Exists(SeatEvent.objects.filter(seat=OuterRef("pk")))
        return self.alias(held_before=held_before).order_by("-held_before", "number")


class Seat(models.Model):
    """One unit of a subscription: free, reserved, or held by a teacher. A row per seat: assigning takes a free row."""

    subscription = models.ForeignKey(Subscription, on_delete=models.PROTECT, related_name="seats")
    number = models.PositiveIntegerField("numéro")
    holder = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="seats",
        verbose_name="enseignant",
    )
    held_since = models.DateTimeField("attribuée le", null=True, blank=True)
    mode = models.CharField("manière", max_length=10, choices=SeatMode, blank=True)
    # Since when it waits for a teacher who was invited: see `licensing.requests.invitations`.
    reserved_at = models.DateTimeField("réservée le", null=True, blank=True)

    objects = SeatQuerySet.as_manager()

    class Meta:
        verbose_name = "clé attribuée"
        verbose_name_plural = "clés attribuées"
        constraints: ClassVar = [
            models.UniqueConstraint(name="seat_number_once", fields=["subscription", "number"]),
            models.UniqueConstraint(
                name="seat_once_a_teacher", fields=["subscription", "holder"], condition=Q(holder__isnull=False)
            ),
            models.CheckConstraint(name="seat_number_from_one", condition=Q(number__gt=0)),
            models.CheckConstraint(
                name="seat_held_or_reserved", condition=Q(holder__isnull=True) | Q(reserved_at__isnull=True)
            ),
            models.CheckConstraint(
                name="seat_held_says_since_when_and_how",
                condition=Q(holder__isnull=True, held_since__isnull=True, mode="")
                | (Q(holder__isnull=False, held_since__isnull=False) & ~Q(mode="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription}, clé {self.number}"


class SeatEvent(models.Model):
    """An assignment, claim or withdrawal of a seat, or an assignment undone at once. Append-only.

    A teacher's last event in a subscription says whether a principal withdrew their seat.
    """

    class Kind(models.TextChoices):
        ASSIGNED = "assigned", "attribuée"
        CLAIMED = "claimed", "saisie par l'enseignant"
        WITHDRAWN = "withdrawn", "retirée"
        # Within seconds, by the principal who assigned it: as if it had not been.
        UNDONE = "undone", "annulée aussitôt"

    seat = models.ForeignKey(Seat, on_delete=models.PROTECT, related_name="events", verbose_name="clé attribuée")
    kind = models.CharField("mouvement", max_length=10, choices=Kind)
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="enseignant"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="par")
    at = models.DateTimeField("le")

    class Meta:
        verbose_name = "mouvement de clé"
        verbose_name_plural = "mouvements de clés"
        indexes: ClassVar = [models.Index(name="seat_event_of_teacher", fields=["teacher", "seat", "-at"])]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} le {long_moment(timezone.localtime(self.at))}"
