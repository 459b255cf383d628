"""The states of a spreadsheet, and what becomes of each of its rows."""

from __future__ import annotations

from django.db import models


class ImportState(models.TextChoices):
    #: Waiting for the worker to read it.
    UPLOADED = "uploaded", "En lecture"
    #: Read, with a question left (which column, how many licences).
    READ = "read", "À préciser"
    CHECKED = "checked", "À vérifier"
    #: Confirmed by a manager, waiting for the worker to apply it.
    APPLYING = "applying", "En cours d'application"
    APPLIED = "applied", "Appliqué"
    REJECTED = "rejected", "Refusé"
    CANCELLED = "cancelled", "Annulé"


class Verdict(models.TextChoices):
    NEW = "new", "Nouvelle"
    CHANGED = "changed", "Augmentée"
    UNCHANGED = "unchanged", "Inchangée"
    CONFLICT = "conflict", "Conflit"
    ERROR = "error", "Erreur"
    IGNORED = "ignored", "Ignorée"


#: What can be applied.
APPLICABLE = (Verdict.NEW, Verdict.CHANGED)
