"""Classes and their pupils, opened from a seat and queried by the learning application.

A class belongs to its seat, not to a user: the current holder of the seat teaches it, and it passes to the next holder
with its pupils. A pupil is a number, a login and a password: no child's name is ever sent to the server. Only
`operations` write these models.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Value

from core.models import LockableQuerySet
from licensing.classes import words

#: One licence unit = one class = one teacher + 30 pupil accounts.
MAX_PUPILS = 30


class Classroom(models.Model):
    """The class opened from a seat. `code` (`tulipe-5830`) is part of the login of every pupil created in it.

    Its teacher may carry it on to their seat of the next school year: the row, and so what refers to it, stays.
    """

    # One to one: at most one class a seat.
    seat = models.OneToOneField(
        "entitlements.Seat", on_delete=models.PROTECT, related_name="classroom", verbose_name="clé attribuée"
    )
    code = models.CharField("code de la classe", max_length=24, unique=True)
    # Chosen by the teacher, « CE1 B »; never a child's name.
    name = models.CharField("nom de la classe", max_length=60)
    opened_at = models.DateTimeField("ouverte le")
    # When it came to its seat from that of the year before; None where it was opened there.
    carried_at = models.DateTimeField("emmenée le", null=True, blank=True)
    # A half-time teacher, invited by the holder at the time; not valid under another holder.
    second_teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="shared_classes",
        verbose_name="second enseignant",
    )
    second_invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="admis par",
    )
    # When its holder last invited a colleague, whether or not the username exists; None once taken back or accepted.
    invited_at = models.DateTimeField("collègue invité le", null=True, blank=True)
    # When somebody last tried many passwords of its pupils, and when a teacher of the class last read that.
    tried_at = models.DateTimeField("nombreux essais le", null=True, blank=True)
    tries_read_at = models.DateTimeField("essais lus le", null=True, blank=True)
    # The warning that its pupils will be erased is sent once, 30 days before.
    warned_at = models.DateTimeField("effacement annoncé le", null=True, blank=True)
    purged_at = models.DateTimeField("élèves effacés le", null=True, blank=True)

    objects = LockableQuerySet["Classroom"].as_manager()

    class Meta:
        verbose_name = "classe"
        constraints: ClassVar = [
            models.CheckConstraint(name="class_code_reads", condition=Q(code__regex=r"^[a-z]+-[0-9]{4}$")),
            models.CheckConstraint(
                name="class_second_says_by_whom",
                condition=Q(second_teacher__isnull=True, second_invited_by__isnull=True)
                | (
                    Q(second_teacher__isnull=False, second_invited_by__isnull=False)
                    & ~Q(second_teacher=models.F("second_invited_by"))
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="class_not_purged", fields=["seat"], condition=Q(purged_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({words.spell(self.code)})"

    @property
    def has_unread_tries(self) -> bool:
        """Whether somebody tried many passwords since a teacher of the class last read of it."""
        return self.tried_at is not None and (self.tries_read_at is None or self.tries_read_at < self.tried_at)


class ClassInvitation(models.Model):
    """A pending invitation from the seat's holder to a colleague to share the class; at most one a class.

    Valid while the inviter holds the seat, and for a week (`queries.INVITATION_DAYS`).
    """

    classroom = models.OneToOneField(
        Classroom, on_delete=models.PROTECT, related_name="invitation", verbose_name="classe"
    )
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="enseignant"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="par")
    created_at = models.DateTimeField("faite le")

    class Meta:
        verbose_name = "invitation à partager une classe"
        verbose_name_plural = "invitations à partager une classe"
        constraints: ClassVar = [
            models.CheckConstraint(name="class_invitation_to_another", condition=~Q(teacher=models.F("by"))),
        ]

    def __str__(self) -> str:
        return f"Invitation n° {self.pk}"


class HandoverOutcome(models.TextChoices):
    """How a handover of pupils ended."""

    ACCEPTED = "accepted", "reçus"
    WITHDRAWN = "withdrawn", "repris"
    EXPIRED = "expired", "expirés"


class PupilHandover(models.Model):
    """Pupils of a class that a colleague of the same school may take into theirs, by a code; once.

    Pending until it is accepted, withdrawn or expired; the code is kept, sealed, only so long. Its pupils refer to it,
    and a foreign key of both columns (migration 0002) says that they are of its class.
    """

    classroom = models.ForeignKey(
        Classroom, on_delete=models.PROTECT, related_name="handovers", verbose_name="classe quittée"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="par")
    # Sealed as activation keys are: one column serves look-up and display.
    sealed_code = models.BinaryField(unique=True, null=True)
    sealed_under = models.PositiveSmallIntegerField(null=True)
    created_at = models.DateTimeField("préparée le")
    expires_at = models.DateTimeField("valable jusqu'au")
    ended_at = models.DateTimeField("terminée le", null=True, blank=True)
    outcome = models.CharField("issue", max_length=10, choices=HandoverOutcome, blank=True)
    # Where they went, and how many.
    received_in = models.ForeignKey(
        Classroom,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="received_handovers",
        verbose_name="classe rejointe",
    )
    received_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="reçue par",
    )
    received = models.PositiveSmallIntegerField("élèves reçus", default=0)

    objects = LockableQuerySet["PupilHandover"].as_manager()

    class Meta:
        verbose_name = "élèves confiés"
        verbose_name_plural = "élèves confiés"
        constraints: ClassVar = [
            # What the foreign key of the pupils refers to.
            models.UniqueConstraint(name="handover_of_class", fields=["id", "classroom"]),
            models.CheckConstraint(
                name="handover_pending_or_ended",
                condition=Q(ended_at__isnull=True, outcome="", sealed_code__isnull=False, sealed_under__isnull=False)
                | (Q(ended_at__isnull=False, sealed_code__isnull=True, sealed_under__isnull=True) & ~Q(outcome="")),
            ),
            models.CheckConstraint(
                name="handover_accepted_says_where",
                condition=Q(outcome="accepted", received_in__isnull=False, received_by__isnull=False, received__gt=0)
                | (~Q(outcome="accepted") & Q(received_in__isnull=True, received_by__isnull=True, received=0)),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="handover_pending", fields=["expires_at"], condition=Q(ended_at__isnull=True)),
        ]

    def __str__(self) -> str:
        # Never the code: this string appears in logs and error reports.
        return f"Élèves confiés n° {self.pk}"


class PupilAccount(models.Model):
    """A child's account: a number from 1 to 30, a login that never changes, and a password hash."""

    classroom = models.ForeignKey(Classroom, on_delete=models.PROTECT, related_name="pupils", verbose_name="classe")
    number = models.PositiveSmallIntegerField("numéro")
    # `leopard`; the login is the word and the code, `leopard-tulipe-5830`. `words.spell` adds the accents.
    word = models.CharField("mot", max_length=16)
    # Of the class in which the account was created: it stays with a pupil who goes to another.
    code = models.CharField("code de l'identifiant", max_length=24)
    password = models.CharField(max_length=128)
    created_at = models.DateTimeField("créé le")
    # When they came from another class; None where they were created in this one.
    moved_at = models.DateTimeField("arrivé le", null=True, blank=True)
    # While a colleague may take them.
    handover = models.ForeignKey(
        PupilHandover, on_delete=models.PROTECT, null=True, blank=True, related_name="pupils", verbose_name="confié par"
    )
    # Sessions store it: a new password ends them.
    password_set_at = models.DateTimeField("mot de passe du")
    last_seen_at = models.DateTimeField("dernière connexion", null=True, blank=True)

    objects = LockableQuerySet["PupilAccount"].as_manager()

    class Meta:
        verbose_name = "compte élève"
        verbose_name_plural = "comptes élèves"
        constraints: ClassVar = [
            # With the range check below: at most 30 pupils.
            models.UniqueConstraint(name="pupil_number_once", fields=["classroom", "number"]),
            models.CheckConstraint(
                name="pupil_number_within_class", condition=Q(number__gte=1, number__lte=MAX_PUPILS)
            ),
            models.UniqueConstraint(name="pupil_login_once", fields=["code", "word"]),
            # Of two leopards of a class, one came from another: the flower after the animal tells them apart.
            models.UniqueConstraint(
                F("classroom"),
                F("word"),
                Func(F("code"), Value("-"), Value(1), function="split_part"),
                name="pupil_nickname_once",
            ),
            models.CheckConstraint(name="pupil_word_reads", condition=Q(word__regex=r"^[a-z]+$")),
            models.CheckConstraint(name="pupil_code_reads", condition=Q(code__regex=r"^[a-z]+-[0-9]{4}$")),
        ]

    def __str__(self) -> str:
        return f"Élève n° {self.number}"

    @property
    def login(self) -> str:
        """The pupil's word and their code."""
        return f"{self.word}-{self.code}"


