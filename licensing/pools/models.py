"""Pools of licences, and their allocations to schools.

`Pool.allocated` is kept equal to the units of the active allocations by `operations`, under a lock on the pool's row;
a CHECK constraint refuses more than the capacity.
"""

import datetime
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from core.calendar import date_in_paris
from core.models import LockableQuerySet
from licensing.entitlements.office_keys import find_entitlements

#: Audit actions of one school in a bulk operation: shown on the school's page; the home page shows the bulk entry.
ALLOCATED_IN_BULK = "pools.allocated_by_list"
GROWN_IN_BULK = "pools.grown_by_list"
REDUCED_IN_BULK = "pools.reduced_by_list"
REVOKED_IN_BULK = "pools.revoked_by_list"
BULK_ACTIONS = (ALLOCATED_IN_BULK, GROWN_IN_BULK, REDUCED_IN_BULK, REVOKED_IN_BULK)
#: For how long a revocation can be undone; the school is told of it afterwards.
RESTORABLE_FOR = datetime.timedelta(hours=1)
#: How long a school has had its licences before their disuse says anything.
DORMANT_FOR = datetime.timedelta(days=30)
#: `Message.topic` of messages about an allocation; their `topic_id` is its primary key.
ALLOCATION_TOPIC = "allocation"


class MessageKind(models.TextChoices):
    """Kinds of e-mails about allocations."""

    KEY = "key", "Clé d'activation"
    REMINDER = "key_reminder", "Relance : clé non activée"
    REDUCED = "key_reduced", "Clé réduite"
    REVOKED = "key_revoked", "Clé reprise"


#: Action of the audit entry of a key that a manager had shown, and kind of the e-mail about many of them.
REVEALED_ACTION = "keys.revealed"
MANY_REVEALED = "keys_revealed"


class Pool(models.Model):
    """A quantity of licences, in the schema of the collectivity that bought it.

    Its validity and status are those of its entitlement.
    """

    # No constraint into the public schema (docs/decisions/0156); `audit` verifies it.
    entitlement = models.OneToOneField(
        "entitlements.Entitlement", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    name = models.CharField("nom du lot", max_length=120)
    capacity = models.PositiveIntegerField("licences achetées")
    allocated = models.PositiveIntegerField("licences attribuées", default=0)
    opened_at = models.DateTimeField("ouvert le")

    objects = LockableQuerySet["Pool"].as_manager()

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


def build_dormant_condition(at: datetime.datetime) -> Q:
    """Return the condition of `AllocationQuerySet.dormant`. One query."""
    before = at - DORMANT_FOR
    return Q(
        Q(grown_at=None) | Q(grown_at__lte=before),
        Q(redeemed_at=None) | Q(redeemed_at__lte=before),
        created_at__lte=before,
        pool__entitlement__in=find_entitlements(Q(first_day__lte=date_in_paris(before))),
    )


class AllocationQuerySet(LockableQuerySet["Allocation"]):
    def active(self) -> Self:
        return self.filter(revoked_at__isnull=True)

    def served(self) -> Self:
        """Filter the active ones whose school has licences: it has not given all of them back."""
        return self.active().filter(units__gt=0)

    def dormant(self, at: datetime.datetime) -> Self:
        """Filter those that were given, grown and, where they were, redeemed `DORMANT_FOR` before `at` or earlier.

        Their licences had begun by then: keys of the next school year, whose schools may know of none, do not sleep.
        One query before theirs.
        """
        return self.filter(build_dormant_condition(at))


class Allocation(models.Model):
    """Units of a pool given to one school, with one key.

    What became of the key stands beside them for pages, lists and plans, copied by `key_states` shortly after it
    happened (docs/decisions/0198). Who decides reads the key, under its lock.
    """

    # No constraint: allocations are written under the lock of their pool's row, which is never deleted, and the
    # constraint would check that row again for each of 60,000 allocations; `audit` verifies it. No index:
    # `allocation_once_a_school` serves; the few revoked ones are found by a scan.
    pool = models.ForeignKey(
        Pool,
        verbose_name="lot",
        on_delete=models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="allocations",
    )
    # A copy of the key's school, for `allocation_once_a_school`. No constraint into the public schema
    # (docs/decisions/0156); `audit` verifies it.
    school = models.ForeignKey(
        "schools.School",
        verbose_name="établissement",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        # Indexed in Meta: Django would create two indexes, to be maintained for each of 60,000 rows.
        db_index=False,
        related_name="+",
    )
    # No constraint, as with the school.
    key = models.OneToOneField(
        "entitlements.ActivationKey", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    # None where the school, having redeemed its key, gave all back; `audit` verifies that no other is worth nothing.
    units = models.PositiveIntegerField("licences")
    # The address the key is e-mailed to.
    recipient = models.EmailField("adresse e-mail")
    created_at = models.DateTimeField("attribuée le")
    created_by_id = models.BigIntegerField(null=True)
    # When units were last added to it.
    grown_at = models.DateTimeField("augmentée le", null=True, blank=True)
    # The import that created it, if any. No foreign key: `imports` is a higher layer.
    import_id = models.BigIntegerField(null=True)
    revoked_at = models.DateTimeField("reprise le", null=True, blank=True)
    revoked_by_id = models.BigIntegerField(null=True)
    # Copies: when the key was redeemed; of its seats, how many teachers hold, how many are neither held nor reserved,
    # and how many of these nobody ever held.
    redeemed_at = models.DateTimeField("activée le", null=True, blank=True, editable=False)
    held = models.PositiveIntegerField("utilisées", default=0, db_default=0, editable=False)
    free = models.PositiveIntegerField("libres", default=0, db_default=0, editable=False)
    unused = models.PositiveIntegerField("jamais utilisées", default=0, db_default=0, editable=False)

    objects = AllocationQuerySet.as_manager()

    class Meta:
        verbose_name = "attribution"
        constraints: ClassVar = [
            # A second volume for the same school from the same pool grows the allocation: never a second key.
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
