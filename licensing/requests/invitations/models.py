"""Invitations of teachers by the principals of their school. Written by `operations` alone."""

import datetime
import re
from typing import ClassVar, NamedTuple, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from core.links import derive_token
from licensing.requests.lifecycle.models import Answerable, AnswerableQuerySet
from schools.folding import fold

# Words of mailboxes that are no person's.
_SHARED = frozenset(
    (
        *("accueil", "administration", "bureau", "cantine", "ce", "classe", "commune", "contact", "direction"),
        *("directeur", "directrice", "ec", "ecole", "education", "elementaire", "enseignant", "enseignante"),
        *("enseignants", "equipe", "groupe", "info", "maire", "mairie", "maternelle", "periscolaire", "primaire"),
        *("prof", "profs", "scolaire", "secretariat", "service"),
    )
)
_MIN_PARTS = 2


class PersonName(NamedTuple):
    """A person's first name and surname."""

    first: str
    last: str


def split_name(text: str) -> PersonName:
    """Return first name and surname: the words in capitals are the surname, else those after the first word.

    « Léa MARTIN », « MARTIN Léa », « Léa de la Tour ». The surname is empty where there is one word.
    """
    words = text.split()
    capitals = [word for word in words if len(word) > 1 and word == word.upper() != word.lower()]
    if capitals and len(capitals) < len(words):
        return PersonName(" ".join(word for word in words if word not in capitals), " ".join(capitals))
    return PersonName(" ".join(words[:1]), " ".join(words[1:]))


def is_same_person(name: str, other: str) -> bool:
    """Whether two names of one mailbox may be one person's: the same words in any order, or one is not known."""
    return not name or not other or sorted(fold(name).split()) == sorted(fold(other).split())


def guess_name(email: str) -> str:
    """Return « Léa Martin » for `lea.martin@…`, as far as letters tell; empty where the address names nobody."""
    parts = [part for part in re.split(r"[._]", email.partition("@")[0].lower()) if part]
    parts = [*parts[:-1], parts[-1].rstrip("0123456789")] if parts else []
    if len(parts) < _MIN_PARTS or any(len(part) < _MIN_PARTS or part in _SHARED for part in parts):
        return ""
    if not all(part.replace("-", "").isalpha() for part in parts):
        return ""
    return " ".join(part.title() for part in parts)


def suggest_username(name: PersonName) -> str:
    """Return `lea.martin` for « Léa Martin »."""
    return ".".join(part for part in (fold(name.first).replace(" ", "-"), fold(name.last).replace(" ", "-")) if part)


#: Topic of the e-mails to invited persons.
TOPIC = "teacher_invitation"
#: Between two letters to the same person.
MIN_PAUSE = datetime.timedelta(days=1)

#: How long an invitation that a principal cancelled may be restored.
RESTORABLE_FOR = datetime.timedelta(days=1)


class InvitationEnd(models.TextChoices):
    """How an invitation ended."""

    ACCEPTED = "accepted", "acceptée"
    RECALLED = "recalled", "annulée par la direction"
    EXPIRED = "expired", "restée sans réponse"
    #: The person got a licence of the same subscription in another way.
    SERVED = "served", "devenue inutile"
    #: The licences ended, or their order was cancelled.
    OVER = "over", "licences terminées"


#: Ends after which the person still has no licence of the school, and may be invited again.
UNANSWERED = (InvitationEnd.RECALLED, InvitationEnd.EXPIRED, InvitationEnd.OVER)


class TeacherInvitationQuerySet(AnswerableQuerySet["TeacherInvitation"]):
    def unanswered(self) -> Self:
        """Filter those that ended while nobody had answered."""
        return self.filter(outcome__in=UNANSWERED)


class TeacherInvitation(Answerable):
    """A licence that waits for a teacher, whose address the principal gave: it reserves a seat until it ends.

    The token of its link is derived from `nonce` when the e-mail is sent, so that the outbox does not hold it.
    """

    subscription = models.ForeignKey(
        "entitlements.Subscription", on_delete=models.PROTECT, related_name="invitations", verbose_name="abonnement"
    )
    # The seat that is reserved; None once the invitation ended.
    seat = models.OneToOneField(
        "entitlements.Seat",
        on_delete=models.PROTECT,
        null=True,
        related_name="invitation",
        verbose_name="licence réservée",
    )
    email = models.EmailField("adresse e-mail")
    # As the principal gave it, first name first; empty where they gave the address alone.
    name = models.CharField("prénom et nom", max_length=60, blank=True)
    nonce = models.CharField(max_length=32)
    token_hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="invitée par"
    )
    created_at = models.DateTimeField("envoyée le")
    reminded_at = models.DateTimeField("relancée le", null=True, blank=True)
    expires_at = models.DateTimeField("valable jusqu'au")
    ended_at = models.DateTimeField("terminée le", null=True, blank=True)
    outcome = models.CharField("issue", max_length=10, choices=InvitationEnd, blank=True)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="acceptée par"
    )

    objects = TeacherInvitationQuerySet.as_manager()

    class Meta:
        verbose_name = "invitation d'enseignant"
        verbose_name_plural = "invitations d'enseignants"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="teacher_invitation_reserves_until_it_ends",
                condition=Q(ended_at__isnull=True, outcome="", seat__isnull=False)
                | (Q(ended_at__isnull=False, seat__isnull=True) & ~Q(outcome="")),
            ),
            models.CheckConstraint(
                name="teacher_invitation_accepted_says_by_whom",
                condition=Q(outcome="accepted", accepted_by__isnull=False)
                | (~Q(outcome="accepted") & Q(accepted_by__isnull=True)),
            ),
            # A school's mailbox may be that of several teachers, whom the names tell apart.
            models.UniqueConstraint(
                "subscription",
                Lower("email"),
                Lower("name"),
                name="teacher_invitation_once_a_person",
                condition=Q(ended_at__isnull=True),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="teacher_invitation_pending", fields=["expires_at"], condition=Q(ended_at__isnull=True)),
            models.Index(name="teacher_invitation_ended", fields=["ended_at"], condition=Q(ended_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return " ".join(split_name(self.name)).strip() or self.email

    @property
    def link_token(self) -> str:
        """The secret token of its link."""
        return derive_token(self.nonce, salt="licensing.teacher_invitation", stored_hash=self.token_hash)

    def is_pending_at(self, at: datetime.datetime) -> bool:
        """Whether the link still works, as far as the invitation itself is concerned."""
        return self.is_pending and at < self.expires_at

    def may_be_restored_at(self, at: datetime.datetime) -> bool:
        """Whether a principal cancelled it less than a day ago, and its link would still be valid."""
        if self.outcome != InvitationEnd.RECALLED or self.ended_at is None:
            return False
        return at <= self.ended_at + RESTORABLE_FOR and at < self.expires_at

    @property
    def is_unanswered(self) -> bool:
        """Whether it ended while nobody had answered."""
        return self.outcome in UNANSWERED

    @property
    def remindable_from(self) -> datetime.datetime:
        """From when its letter may be sent again: a day after the last."""
        return (self.reminded_at or self.created_at) + MIN_PAUSE

    def may_be_reminded_at(self, at: datetime.datetime) -> bool:
        """Whether the last letter left a day ago or more."""
        return at >= self.remindable_from