class DeletionCertificate(models.Model):
    """Certificate that a class's pupils were erased, when and how many, for the teacher and the school.

    Kept after the erasure; it identifies no pupil.
    """

    classroom = models.OneToOneField(
        Classroom, on_delete=models.PROTECT, related_name="certificate", verbose_name="classe"
    )
    number = models.CharField("numéro", max_length=20, unique=True)
    pupils = models.PositiveSmallIntegerField("comptes effacés")
    first_created_at = models.DateTimeField("premier compte créé le", null=True)
    licence_ended_on = models.DateField("licence terminée le")
    erased_at = models.DateTimeField("effacés le")
    # The teacher of the class at that time, if any, and the school that held the licence.
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="enseignant"
    )
    # No constraint: a trigger looks the school up (docs/decisions/0162).
    school = models.ForeignKey(
        "schools.School",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=False,
        verbose_name="établissement",
    )

    class Meta:
        verbose_name = "certificat d'effacement"
        verbose_name_plural = "certificats d'effacement"

    def __str__(self) -> str:
        return self.number


class YearLetter(models.Model):
    """That a person was written to on 1 September about the school year that ended: once a person and year."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="compte"
    )
    # The year in which it ended, in August.
    school_year = models.PositiveSmallIntegerField("année scolaire finie en")
    created_at = models.DateTimeField("écrite le")

    class Meta:
        verbose_name = "lettre de rentrée"
        verbose_name_plural = "lettres de rentrée"
        constraints: ClassVar = [models.UniqueConstraint(name="year_letter_once", fields=["user", "school_year"])]

    def __str__(self) -> str:
        return f"Lettre de rentrée n° {self.pk}"


class ApplicationToken(models.Model):
    """Bearer token of the learning application, created by the operator. Only its hash is stored."""

    name = models.CharField("nom", max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    # The first characters, to tell tokens apart.
    hint = models.CharField("début", max_length=12)
    created_at = models.DateTimeField("créé le")
    # None where created by the management command.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="créé par"
    )
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)
    revoked_at = models.DateTimeField("révoqué le", null=True, blank=True)

    objects = LockableQuerySet["ApplicationToken"].as_manager()

    class Meta:
        verbose_name = "jeton de l'application"
        verbose_name_plural = "jetons de l'application"

    def __str__(self) -> str:
        return self.name


class EntryTicket(models.Model):
    """Single-use ticket for the learning application, valid for a minute, like an OAuth code.

    Only its hash is stored.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    pupil = models.ForeignKey(PupilAccount, on_delete=models.CASCADE, null=True, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="ticket_is_somebodys",
                condition=Q(user__isnull=False, pupil__isnull=True) | Q(user__isnull=True, pupil__isnull=False),
            ),
        ]
        indexes: ClassVar = [models.Index(name="ticket_created_at", fields=["created_at"])]

    def __str__(self) -> str:
        return f"Ticket n° {self.pk}"
