"""A collectivity's decision on its licences of the next school year. In the collectivity's schema.

The proposal itself is computed from the running year (`proposal`); a row is made when somebody first edits, declines
or orders it. Written by `operations` alone.
"""

import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from core.formatting import format_school_year
from core.models import LockableQuerySet

#: More than any school has classes.
MAX_UNITS = 200
#: Characters of the sentence that says why nothing is renewed.
MAX_REASON = 300


class RenewalState(models.TextChoices):
    """Where the renewal of a school year stands, read from its rows and never stored."""

    #: Nobody decided: there may be no row at all.
    OPEN = "open", "À décider"
    #: An order is drafted, its quote issued: the buyer has not placed it.
    QUOTED = "quoted", "Devis établi"
    #: The order is placed: the lot is there, or comes once the operator has looked.
    ORDERED = "ordered", "Commandée"
    APPLIED = "applied", "Attribuée aux écoles"
    DECLINED = "declined", "Sans suite"


#: Those in which nothing is left to decide: whoever reminds of the renewal falls silent.
DECIDED_STATES = frozenset({RenewalState.ORDERED, RenewalState.APPLIED, RenewalState.DECLINED})
#: Those in which numbers may be changed, and given: not while a quote holds their price, nor once they are given or
#: declined.
EDITABLE_STATES = frozenset({RenewalState.OPEN, RenewalState.ORDERED})


class Renewal(models.Model):
    """What the collectivity's members decided on one school year."""

    # That which is prepared: the year in which it ends, in August.
    school_year = models.PositiveSmallIntegerField("année scolaire préparée", unique=True)
    # How often it was changed: whoever edits says which they saw, and another is refused.
    version = models.PositiveIntegerField("modification", default=0)
    changed_at = models.DateTimeField("modifiée le")
    changed_by_id = models.BigIntegerField(null=True)
    declined_at = models.DateTimeField("laissée sans suite le", null=True, blank=True)
    declined_by_id = models.BigIntegerField(null=True)
    # What the member wrote who declined it.
    decline_reason = models.CharField("motif", max_length=MAX_REASON, blank=True)

    objects = LockableQuerySet["Renewal"].as_manager()

    class Meta:
        verbose_name = "reconduction"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="renewal_declined_says_why",
                condition=Q(declined_at__isnull=True, decline_reason="")
                | (Q(declined_at__isnull=False) & ~Q(decline_reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"Reconduction {format_school_year(self.school_year)}"


class RenewalLine(models.Model):
    """The licences of one school: typed by a member, or kept when the list was ordered."""

    renewal = models.ForeignKey(Renewal, on_delete=models.PROTECT, related_name="lines")
    # No constraint into the public schema (docs/decisions/0156); `audit` verifies it. No index: lines are found by
    # their renewal.
    school = models.ForeignKey(
        "schools.School",
        verbose_name="établissement",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    units = models.PositiveSmallIntegerField("licences")
    # Whether a member chose the number; else it is the proposal's, as it was when the list was ordered.
    typed = models.BooleanField("nombre choisi", default=True)

    class Meta:
        verbose_name = "ligne de reconduction"
        verbose_name_plural = "lignes de reconduction"
        constraints: ClassVar = [
            models.UniqueConstraint(name="renewal_line_once_a_school", fields=["renewal", "school"]),
            models.CheckConstraint(name="renewal_line_within_reason", condition=Q(units__lte=MAX_UNITS)),
        ]

    def __str__(self) -> str:
        return f"{self.renewal}, {self.school_id}"


class RenewalOrder(models.Model):
    """The order that a list was turned into."""

    renewal = models.ForeignKey(Renewal, on_delete=models.PROTECT, related_name="orders")
    # No constraint, as with the school of a line.
    order = models.OneToOneField(
        "orders.Order", verbose_name="commande", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    ordered_at = models.DateTimeField("préparée le")
    ordered_by_id = models.BigIntegerField(null=True)
    # Its order was cancelled, and another was made.
    replaced_at = models.DateTimeField("remplacée le", null=True, blank=True)

    class Meta:
        verbose_name = "commande d'une reconduction"
        verbose_name_plural = "commandes de reconductions"
        constraints: ClassVar = [
            # Two members who order at once make one order.
            models.UniqueConstraint(
                name="renewal_order_one_current", fields=["renewal"], condition=Q(replaced_at__isnull=True)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.renewal}, {self.order}"


class RenewalApplication(models.Model):
    """The list, given to the schools in one transaction; undone as a whole, before they are told."""

    renewal = models.ForeignKey(Renewal, on_delete=models.PROTECT, related_name="applications")
    applied_at = models.DateTimeField("appliquée le")
    applied_by_id = models.BigIntegerField(null=True)
    # When the e-mails of the keys leave: at 8:00 on 1 September, or an hour later.
    notify_at = models.DateTimeField("écoles prévenues le")
    undone_at = models.DateTimeField("annulée le", null=True, blank=True)
    undone_by_id = models.BigIntegerField(null=True)

    objects = LockableQuerySet["RenewalApplication"].as_manager()

    class Meta:
        verbose_name = "application d'une reconduction"
        verbose_name_plural = "applications de reconductions"
        constraints: ClassVar = [
            # A list is given once; again, once that was undone.
            models.UniqueConstraint(
                name="renewal_application_one_current", fields=["renewal"], condition=Q(undone_at__isnull=True)
            ),
            models.CheckConstraint(name="renewal_notified_after_applied", condition=Q(notify_at__gte=F("applied_at"))),
            models.CheckConstraint(
                name="renewal_undone_between",
                condition=Q(undone_at__isnull=True) | Q(undone_at__gte=F("applied_at"), undone_at__lt=F("notify_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.renewal}, application n° {self.pk}"

    def is_undoable(self, at: datetime.datetime) -> bool:
        """Whether no school is told of it yet."""
        return self.undone_at is None and at < self.notify_at


class RenewalGift(models.Model):
    """What an application changed for one school."""

    application = models.ForeignKey(RenewalApplication, on_delete=models.PROTECT, related_name="gifts")
    allocation = models.ForeignKey("pools.Allocation", on_delete=models.PROTECT, related_name="+")
    before = models.PositiveIntegerField("avant")
    after = models.PositiveIntegerField("après")

    class Meta:
        verbose_name = "licences d'une reconduction"
        verbose_name_plural = "licences de reconductions"
        constraints: ClassVar = [
            models.CheckConstraint(name="renewal_gift_gives_some", condition=Q(after__gt=F("before"))),
            models.UniqueConstraint(name="renewal_gift_once_an_allocation", fields=["application", "allocation"]),
        ]

    def __str__(self) -> str:
        return f"{self.application}, attribution n° {self.allocation_id}"
