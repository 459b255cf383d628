"""Keys, and what they open: a redeemed key is a subscription, whose seats teachers hold.

All of it stands in the public schema, where the people of one school meet. Written by `operations` alone; what a
collectivity must know of it is told by a task that enters that collectivity's schema.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q

if TYPE_CHECKING:
    import datetime


class Standing(enum.Enum):
    """Where the rights of a source are on a day. Those of the first four may be used."""

    FIRM = "firm"
    #: The purchase order is awaited: they stop by themselves the day after `provisional_until`.
    PROVISIONAL = "provisional"
    #: The purchase order came in, and the payment is awaited by `unpaid_until`.
    UNPAID = "unpaid"
    #: That day has passed, and the operator has decided nothing.
    OVERDUE = "overdue"
    #: The provisional rights ran out: what was awaited brings them back.
    LAPSED = "lapsed"
    #: By the operator's hand, who may restore them.
    SUSPENDED = "suspended"
    #: Nothing brings these back: the order was cancelled, or the year is over.
    CANCELLED = "cancelled"
    ENDED = "ended"


def usable_on(day: datetime.date, source: str = "source") -> Q:
    """Return the condition that licences may be used on a day, for rows that reach their source by that path.

    It leaves out exactly where `Source.usable_on` says no.
    """
    provisional = Q(**{f"{source}__provisional_until__isnull": True}) | Q(**{f"{source}__provisional_until__gte": day})
    return provisional & Q(**{f"{source}__last_day__gte": day, f"{source}__suspended_at__isnull": True})


class Source(models.Model):
    """Where keys come from: one order line, through a collectivity's pool or a school's own order.

    Suspending sixty thousand keys is one row here, and a key belongs to one collectivity by construction.
    """

    # The order line is required: no unit exists without one.
    order_line = models.OneToOneField(
        "orders.OrderLine", on_delete=models.PROTECT, related_name="source", verbose_name="ligne de commande"
    )
    collectivity = models.ForeignKey(
        "tenants.Collectivity", on_delete=models.PROTECT, null=True, verbose_name="collectivité"
    )
    product = models.ForeignKey("catalogue.Product", on_delete=models.PROTECT, verbose_name="produit")
    # Inclusive, in Europe/Paris.
    last_day = models.DateField("valable jusqu'au")
    # By the operator's hand, or with its order cancelled.
    suspended_at = models.DateTimeField("suspendue le", null=True, blank=True)
    # For good: suspended as well, so that whoever asks what may be used has one column to look at.
    cancelled_at = models.DateTimeField("annulée le", null=True, blank=True)
    # Provisional rights, inclusive: an order whose purchase order is awaited gives them until then, and they stop by
    # themselves the day after.
    provisional_until = models.DateField("droits temporaires jusqu'au", null=True, blank=True)
    # Inclusive as well: the purchase order came in and the payment is awaited. Past that day only the operator stops
    # or prolongs them; nothing stops by itself.
    unpaid_until = models.DateField("dans l'attente du règlement jusqu'au", null=True, blank=True)

    class Meta:
        verbose_name = "provenance"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="source_provisional_before_it_ends",
                condition=Q(provisional_until__isnull=True) | Q(provisional_until__lte=F("last_day")),
            ),
            models.CheckConstraint(
                name="source_unpaid_before_it_ends",
                condition=Q(unpaid_until__isnull=True)
                | Q(unpaid_until__lte=F("last_day"), provisional_until__isnull=True),
            ),
            models.CheckConstraint(
                name="source_cancelled_is_suspended",
                condition=Q(cancelled_at__isnull=True) | Q(suspended_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.collectivity} – {self.product}"

    @property
    def open_until(self) -> datetime.date:
        """The last day of use as things stand, inclusive: that of the provisional rights where it is not paid yet."""
        return self.provisional_until or self.last_day

    @property
    def temporary_until(self) -> datetime.date | None:
        """The day that people are shown while the order is not paid; None where the rights are firm."""
        return self.provisional_until or self.unpaid_until

    def standing_on(self, day: datetime.date) -> Standing:
        """Return where these rights are on a day: the one place that says in which order its reasons count."""
        if self.last_day < day:
            return Standing.ENDED
        if self.cancelled_at is not None:
            return Standing.CANCELLED
        if self.suspended_at is not None:
            return Standing.SUSPENDED
        if self.provisional_until is not None:
            return Standing.LAPSED if self.provisional_until < day else Standing.PROVISIONAL
        if self.unpaid_until is not None:
            return Standing.OVERDUE if self.unpaid_until < day else Standing.UNPAID
        return Standing.FIRM

    def over_on(self, day: datetime.date) -> bool:
        """Whether nothing brings these licences back: their year is over, or their order was cancelled."""
        return self.standing_on(day) in (Standing.ENDED, Standing.CANCELLED)

    def suspended_on(self, day: datetime.date) -> bool:
        """Whether the licences stand still, and a purchase order, a payment or the operator's hand brings them back."""
        return self.standing_on(day) in (Standing.LAPSED, Standing.SUSPENDED)

    def usable_on(self, day: datetime.date) -> bool:
        """Whether keys may be redeemed, given and used on that day."""
        return not self.over_on(day) and not self.suspended_on(day)


