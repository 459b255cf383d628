"""Policies, planned and sent reminders, and stops. In each collectivity's schema.

`Reminder` is written by `planning` (what is planned) and `operations` (what is sent or cancelled) alone.
"""

from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from core.formatting import pluralize
from core.models import LockableQuerySet

#: Of a pool whose policy nobody changed: days after the key's e-mail, and after its redemption.
DEFAULT_UNREDEEMED_DAYS = (10, 25, 45)
DEFAULT_UNUSED_DAYS = 15
MAX_DAYS, MAX_STEPS = 180, 5


class ReminderCause(models.TextChoices):
    UNREDEEMED = "unredeemed", "Clé non activée"
    UNUSED = "unused", "Clé activée, aucune licence donnée"
    OCTOBER = "october", "Licences qui dorment en octobre"


#: Kinds of the e-mails about redeemed keys; about the others they are those of `pools.models.MessageKind.REMINDER`.
UNUSED_KIND, OCTOBER_KIND = "unused_reminder", "october_reminder"


def default_unredeemed_days() -> list[int]:
    """Return the days of a policy that nobody changed."""
    return list(DEFAULT_UNREDEEMED_DAYS)


class ReminderPolicy(models.Model):
    """When the schools of a pool are reminded. A pool without a row has the defaults."""

    pool = models.OneToOneField("pools.Pool", on_delete=models.PROTECT, primary_key=True, related_name="+")
    is_enabled = models.BooleanField("relances automatiques", default=True)
    # Ascending: days after the e-mail with the key, while nobody redeemed it. Empty: none.
    unredeemed_days = ArrayField(
        models.PositiveSmallIntegerField(), verbose_name="clé non activée", default=default_unredeemed_days
    )
    # Days after the redemption, while no licence is given. None: no reminder.
    unused_days = models.PositiveSmallIntegerField("aucune licence donnée", null=True, default=DEFAULT_UNUSED_DAYS)
    writes_in_october = models.BooleanField("lettre d'octobre", default=True)

    class Meta:
        verbose_name = "réglage des relances"
        constraints: ClassVar = [
            models.CheckConstraint(name="policy_has_few_steps", condition=Q(unredeemed_days__len__lte=MAX_STEPS)),
            models.CheckConstraint(
                name="policy_unused_days_within_bounds",
                condition=Q(unused_days__isnull=True) | Q(unused_days__range=(1, MAX_DAYS)),
            ),
        ]

    def __str__(self) -> str:
        return f"Relances du lot n° {self.pool_id}"

    @property
    def sends_any(self) -> bool:
        """Whether it leads to any reminder."""
        return self.is_enabled and bool(self.unredeemed_days or self.unused_days or self.writes_in_october)


class ReminderQuerySet(LockableQuerySet["Reminder"]):
    def planned(self) -> Self:
        """Filter those that are to be sent: neither sent nor cancelled."""
        return self.filter(sent_at__isnull=True, cancelled_at__isnull=True)


class Reminder(models.Model):
    """One reminder of one allocation: planned, then sent or cancelled. What is no longer due is deleted."""

    allocation = models.ForeignKey("pools.Allocation", on_delete=models.PROTECT, related_name="+")
    # A copy of the allocation's. No constraint into the public schema, as there.
    school = models.ForeignKey(
        "schools.School", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    cause = models.CharField("motif", max_length=10, choices=ReminderCause)
    # The policy's number of days; 0 for the letter of October.
    step = models.PositiveSmallIntegerField("délai en jours")
    # A writing day of the school, in Europe/Paris.
    planned_for = models.DateField("prévue le")
    sent_at = models.DateTimeField("envoyée le", null=True)
    cancelled_at = models.DateTimeField("annulée le", null=True)

    objects = ReminderQuerySet.as_manager()

    class Meta:
        verbose_name = "relance"
        constraints: ClassVar = [
            models.UniqueConstraint(name="reminder_once_a_step", fields=["allocation", "cause", "step"]),
            models.CheckConstraint(
                name="reminder_sent_or_cancelled", condition=Q(sent_at__isnull=True) | Q(cancelled_at__isnull=True)
            ),
            models.CheckConstraint(
                name="reminder_step_of_its_cause",
                condition=Q(cause="october", step=0) | (~Q(cause="october") & Q(step__gt=0)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                name="reminder_planned",
                fields=["planned_for", "id"],
                condition=Q(sent_at__isnull=True, cancelled_at__isnull=True),
            ),
            models.Index(name="reminder_of_school", fields=["school"]),
        ]

    def __str__(self) -> str:
        return f"Relance n° {self.pk}"

    @property
    def explanation(self) -> str:
        """Why it is planned: « Clé non activée depuis 10 jours »."""
        days = pluralize(self.step, "jour")
        match self.cause:
            case ReminderCause.UNREDEEMED:
                return f"Clé non activée depuis {days}"
            case ReminderCause.UNUSED:
                return f"Clé activée depuis {days}, aucune licence donnée"
        return str(ReminderCause.OCTOBER.label)


class ReminderStop(models.Model):
    """A school's wish to get no more reminders: about one key, or about any of this collectivity."""

    school = models.ForeignKey(
        "schools.School", on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    # None: about no key.
    allocation = models.ForeignKey("pools.Allocation", on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField("le")

    class Meta:
        verbose_name = "arrêt des relances"
        constraints: ClassVar = [
            models.UniqueConstraint(name="reminder_stop_once", fields=["school", "allocation"], nulls_distinct=False),
        ]

    def __str__(self) -> str:
        return f"{self.school_id}, depuis le {self.at}"
