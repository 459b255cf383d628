"""Classes and their pupils: what a seat opens, and what the learning application asks about.

A class belongs to its seat and not to a person: whoever holds the seat teaches it, and it passes with its pupils to the
next one. A pupil is a number, a word and a password: nothing here says who the child is, and no real name is ever sent
to the server. Written by `operations` alone.
"""

from __future__ import annotations

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q

#: The rule of the house: one unit = one class = one teacher + 30 pupil accounts.
MOST_PUPILS = 30


class ClassroomQuerySet(models.QuerySet["Classroom"]):
    def locked(self) -> Self:
        """Lock the classes, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class Classroom(models.Model):
    """The class that a seat opens. `code` stands in every pupil's login: `tulipe-5830`."""

    # One to one: at most one class a seat.
    seat = models.OneToOneField(
        "subscriptions.Seat", on_delete=models.PROTECT, related_name="classroom", verbose_name="clé attribuée"
    )
    code = models.CharField("code de la classe", max_length=24, unique=True)
    # What the teacher calls it, « CE1 B »: never a child's name.
    name = models.CharField("nom de la classe", max_length=60)
    opened_at = models.DateTimeField("ouverte le")
    # A teacher who shares the class (half-time), let in by whoever held the seat then: it ends with that holder.
    second_teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="shared_classes",
        verbose_name="second enseignant",
    )
    second_let_in_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name="admis par",
    )
    # Wrong passwords of all its pupils since the last right one; the class closes to pupils at a limit, until the
    # teacher opens it again.
    failures = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField("fermée aux élèves depuis", null=True, blank=True)
    # That its pupils will be erased: told once, some weeks before.
    warned_at = models.DateTimeField("effacement annoncé le", null=True, blank=True)
    purged_at = models.DateTimeField("élèves effacés le", null=True, blank=True)

    objects = ClassroomQuerySet.as_manager()

    class Meta:
        verbose_name = "classe"
        constraints: ClassVar = [
            models.CheckConstraint(name="class_code_reads", condition=Q(code__regex=r"^[a-z]+-[0-9]{4}$")),
            models.CheckConstraint(
                name="class_second_says_by_whom",
                condition=Q(second_teacher__isnull=True, second_let_in_by__isnull=True)
                | (
                    Q(second_teacher__isnull=False, second_let_in_by__isnull=False)
                    & ~Q(second_teacher=models.F("second_let_in_by"))
                ),
            ),
        ]
        indexes: ClassVar = [
            models.Index(name="class_not_purged", fields=["seat"], condition=Q(purged_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.code})"


class ClassInvitation(models.Model):
    """Who holds the seat asks a colleague to share the class, who has not answered yet; at most one a class.

    It holds as long as the one who asks holds the seat, and for a week (`queries.INVITATION_DAYS`).
    """

    classroom = models.OneToOneField(
        Classroom, on_delete=models.PROTECT, related_name="invitation", verbose_name="classe"
    )
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="enseignant"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name="par")
    made_at = models.DateTimeField("faite le")

    class Meta:
        verbose_name = "invitation à partager une classe"
        verbose_name_plural = "invitations à partager une classe"
        constraints: ClassVar = [
            models.CheckConstraint(name="class_invitation_to_another", condition=~Q(teacher=models.F("by"))),
        ]

    def __str__(self) -> str:
        return f"Invitation n° {self.pk}"


class PupilAccountQuerySet(models.QuerySet["PupilAccount"]):
    def locked(self) -> Self:
        """Lock the pupils, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class PupilAccount(models.Model):
    """One child's account: a number from 1 to 30, a word of his own within the class, and a password's hash."""

    classroom = models.ForeignKey(Classroom, on_delete=models.PROTECT, related_name="pupils", verbose_name="classe")
    number = models.PositiveSmallIntegerField("numéro")
    # `lapin`: with the class's code it is the login, `lapin-tulipe-5830`.
    word = models.CharField("mot", max_length=16)
    password = models.CharField(max_length=128)
    created_at = models.DateTimeField("créé le")
    # Changed with every new password: whoever is signed in under an older one is signed out.
    password_set_at = models.DateTimeField("mot de passe du")
    last_seen_at = models.DateTimeField("dernière connexion", null=True, blank=True)
    failures = models.PositiveSmallIntegerField(default=0)
    locked_at = models.DateTimeField("bloqué depuis", null=True, blank=True)

    objects = PupilAccountQuerySet.as_manager()

    class Meta:
        verbose_name = "compte élève"
        verbose_name_plural = "comptes élèves"
        constraints: ClassVar = [
            # At most thirty: there are thirty numbers, each once.
            models.UniqueConstraint(name="pupil_number_once", fields=["classroom", "number"]),
            models.CheckConstraint(
                name="pupil_number_within_class", condition=Q(number__gte=1, number__lte=MOST_PUPILS)
            ),
            models.UniqueConstraint(name="pupil_word_once", fields=["classroom", "word"]),
            models.CheckConstraint(name="pupil_word_reads", condition=Q(word__regex=r"^[a-z]+$")),
        ]

    def __str__(self) -> str:
        return f"Élève n° {self.number}"

    @property
    def login(self) -> str:
        """What the child types: his word and the class's code."""
        return f"{self.word}-{self.classroom.code}"


class DeletionCertificate(models.Model):
    """That a class's pupils were erased, when and how many: what is handed to the teacher and to the school.

    It outlives them and names none of them.
    """

    classroom = models.OneToOneField(
        Classroom, on_delete=models.PROTECT, related_name="certificate", verbose_name="classe"
    )
    number = models.CharField("numéro", max_length=20, unique=True)
    pupils = models.PositiveSmallIntegerField("comptes effacés")
    created_first = models.DateTimeField("premier compte créé le", null=True)
    licence_ended_on = models.DateField("licence terminée le")
    erased_at = models.DateTimeField("effacés le")
    # Who taught the class then, if somebody did, and the school that held the licence.
    teacher = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="enseignant"
    )
    school = models.ForeignKey(
        "schools.School", on_delete=models.PROTECT, null=True, related_name="+", verbose_name="établissement"
    )

    class Meta:
        verbose_name = "certificat d'effacement"
        verbose_name_plural = "certificats d'effacement"

    def __str__(self) -> str:
        return self.number


class ApplicationToken(models.Model):
    """What the learning application shows to be answered. Made by the operator; its hash alone is stored."""

    name = models.CharField("nom", max_length=80)
    token_hash = models.CharField(max_length=64, unique=True)
    # The first characters, by which the operator tells one from another.
    hint = models.CharField("début", max_length=12)
    created_at = models.DateTimeField("créé le")
    # None: made by the command, on the server.
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name="créé par"
    )
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)
    revoked_at = models.DateTimeField("révoqué le", null=True, blank=True)

    class Meta:
        verbose_name = "jeton de l'application"
        verbose_name_plural = "jetons de l'application"

    def __str__(self) -> str:
        return self.name


class EntryTicket(models.Model):
    """What « Accéder à l'application » carries there: good for one minute and one question, like an OAuth code.

    Its hash alone is stored, and whoever finds it in a log finds it spent.
    """

    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    pupil = models.ForeignKey(PupilAccount, on_delete=models.CASCADE, null=True, related_name="+")
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="ticket_is_somebodys",
                condition=Q(user__isnull=False, pupil__isnull=True) | Q(user__isnull=True, pupil__isnull=False),
            ),
        ]
        indexes: ClassVar = [models.Index(name="ticket_made_at", fields=["made_at"])]

    def __str__(self) -> str:
        return f"Ticket n° {self.pk}"