class ActivationKeyQuerySet(models.QuerySet["ActivationKey"]):
    def locked(self) -> Self:
        """Lock the keys, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class ActivationKey(models.Model):
    """The string that is e-mailed, typed, redeemed. Its code is stored sealed; `sealing` alone reads it."""

    source = models.ForeignKey(Source, on_delete=models.PROTECT, related_name="keys", verbose_name="provenance")
    # The school it is meant for. No constraint: it would lock the directory's row of each of sixty thousand keys, and
    # no school is ever deleted (docs/decisions/0035); `audit` compares. Indexed below, once: Django's own index comes
    # with a second one for LIKE, which nobody asks a UAI.
    school = models.ForeignKey(
        "schools.School",
        on_delete=models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        verbose_name="établissement",
    )
    prefix = models.CharField("préfixe", max_length=10)
    # Deterministic, so that one column serves look-up and display; which sealing key it is under stands beside it.
    sealed_code = models.BinaryField(unique=True)
    sealed_under = models.PositiveSmallIntegerField()
    units = models.PositiveIntegerField("licences")
    issued_at = models.DateTimeField("émise le")
    # Since when somebody besides the school's official mailbox may know it: redeeming it then proves nothing.
    exposed_at = models.DateTimeField("connue d'autres depuis le", null=True, blank=True)
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

    objects = ActivationKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "clé d'activation"
        verbose_name_plural = "clés d'activation"
        constraints: ClassVar = [
            models.CheckConstraint(name="key_has_units", condition=Q(units__gt=0)),
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
        # Never the code: this is what logs and error reports show.
        return f"Clé n° {self.pk}"


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    def locked(self) -> Self:
        """Lock the subscriptions, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")

    def of_school(self, uai: str) -> Self:
        return self.filter(school_id=uai)

    def running_on(self, day: datetime.date) -> Self:
        """Keep those that may be used on that day: not over, not suspended, provisional rights not run out."""
        return self.filter(usable_on(day, "key__source"))


class Subscription(models.Model):
    """What a redeemed key credits: `size` seats, shared by the principals of its school."""

    # One to one: a key is redeemed at most once.
    key = models.OneToOneField(
        ActivationKey, on_delete=models.PROTECT, related_name="subscription", verbose_name="clé d'activation"
    )
    # Whose account was credited, and the school whose verified principals share it. None: typed by hand.
    principal = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="subscriptions",
        verbose_name="chef d'établissement",
    )
    school = models.ForeignKey("schools.School", on_delete=models.PROTECT, null=True, verbose_name="établissement")
    size = models.PositiveIntegerField("licences")
    opened_at = models.DateTimeField("ouvert le")

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        verbose_name = "abonnement"
        constraints: ClassVar = [models.CheckConstraint(name="subscription_has_seats", condition=Q(size__gt=0))]

    def __str__(self) -> str:
        return f"Abonnement n° {self.pk}"


class SeatMode(models.TextChoices):
    AUTOMATIC = "automatic", "attribuée par le chef d'établissement"
    MANUAL = "manual", "clé saisie par l'enseignant"
    BOUGHT = "bought", "achetée par l'enseignant"


class SeatQuerySet(models.QuerySet["Seat"]):
    def free(self) -> Self:
        return self.filter(holder__isnull=True)

    def held(self) -> Self:
        return self.filter(holder__isnull=False)

    def next_first(self) -> Self:
        """In the order they are given: one that somebody held comes first, so that its class finds a teacher again."""
        held_before = Exists(SeatEvent.objects.filter(seat=OuterRef("pk")))
        return self.alias(held_before=held_before).order_by("-held_before", "number")


class Seat(models.Model):
    """One unit of a subscription: free, or held by a teacher. Seats are rows, so they are taken and not counted."""

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

    objects = SeatQuerySet.as_manager()

    class Meta:
        verbose_name = "clé attribuée"
        constraints: ClassVar = [
            models.UniqueConstraint(name="seat_number_once", fields=["subscription", "number"]),
            models.UniqueConstraint(
                name="seat_once_a_teacher", fields=["subscription", "holder"], condition=Q(holder__isnull=False)
            ),
            models.CheckConstraint(name="seat_number_from_one", condition=Q(number__gt=0)),
            models.CheckConstraint(
                name="seat_held_says_since_when_and_how",
                condition=Q(holder__isnull=True, held_since__isnull=True, mode="")
                | (Q(holder__isnull=False, held_since__isnull=False) & ~Q(mode="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.subscription}, clé {self.number}"


class SeatEvent(models.Model):
    """What happened to a seat: appended to by operations, never changed.

    The last event of a teacher in a subscription tells whether the principal withdrew the key from him.
    """

    class Kind(models.TextChoices):
        GIVEN = "given", "attribuée"
        CLAIMED = "claimed", "saisie par l'enseignant"
        WITHDRAWN = "withdrawn", "retirée"

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
        return f"{self.get_kind_display()} {self.at}"
