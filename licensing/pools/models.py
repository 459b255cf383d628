"""Pools of licences, and what each school was allocated from them.

A `Pool` is what one order line bought. `Pool.allocated` is kept in step with the active allocations by
`operations`, under a lock on the pool's row; the database refuses a pool that gives out more than it
holds, whatever the code does.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

#: What the journal calls a school's share of a list: told on the school's own page, while a home shows the list itself.
GIVEN_BY_LIST = "pools.allocated_by_list"
GROWN_BY_LIST = "pools.grown_by_list"
REDUCED_BY_LIST = "pools.reduced_by_list"
REVOKED_BY_LIST = "pools.revoked_by_list"
BY_LIST = (GIVEN_BY_LIST, GROWN_BY_LIST, REDUCED_BY_LIST, REVOKED_BY_LIST)
#: What the messages about an allocation give as their topic; `topic_id` is the allocation's number.
TOPIC = "allocation"


class MessageKind(models.TextChoices):
    """The e-mails that pools cause."""

    KEY = "key", "Clé d'activation"
    REMINDER = "key_reminder", "Relance : clé non activée"
    REDUCED = "key_reduced", "Clé réduite"
    REVOKED = "key_revoked", "Clé reprise"


class PoolQuerySet(models.QuerySet["Pool"]):
    def locked(self) -> Self:
        """Lock the pools, and only them, until the transaction ends.

        Ordered by key: transactions that lock several pools lock them in the same order, and so cannot deadlock.
        """
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class Pool(models.Model):
    """A lot of licences, in the schema of the collectivity that bought it.

    Whether it is provisional or suspended, and until when it lasts, is read from its source.
    """

    source = models.OneToOneField("subscriptions.Source", on_delete=models.PROTECT, related_name="+")
    name = models.CharField("nom du lot", max_length=120)
    capacity = models.PositiveIntegerField("licences achetées")
    allocated = models.PositiveIntegerField("licences attribuées", default=0)
    opened_at = models.DateTimeField("ouvert le")

    objects = PoolQuerySet.as_manager()

    class Meta:
        verbose_name = "lot"
        constraints: ClassVar = [
            models.CheckConstraint(name="pool_has_capacity", condition=Q(capacity__gt=0)),
            models.CheckConstraint(name="pool_allocated_within_capacity", condition=Q(allocated__lte=F("capacity"))),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def free(self) -> int:
        """Licences not yet allocated."""
        return self.capacity - self.allocated


class AllocationQuerySet(models.QuerySet["Allocation"]):
    def active(self) -> Self:
        return self.filter(revoked_at__isnull=True)

    def locked(self) -> Self:
        """Lock the allocations, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class Allocation(models.Model):
    """A volume from a pool, given to one school, carried by one key.

    What became of it (redeemed, seats taken, expired) is read from the key, never copied.
    """

    # No constraint: every allocation is written under the lock of its pool's row, which is never deleted; the database
    # would look at that one row again for each of sixty thousand allocations. `audit` looks too. Its allocations are
    # found by `allocation_once_a_school`; those taken back, which are few, by going through.
    pool = models.ForeignKey(
        Pool,
        verbose_name="lot",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="allocations",
    )
    # No constraint into the public schema; `audit` compares it with the key's and with the directory. It stands here
    # for `allocation_once_a_school`.
    school = models.ForeignKey(
        "schools.School",
        verbose_name="établissement",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        # The one of Meta.indexes serves; Django's own would be two more to keep for each of sixty thousand rows.
        db_index=False,
        related_name="+",
    )
    key = models.OneToOneField("subscriptions.ActivationKey", on_delete=models.PROTECT, related_name="+")
    units = models.PositiveIntegerField("licences")
    # Where the key is written to.
    recipient = models.EmailField("adresse e-mail")
    created_at = models.DateTimeField("attribuée le")
    created_by_id = models.BigIntegerField(null=True)
    # The import that made it, if one did. Imports stand above: no foreign key.
    import_id = models.BigIntegerField(null=True)
    revoked_at = models.DateTimeField("reprise le", null=True, blank=True)
    revoked_by_id = models.BigIntegerField(null=True)

    objects = AllocationQuerySet.as_manager()

    class Meta:
        verbose_name = "attribution"
        constraints: ClassVar = [
            models.CheckConstraint(name="allocation_has_units", condition=Q(units__gt=0)),
            # A second volume for the same school from the same lot grows the first: it never makes a second key.
            models.UniqueConstraint(
                name="allocation_once_a_school", fields=["pool", "school"], condition=Q(revoked_at__isnull=True)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="allocation_school", fields=["school"]),
            models.Index(name="allocation_import", fields=["import_id"], condition=Q(import_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"Attribution n° {self.pk}"
