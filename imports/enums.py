"""What a spreadsheet is for, its states, and what becomes of each of its rows."""

from __future__ import annotations

from django.db import models


class Purpose(models.TextChoices):
    ATTRIBUTION = "attribution", "Attribuer des licences"
    REMIT = "perimetre", "Mettre à jour le périmètre"


class ImportState(models.TextChoices):
    #: Waiting for the worker to read it.
    UPLOADED = "uploaded", "En lecture"
    #: Read, with a question left (which column, how many licences).
    READ = "read", "À préciser"
    CHECKED = "checked", "À vérifier"
    #: Confirmed by a manager, waiting for the worker to apply it.
    APPLYING = "applying", "En cours d'application"
    APPLIED = "applied", "Appliqué"
    #: Applied, then taken back.
    UNDONE = "undone", "Défait"
    REJECTED = "rejected", "Refusé"
    CANCELLED = "cancelled", "Annulé"


class Volume(models.TextChoices):
    """What says how many licences a school must have."""

    COLUMN = "column", "La colonne du nombre de licences"
    CLASSES = "classes", "La colonne du nombre de classes"
    REMIT = "remit", "Le nombre de classes connu de votre périmètre"
    ALL = "all", "Un même nombre pour toutes les écoles"


class Verdict(models.TextChoices):
    NEW = "new", "Nouvelle"
    CHANGED = "changed", "Modifiée"
    UNCHANGED = "unchanged", "Inchangée"
    CONFLICT = "conflict", "Conflit"
    ERROR = "error", "Erreur"
    IGNORED = "ignored", "Ignorée"


#: What can be applied as it is.
APPLICABLE = (Verdict.NEW, Verdict.CHANGED)


class Settlement(models.TextChoices):
    """How a member settles a conflict: the school has more than the file says."""

    REDUCE = "reduce", "Réduire à ce nombre"
    REVOKE = "revoke", "Reprendre la clé"


class How(models.TextChoices):
    """How a row's school was found."""

    UAI = "uai", "par son UAI"
    REPAIRED = "repaired", "par son UAI rétabli"
    NAME = "name", "par son nom"
    CHOSEN = "chosen", "choisie"


class Done(models.TextChoices):
    """What the application did with a row."""

    CREATED = "created", "Attribuée"
    GROWN = "grown", "Augmentée"
    REDUCED = "reduced", "Réduite"
    REVOKED = "revoked", "Reprise"
    ADDED = "added", "Ajoutée au périmètre"
    UPDATED = "updated", "Mise à jour"
