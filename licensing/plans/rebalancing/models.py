"""Moves of licences between the schools of one lot, decided and undone as a whole. In the collectivity's schema."""

import datetime
from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from core.models import LockableQuerySet

#: For how long a rebalancing can be undone; the schools are told of it afterwards.
UNDOABLE_FOR = datetime.timedelta(hours=1)


class Rebalancing(models.Model):
    """Licences that left some schools of a lot for others, in one transaction."""

    pool = models.ForeignKey("pools.Pool", on_delete=models.PROTECT, related_name="rebalancings", verbose_name="lot")
    # What the schools received beyond what others gave: from the lot's free licences; negative where some returned.
    from_free = models.IntegerField("pris sur les licences libres")
    applied_at = models.DateTimeField("appliqué le")
    applied_by_id = models.BigIntegerField(null=True)
    undone_at = models.DateTimeField("annulé le", null=True, blank=True)
    undone_by_id = models.BigIntegerField(null=True)

    objects = LockableQuerySet["Rebalancing"].as_manager()

    class Meta:
        verbose_name = "rééquilibrage"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="rebalancing_undone_after_it_was_applied",
                condition=Q(undone_at__isnull=True) | Q(undone_at__gte=F("applied_at")),
            ),
        ]
        indexes: ClassVar = [models.Index(name="rebalancing_latest", fields=["-applied_at"])]

    def __str__(self) -> str:
        return f"Rééquilibrage n° {self.pk}"

    @property
    def undoable_until(self) -> datetime.datetime:
        return self.applied_at + UNDOABLE_FOR


class LicenceMove(models.Model):
    """What a rebalancing changed for one school."""

    rebalancing = models.ForeignKey(Rebalancing, on_delete=models.PROTECT, related_name="moves")
    allocation = models.ForeignKey("pools.Allocation", on_delete=models.PROTECT, related_name="+")
    before = models.PositiveIntegerField("avant")
    after = models.PositiveIntegerField("après")
    # The request that it answers: granted for an hour, then accepted; none once the rebalancing is undone.
    # No constraint into the public schema (docs/decisions/0156); `audit` verifies it.
    request = models.OneToOneField(
        "requests.LicenceRequest",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        related_name="+",
        verbose_name="demande",
    )

    class Meta:
        verbose_name = "déplacement de licences"
        constraints: ClassVar = [
            models.CheckConstraint(name="licence_move_changes_something", condition=~Q(before=F("after"))),
            models.UniqueConstraint(name="licence_move_once_an_allocation", fields=["rebalancing", "allocation"]),
        ]

    def __str__(self) -> str:
        return f"{self.rebalancing}, attribution n° {self.allocation_id}"

    @property
    def change(self) -> int:
        return self.after - self.before
