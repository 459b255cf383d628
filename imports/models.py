"""Spreadsheets: the file as it came, each of its rows with its verdict, and what was done with them.

Rows are COPYed once with their verdict and hold no foreign key: deferred checks are where the time of a large import
would go.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q


class ImportState(models.TextChoices):
    UPLOADED = "uploaded", "Déposé"
    READ = "read", "Lu"
    CHECKED = "checked", "Vérifié"
    APPLIED = "applied", "Appliqué"
    REJECTED = "rejected", "Refusé"
    CANCELLED = "cancelled", "Annulé"


class Import(models.Model):
    """One spreadsheet, from its upload to its application. Applied at most once."""

    pool = models.ForeignKey("pools.Pool", verbose_name="lot", on_delete=models.PROTECT, related_name="imports")
    filename = models.CharField("fichier", max_length=255)
    sha256 = models.CharField(max_length=64)
    state = models.CharField("état", max_length=10, choices=ImportState, default=ImportState.UPLOADED)
    # Where the table was found, and which column means what: « uai » → its title.
    sheet = models.CharField("feuille", max_length=255, blank=True)
    header_row = models.PositiveIntegerField(null=True)
    columns = models.JSONField(default=dict)
    # One number for all, where the file has no column of volumes.
    default_units = models.PositiveIntegerField("licences par école", null=True, blank=True)
    # Not before this day are the e-mails sent; None: at once.
    send_on = models.DateField("envoyer les e-mails le", null=True, blank=True)
    # Why the file was refused.
    refusal = models.TextField("motif du refus", blank=True)
    # Rows done and rows to do of the step in hand, for the progress bar.
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    # What was shown: an application whose verdicts differ from it is refused.
    checked_digest = models.CharField(max_length=64, blank=True)
    created_at = models.DateTimeField("déposé le")
    created_by_id = models.BigIntegerField(null=True)
    applied_at = models.DateTimeField("appliqué le", null=True, blank=True)
    applied_by_id = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                name="import_applied_says_when",
                condition=Q(state="applied", applied_at__isnull=False)
                | (~Q(state="applied") & Q(applied_at__isnull=True)),
            ),
            models.CheckConstraint(name="import_rejected_says_why", condition=~Q(state="rejected") | ~Q(refusal="")),
        ]

    def __str__(self) -> str:
        return self.filename


class ImportFile(models.Model):
    """The file's bytes: in the tenant's schema, out of other hosts' reach, and apart, so that no list loads them."""

    of = models.OneToOneField(Import, primary_key=True, on_delete=models.CASCADE, related_name="file")
    content = models.BinaryField()

    def __str__(self) -> str:
        return str(self.of)


class Verdict(models.TextChoices):
    NEW = "new", "Nouvelle"
    CHANGED = "changed", "Augmentée"
    UNCHANGED = "unchanged", "Inchangée"
    CONFLICT = "conflict", "Conflit"
    ERROR = "error", "Erreur"
    IGNORED = "ignored", "Ignorée"


class ImportRow(models.Model):
    """One row of the file and what we make of it."""

    id = models.BigAutoField(primary_key=True)
    import_id = models.BigIntegerField()
    # As numbered in the file, from 1.
    number = models.PositiveIntegerField("ligne")
    cells = models.JSONField(default=list)
    uai = models.CharField("UAI", max_length=8, blank=True)
    recipient = models.CharField("adresse e-mail", max_length=254, blank=True)
    # What the school must have from the lot, and what it had when the row was checked.
    units = models.PositiveIntegerField("licences", null=True)
    units_before = models.PositiveIntegerField(default=0)
    verdict = models.CharField("verdict", max_length=10, choices=Verdict)
    # [{"column", "code", "message"}], in French.
    problems = models.JSONField(default=list)
    ticked = models.BooleanField("à appliquer", default=False)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(name="import_row_once", fields=["import_id", "number"]),
        ]
        indexes: ClassVar = [models.Index(name="import_row_verdict", fields=["import_id", "verdict", "number"])]

    def __str__(self) -> str:
        return f"ligne {self.number}"
