"""Requests for licences: of a teacher to their school's principals, and of a school to a collectivity.

In the public schema, where schools and keys are. Written by `operations` alone. A school does not know the pools: it
asks for licences of a product and of a school year. What the office gives is known by the key that it went to.
"""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

from licensing.requests.lifecycle.models import Answerable, AnswerableQuerySet, build_end_check

#: More than any school has classes.
MAX_UNITS = 200
#: Characters of a reason.
MAX_REASON = 500


class TeacherRequestEnd(models.TextChoices):
    """How a teacher's request ended."""

    #: The teacher got a licence of the school year, in whatever way.
    GIVEN = "given", "licence donnée"
    REFUSED = "refused", "refusée"
    WITHDRAWN = "withdrawn", "retirée"
    EXPIRED = "expired", "année terminée"


class LicenceRequestEnd(models.TextChoices):
    """How a school's request ended."""

    ACCEPTED = "accepted", "acceptée"
    REFUSED = "refused", "refusée"
    WITHDRAWN = "withdrawn", "retirée par l'école"
    EXPIRED = "expired", "année terminée"


class RequestState(models.TextChoices):
    """State of a school's request, in the API and in the filter of the office's page."""

    OPEN = "open", "En attente"
    GRANTED = "granted", "Accordée, dans l'heure"
    ACCEPTED = "accepted", "Acceptée"
    REFUSED = "refused", "Refusée"
    WITHDRAWN = "withdrawn", "Retirée par l'école"
    EXPIRED = "expired", "Année terminée"


class SchoolRequest(Answerable):
    """What somebody of a school asks for a school year."""

    # No constraint: a trigger looks the school up (docs/decisions/0162).
    school = models.ForeignKey(
        "schools.School",
        on_delete=models.PROTECT,
        related_name="+",
        db_constraint=False,
        verbose_name="établissement",
    )
    # The year in which it ends, in August.
    school_year = models.PositiveSmallIntegerField("année scolaire")
    ended_at = models.DateTimeField("terminée le", null=True, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"Demande n° {self.pk}"


class TeacherRequest(SchoolRequest):
    """A teacher asks the principals of their school for a licence. It never leaves the school."""

    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="enseignant"
    )
    created_at = models.DateTimeField("faite le")
    outcome = models.CharField("issue", max_length=10, choices=TeacherRequestEnd, blank=True)
    # What a principal wrote who refused it; may be empty.
    answer = models.CharField("réponse", max_length=MAX_REASON, blank=True)
    answered_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="répondu par",
    )

    objects = AnswerableQuerySet["TeacherRequest"].as_manager()

    class Meta:
        verbose_name = "demande d'un enseignant"
        verbose_name_plural = "demandes d'enseignants"
        constraints: ClassVar = [
            build_end_check("teacher_request_ended_says_how"),
            models.CheckConstraint(
                name="teacher_request_refused_says_by_whom",
                condition=Q(outcome="refused", answered_by__isnull=False)
                | (~Q(outcome="refused") & Q(answered_by__isnull=True, answer="")),
            ),
            models.UniqueConstraint(
                name="teacher_request_open_once", fields=["teacher", "school"], condition=Q(ended_at__isnull=True)
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="teacher_request_open", fields=["school"], condition=Q(ended_at__isnull=True)),
        ]


class LicenceRequestQuerySet(AnswerableQuerySet["LicenceRequest"]):
    def waiting(self) -> Self:
        """Filter those that the collectivity has to answer: neither answered nor granted."""
        return self.pending().filter(granted_until__isnull=True)


_GRANTED = Q(granted_until__isnull=False)


class LicenceRequest(SchoolRequest):
    """A school asks a collectivity for licences: how many, for which school year, and why. It names no teacher."""

    collectivity = models.ForeignKey(
        "tenants.Collectivity", on_delete=models.PROTECT, related_name="+", verbose_name="collectivité"
    )
    product = models.ForeignKey("catalogue.Product", on_delete=models.PROTECT, related_name="+", verbose_name="produit")
    units = models.PositiveSmallIntegerField("licences demandées")
    reason = models.CharField("motif", max_length=MAX_REASON, blank=True)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="demandée par"
    )
    created_at = models.DateTimeField("envoyée le")
    outcome = models.CharField("issue", max_length=10, choices=LicenceRequestEnd, blank=True)
    # While it is granted by what can be undone until then (`licensing.plans.rebalancing`); accepted afterwards.
    granted_until = models.DateTimeField("accordée, définitive le", null=True, blank=True)
    # How many the collectivity gave, and the key that they went to: of one that is accepted or granted.
    accepted_units = models.PositiveIntegerField("licences données", null=True, blank=True)
    key = models.ForeignKey(
        "entitlements.ActivationKey",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="clé",
    )
    # What the collectivity wrote that refused it.
    answer = models.CharField("réponse", max_length=MAX_REASON, blank=True)

    objects = LicenceRequestQuerySet.as_manager()

    class Meta:
        verbose_name = "demande de licences"
        verbose_name_plural = "demandes de licences"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="licence_request_asks_for_some", condition=Q(units__gt=0, units__lte=MAX_UNITS)
            ),
            build_end_check("licence_request_ended_says_how"),
            models.CheckConstraint(
                name="licence_request_accepted_says_what",
                condition=(
                    (Q(outcome="accepted") | _GRANTED)
                    & Q(accepted_units__isnull=False, accepted_units__gt=0, key__isnull=False)
                )
                | (~Q(outcome="accepted") & ~_GRANTED & Q(accepted_units__isnull=True, key__isnull=True)),
            ),
            # Who answers one that is granted, or grants one that was answered, is refused.
            models.CheckConstraint(
                name="licence_request_granted_is_open", condition=~_GRANTED | Q(ended_at__isnull=True)
            ),
            models.CheckConstraint(
                name="licence_request_refused_says_why",
                condition=(Q(outcome="refused") & ~Q(answer="")) | (~Q(outcome="refused") & Q(answer="")),
            ),
            models.UniqueConstraint(
                name="licence_request_open_once",
                fields=["school", "product", "school_year"],
                condition=Q(ended_at__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="licence_request_of_office", fields=["collectivity", "ended_at"]),
            models.Index(name="licence_request_of_school", fields=["school", "-created_at"]),
        ]

    @property
    def state(self) -> RequestState:
        """Where it stands."""
        if self.granted_until is not None:
            return RequestState.GRANTED
        return RequestState(self.outcome) if self.outcome else RequestState.OPEN

    @property
    def is_waiting(self) -> bool:
        """Whether the collectivity has to answer it."""
        return self.is_pending and self.granted_until is None


class MutedLetter(models.Model):
    """Somebody who does not want the letter that tells of the requests of their schools' teachers."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    muted_at = models.DateTimeField("depuis le")

    class Meta:
        verbose_name = "lettre non voulue"
        verbose_name_plural = "lettres non voulues"

    def __str__(self) -> str:
        return f"{self.user}"
