"""Licences that schools gave back to their collectivity, and what collectivities asked of them.

In the public schema: a school answers on the portal. Written by `operations` alone.
"""

import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from core.models import LockableQuerySet
from licensing.requests.lifecycle.models import Answerable, AnswerableQuerySet

#: How long a school has to answer; then nothing changes.
ANSWER_PERIOD = datetime.timedelta(days=14)
#: Between two requests to a school, unless somebody asks all the same.
MIN_PAUSE = datetime.timedelta(days=60)
#: How long a school may take back what it gave.
UNDOABLE_FOR = datetime.timedelta(hours=1)
#: Letters of the sentence that a school may add to its answer.
MAX_COMMENT = 300


class ReturnOutcome(models.TextChoices):
    """How a request ended."""

    ACCEPTED = "accepted", "Rendues"
    DECLINED = "declined", "Gardées"
    WITHDRAWN = "withdrawn", "Demande retirée"
    #: Closed when the school was asked anew: it had not answered in time.
    EXPIRED = "expired", "Sans réponse"


class ReturnRequestQuerySet(AnswerableQuerySet["ReturnRequest"]):
    def open_at(self, at: datetime.datetime) -> Self:
        """Filter those that a school may answer at that moment."""
        return self.pending().filter(expires_at__gt=at)


class ReturnRequest(Answerable):
    """A collectivity asks a school for licences of its key that nobody uses. Silence changes nothing."""

    ENDED_AT = "answered_at"
    PENDING = Q(outcome="")

    key = models.ForeignKey(
        "entitlements.ActivationKey", on_delete=models.PROTECT, related_name="return_requests", verbose_name="clé"
    )
    # That of the key, which `audit` compares: an office lists its own.
    collectivity = models.ForeignKey(
        "tenants.Collectivity", on_delete=models.PROTECT, related_name="+", verbose_name="collectivité"
    )
    units = models.PositiveIntegerField("licences demandées")
    asked_at = models.DateTimeField("demandées le")
    # None for the system.
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="demandées par"
    )
    expires_at = models.DateTimeField("réponse attendue jusqu'au")
    answered_at = models.DateTimeField("terminée le", null=True, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="réponse de"
    )
    outcome = models.CharField("issue", max_length=10, choices=ReturnOutcome, blank=True)
    # Of those asked for, how many came back: at most what was asked, where a school gave more.
    returned_units = models.PositiveIntegerField("licences rendues", default=0)
    comment = models.CharField("mot de l'école", max_length=MAX_COMMENT, blank=True)

    objects = ReturnRequestQuerySet.as_manager()

    class Meta:
        verbose_name = "demande de licences"
        verbose_name_plural = "demandes de licences"
        constraints: ClassVar = [
            models.UniqueConstraint(name="return_request_open_once_a_key", fields=["key"], condition=Q(outcome="")),
            models.CheckConstraint(name="return_request_asks_for_some", condition=Q(units__gt=0)),
            models.CheckConstraint(
                name="return_request_answered_says_how",
                condition=Q(outcome="", answered_at__isnull=True, comment="")
                | (~Q(outcome="") & Q(answered_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="return_request_accepted_returned_some",
                condition=Q(outcome="accepted", returned_units__gt=0) | (~Q(outcome="accepted") & Q(returned_units=0)),
            ),
            models.CheckConstraint(
                name="return_request_returned_within_asked", condition=Q(returned_units__lte=F("units"))
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="return_request_of_office", fields=["collectivity", "-id"]),
            models.Index(name="return_request_of_key", fields=["key", "-asked_at"]),
        ]

    def __str__(self) -> str:
        return f"Demande n° {self.pk}"


class LicenceReturn(models.Model):
    """Licences of a redeemed key that its school gave back: they are free in the lot again."""

    key = models.ForeignKey(
        "entitlements.ActivationKey", on_delete=models.PROTECT, related_name="returns", verbose_name="clé"
    )
    units = models.PositiveIntegerField("licences rendues")
    returned_at = models.DateTimeField("rendues le")
    returned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="rendues par"
    )
    # The request that it answered, if any.
    request = models.ForeignKey(
        ReturnRequest, on_delete=models.PROTECT, null=True, related_name="returns", verbose_name="demande"
    )
    undone_at = models.DateTimeField("annulée le", null=True, blank=True)

    objects = LockableQuerySet["LicenceReturn"].as_manager()

    class Meta:
        verbose_name = "licences rendues"
        verbose_name_plural = "licences rendues"
        constraints: ClassVar = [
            models.CheckConstraint(name="licence_return_has_units", condition=Q(units__gt=0)),
        ]
        indexes: ClassVar = [models.Index(name="licence_return_of_key", fields=["key", "-returned_at"])]

    def __str__(self) -> str:
        return f"Retour n° {self.pk}"

    @property
    def undoable_until(self) -> datetime.datetime:
        return self.returned_at + UNDOABLE_FOR
