"""A collectivity's office: members, portfolio, settings and audit log. In the tenant's schema."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.db.models import Q
from django.db.models.functions import Lower

from collectivities.capabilities import Capability, Role
from core.journal_seals import Seal, SealedJournal
from core.links import derive_token
from core.models import LockableQuerySet

#: Audit actions for one school of a list: home pages leave them out and show the entry of the list.
PORTFOLIO_ADDED_BY_LIST = "portfolio.added_by_list"
PORTFOLIO_UPDATED_BY_LIST = "portfolio.contact_updated_by_list"
PORTFOLIO_REMOVED_BY_LIST = "portfolio.removed_by_list"
#: Audit action for many schools added by one act, which no entries of single schools follow.
PORTFOLIO_ADDED_AT_ONCE = "portfolio.added_at_once"
# What happened to accounts: the actions of `accounts.models.AccountEvent`, after this.
ACCOUNT_ACTIONS = "accounts."
PORTFOLIO_LIST_ACTIONS = (PORTFOLIO_ADDED_BY_LIST, PORTFOLIO_UPDATED_BY_LIST, PORTFOLIO_REMOVED_BY_LIST)

#: Kind and topic of the e-mails that tell of a switched requirement; their topic's id is the manager's who did it.
SECOND_FACTOR_RULE_TOPIC = "second_factor_rule"


def sort_roles(roles: Collection[str]) -> list[Role]:
    """Return those of the roles that exist, once each, in the order of `Role`."""
    return [role for role in Role if role in roles]


def list_role_labels(roles: Collection[str]) -> list[str]:
    """Return the French names of the roles, in the order of `Role`."""
    return [str(role.label) for role in sort_roles(roles)]


def list_roles(*capabilities: Capability) -> list[str]:
    """Return the roles that let a member do one of the capabilities; none where no capability is given."""
    return sorted({role.value for one in capabilities for role in one.roles})


def _roles() -> ArrayField[list[str], list[str]]:
    return ArrayField(models.CharField(max_length=20, choices=Role), verbose_name="rôles")


class MemberQuerySet(LockableQuerySet["Member"]):
    def active(self) -> Self:
        return self.filter(left_at__isnull=True)

    def who_may(self, *capabilities: Capability) -> Self:
        """Return the members of today who may do one of these."""
        return self.active().filter(roles__overlap=list_roles(*capabilities))


class Member(models.Model):
    """A user who works for the collectivity, with one or more roles."""

    # No constraint into the public schema (docs/decisions/0156); `audit` verifies it.
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    roles = _roles()
    joined_at = models.DateTimeField("depuis le")
    # Members who left keep their row: the audit log refers to it.
    left_at = models.DateTimeField("parti le", null=True, blank=True)

    objects = MemberQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="member_has_known_roles", condition=Q(roles__contained_by=Role.values) & Q(roles__len__gt=0)
            ),
        ]

    def __str__(self) -> str:
        return str(self.user)

    def may(self, *capabilities: Capability) -> bool:
        """Return whether one of the member's roles lets them do one of these."""
        return not set(list_roles(*capabilities)).isdisjoint(self.roles)


class Letter(models.TextChoices):
    """E-mails that come to members by themselves, and that each of them turns off or on."""

    WEEKLY = "weekly", "Lettre de la semaine"
    FAILURE = "failure", "Alerte d'un envoi qui échoue"
    RENEWAL = "renewal", "Rappels de la reconduction"
    REQUESTS = "requests", "Demandes des écoles"


