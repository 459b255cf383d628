"""The runs of the synchronisation, what each changed, and the file that waits for the operator."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from core.models import LockableQuerySet


class SyncOutcome(models.TextChoices):
    APPLIED = "applied", "appliquée"
    # The server has nothing new, or the same bytes as before.
    UNCHANGED = "unchanged", "fichier inchangé"
    # Readable, but changes so much that the operator decides.
    HELD = "held", "en attente de votre accord"
    REFUSED = "refused", "fichier refusé"
    FAILED = "failed", "téléchargement impossible"


class DirectorySync(models.Model):
    """A run of the synchronisation: where its file came from, what became of it, and its counts."""

    at = models.DateTimeField("date")
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="lancée par", on_delete=models.PROTECT, null=True, blank=True
    )
    outcome = models.CharField("résultat", max_length=10, choices=SyncOutcome, default=SyncOutcome.APPLIED)
    # In French: why the schools are as they were.
    reason = models.TextField("pourquoi", blank=True)
    file_name = models.CharField("fichier", max_length=255)
    # Where it was downloaded; empty for a file of the server. What its server said of it is asked for by the next run.
    url = models.CharField("adresse", max_length=500, blank=True)
    etag = models.CharField(max_length=255, blank=True)
    last_modified = models.CharField("modifié sur le site", max_length=40, blank=True)
    sha256 = models.CharField("SHA-256", max_length=64, blank=True)
    # Names of the fields that the file has.
    columns = models.JSONField("colonnes lues", default=list)
    full = models.BooleanField("fichier complet")
    rows = models.PositiveIntegerField("lignes lues", default=0)
    added = models.PositiveIntegerField("ajoutés", default=0)
    changed = models.PositiveIntegerField("modifiés", default=0)
    closed = models.PositiveIntegerField("fermés", default=0)
    reopened = models.PositiveIntegerField("rouverts", default=0)
    unchanged = models.PositiveIntegerField("inchangés", default=0)
    refused = models.PositiveIntegerField("lignes refusées", default=0)

    class Meta:
        verbose_name = "synchronisation de l'annuaire"
        verbose_name_plural = "synchronisations de l'annuaire"
        indexes: ClassVar = [models.Index(name="directory_sync_at", fields=["-at"])]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="directory_sync_says_why_not",
                condition=Q(outcome="applied", reason="")
                | Q(outcome="unchanged")
                | (Q(outcome__in=["held", "refused", "failed"]) & ~Q(reason="")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.file_name}, {timezone.localtime(self.at):%d/%m/%Y à %H:%M}"


class ChangeVerdict(models.TextChoices):
    CLOSED = "closed", "fermés"
    REOPENED = "reopened", "rouverts"
    CHANGED = "changed", "modifiés"


class DirectoryChange(models.Model):
    """A school that a run closed, reopened or changed, or would have. Kept for a year; added ones are not listed."""

    # Indexed by the constraint.
    sync = models.ForeignKey(DirectorySync, on_delete=models.CASCADE, db_index=False, related_name="changes")
    verdict = models.CharField(max_length=10, choices=ChangeVerdict)
    # Names as of the run.
    uai = models.CharField("UAI", max_length=8)
    name = models.CharField("nom", max_length=250)
    # Names of the fields that differ.
    fields = models.JSONField(default=list)

    class Meta:
        verbose_name = "établissement changé"
        verbose_name_plural = "établissements changés"
        constraints: ClassVar = [
            models.UniqueConstraint(name="directory_change_once", fields=["sync", "verdict", "uai"]),
        ]

    def __str__(self) -> str:
        return f"{self.uai} {self.name}"


class HeldDirectoryFile(models.Model):
    """The file of the latest run that waits for the operator. One row, or none."""

    id = models.SmallIntegerField(primary_key=True, db_default=1, editable=False)
    sync = models.OneToOneField(DirectorySync, on_delete=models.CASCADE, related_name="held_file")
    # Compressed.
    content = models.BinaryField()
    # When the operator agreed; a worker then applies it.
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")

    objects = LockableQuerySet["HeldDirectoryFile"].as_manager()

    class Meta:
        verbose_name = "fichier retenu"
        verbose_name_plural = "fichiers retenus"
        constraints: ClassVar = [
            models.CheckConstraint(name="held_directory_file_is_one_row", condition=Q(id=1)),
            models.CheckConstraint(
                name="held_directory_file_accepted_by_somebody",
                condition=Q(accepted_at__isnull=True, accepted_by__isnull=True)
                | Q(accepted_at__isnull=False, accepted_by__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"fichier de {self.sync}"