class LetterChoice(models.Model):
    """A member's choice about a letter; without one, it comes by their roles. Written by `operations.letters`."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="letter_choices")
    letter = models.CharField("lettre", max_length=10, choices=Letter)
    is_wanted = models.BooleanField("voulue")
    chosen_at = models.DateTimeField("depuis le")

    class Meta:
        verbose_name = "choix d'une lettre"
        verbose_name_plural = "choix de lettres"
        constraints: ClassVar = [
            models.UniqueConstraint(name="letter_choice_once", fields=["member", "letter"]),
        ]

    def __str__(self) -> str:
        return f"{self.letter} : {self.is_wanted}"


class MemberLetter(models.Model):
    """A recurrent letter that was queued for a member, once for a period. Written by `operations.letters`."""

    member = models.ForeignKey(Member, on_delete=models.PROTECT, related_name="+")
    letter = models.CharField("lettre", max_length=10, choices=Letter)
    # The first day, in Europe/Paris: the Monday of a week, or the first of a month.
    period = models.DateField("période du")
    # Hashes of its lines, without their numbers, by which the next ones tell whether anything is new.
    lines = ArrayField(models.CharField(max_length=16), default=list)
    queued_at = models.DateTimeField("écrite le")

    class Meta:
        verbose_name = "lettre à un membre"
        verbose_name_plural = "lettres aux membres"
        constraints: ClassVar = [
            models.UniqueConstraint(name="member_letter_once_a_period", fields=["member", "letter", "period"]),
            models.CheckConstraint(
                name="member_letter_period_of_its_letter",
                condition=Q(letter="weekly", period__iso_week_day=1) | Q(letter="renewal", period__day=1),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.letter}, {self.period}"


#: How long the address of somebody who may never have come is kept after their link has ended; the journal keeps it.
INVITATION_KEPT = datetime.timedelta(days=365)


class InvitationQuerySet(LockableQuerySet["Invitation"]):
    def pending(self) -> Self:
        """Return invitations neither accepted nor withdrawn; they may have expired."""
        return self.filter(accepted_at__isnull=True, withdrawn_at__isnull=True)

    def accepted(self) -> Self:
        """Return invitations that somebody accepted; a year after their end they are deleted."""
        return self.filter(accepted_at__isnull=False)

    def lock_table(self) -> None:
        """Block writes to the table by other transactions until this one ends; reads go on."""
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE collectivities_invitation IN SHARE ROW EXCLUSIVE MODE")


class Invitation(models.Model):
    """An invitation to join the office.

    The token is derived from `nonce` with the site's secret key when the e-mail is sent, so that the outbox does not
    hold it; look-ups use its hash.
    """

    email = models.EmailField("adresse e-mail")
    roles = _roles()
    nonce = models.CharField(max_length=32)
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField("envoyée le")
    expires_at = models.DateTimeField("valable jusqu'au")
    invited_by_id = models.BigIntegerField(null=True)
    accepted_at = models.DateTimeField("acceptée le", null=True, blank=True)
    # None also where 1.0.0 took it.
    accepted_by_id = models.BigIntegerField(null=True)
    withdrawn_at = models.DateTimeField("retirée le", null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="invitation_has_known_roles", condition=Q(roles__contained_by=Role.values) & Q(roles__len__gt=0)
            ),
            models.CheckConstraint(
                name="invitation_accepted_or_withdrawn",
                condition=Q(accepted_at__isnull=True) | Q(withdrawn_at__isnull=True),
            ),
            # A second invitation of the same address replaces the first.
            models.UniqueConstraint(
                Lower("email"),
                name="invitation_pending_once_a_person",
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def link_token(self) -> str:
        """The secret token of its link."""
        return derive_token(self.nonce, salt="collectivities.invitation", stored_hash=self.token_hash)

    def is_valid(self, at: datetime.datetime) -> bool:
        """Return whether the link can still be used."""
        return self.accepted_at is None and self.withdrawn_at is None and at < self.expires_at


class PortfolioSchool(models.Model):
    """A school of the collectivity's portfolio, and its contact there."""

    # No constraint into the public schema (docs/decisions/0156); `audit` verifies it.
    school = models.OneToOneField(
        "schools.School",
        verbose_name="établissement",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        related_name="+",
    )
    contact_name = models.CharField("nom du contact", max_length=150, blank=True)
    contact_email = models.EmailField("adresse e-mail du contact", blank=True)
    contact_phone = models.CharField("téléphone du contact", max_length=30, blank=True)
    classes = models.PositiveSmallIntegerField("nombre de classes", null=True, blank=True)
    added_at = models.DateTimeField("ajouté le")

    objects = LockableQuerySet.as_manager()

    class Meta:
        verbose_name = "établissement du périmètre"

    def __str__(self) -> str:
        return str(self.school)


class OfficeSettings(models.Model):
    """How the collectivity presents itself to principals, and its security settings. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    sender_name = models.CharField("nom de l'expéditeur", max_length=100, blank=True)
    reply_to = models.EmailField("adresse de réponse", blank=True)
    # Whom a school calls about its key; until they are set, e-mails name who manages the office.
    contact_name = models.CharField("personne à joindre", max_length=60, blank=True)
    contact_phone = models.CharField("téléphone", max_length=30, blank=True)
    signature = models.TextField("signature", max_length=600, blank=True)
    # Plain text, without a line break or an address.
    letter_note = models.CharField("un mot de la collectivité", max_length=300, blank=True)
    logo = models.BinaryField(null=True, editable=False)
    # None: the office has not decided, and the setting OFFICE_SECOND_FACTOR applies.
    second_factor_required = models.BooleanField("double authentification demandée", null=True)

    objects = LockableQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="office_settings_is_one_row", condition=Q(id=1))]

    def __str__(self) -> str:
        return self.sender_name


class AuditEntry(models.Model):
    """Who did what, when. Append-only; written by operations in their own transaction."""

    at = models.DateTimeField("date")
    # Not a foreign key: each costs every tenant a trigger on the public table. None: the system.
    actor_id = models.BigIntegerField("auteur", null=True)
    actor_name = models.CharField("auteur", max_length=200)
    # Unlike the name, the user cannot change it. Empty for the system and for API tokens.
    actor_username = models.CharField("identifiant de l'auteur", max_length=150, blank=True)
    action = models.CharField("action", max_length=50)
    # The school, for its timeline, and the object that the entry is about.
    school_id = models.CharField("établissement", max_length=8, blank=True)
    object_type = models.CharField(max_length=40, blank=True)
    object_id = models.BigIntegerField(null=True)
    summary = models.TextField("ce qui s'est passé")

    class Meta:
        indexes: ClassVar = [
            models.Index(name="audit_at", fields=["-at"]),
            models.Index(name="audit_school", fields=["school_id", "-at"]),
            models.Index(name="audit_object", fields=["object_type", "object_id"]),
        ]

    def __str__(self) -> str:
        return self.summary

    @property
    def actor(self) -> str:
        """The actor's name, followed by the username in brackets."""
        if self.actor_username in {"", self.actor_name}:
            return self.actor_name
        return f"{self.actor_name} ({self.actor_username})"


class AuditSeal(Seal):
    """A seal of the audit log."""


#: The audit log as `manage.py audit` and the sealing task read it.
SEALED_AUDIT_LOG = SealedJournal(
    entries=AuditEntry,
    seals=AuditSeal,
    columns=(
        "at",
        "actor_id",
        "actor_name",
        "actor_username",
        "action",
        "school_id",
        "object_type",
        "object_id",
        "summary",
    ),
)
