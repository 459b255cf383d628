"""API tokens, and the stored responses of idempotent requests. Both in the tenant's schema.

A token's secret is shown once and stored as a hash. A stored response is sealed: it may hold the secret of a webhook.
"""

import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from core.models import LockableQuerySet


class TokenScope(models.TextChoices):
    READ = "read", "Lire"
    PORTFOLIO = "portfolio", "Modifier le périmètre"
    ALLOCATE = "allocate", "Attribuer, reprendre, renvoyer"
    IMPORT = "import", "Déposer et appliquer des tableaux"
    WEBHOOKS = "webhooks", "Régler les webhooks"


#: What each scope gives access to, as shown on the form that creates tokens.
SCOPE_DESCRIPTIONS = {
    TokenScope.READ: "établissements, périmètre, lots, attributions, tableaux, messages, membres, "
    "événements, rapport de l'année avec ses prix, reconduction",
    TokenScope.PORTFOLIO: "ajouter des écoles, changer leur contact, en retirer",
    TokenScope.ALLOCATE: "attribuer des licences, les reprendre, renvoyer une clé, relancer, écrire la reconduction",
    TokenScope.IMPORT: "déposer un tableau, l'appliquer, le défaire",
    TokenScope.WEBHOOKS: "dire à quelle adresse les événements sont envoyés, rejouer un envoi",
}


class TokenQuerySet(LockableQuerySet["Token"]):
    def valid_at(self, at: datetime.datetime) -> Self:
        """Filter tokens that are neither revoked nor expired."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=at)


class Token(models.Model):
    """An API client that acts for the collectivity until the token expires or is revoked."""

    name = models.CharField("nom", max_length=80)
    # Id of the submitted form: submitting it twice creates one token.
    form = models.UUIDField(null=True, unique=True, editable=False)
    token_hash = models.CharField(max_length=64, unique=True)
    # First characters of the secret, shown so that people can identify the token.
    hint = models.CharField("début du jeton", max_length=20)
    scopes = ArrayField(models.CharField(max_length=20, choices=TokenScope), verbose_name="droits")
    # CIDR notation; empty: any network.
    networks = ArrayField(models.CharField(max_length=43), verbose_name="réseaux autorisés", default=list, blank=True)
    # Acts as the user in the audit log and in `created_by` columns; nobody can sign in with it. No constraint: each one
    # costs every tenant a trigger on the public table.
    account = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    created_at = models.DateTimeField("créé le")
    created_by_id = models.BigIntegerField(null=True)
    expires_at = models.DateTimeField("expire le")
    # Updated at most once a minute.
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)
    last_used_from = models.GenericIPAddressField("depuis", null=True, blank=True)
    revoked_at = models.DateTimeField("révoqué le", null=True, blank=True)
    revoked_by_id = models.BigIntegerField(null=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = "jeton"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="token_has_known_scopes",
                condition=Q(scopes__contained_by=TokenScope.values) & Q(scopes__len__gt=0),
            ),
            models.CheckConstraint(name="token_expires_after_it_was_made", condition=Q(expires_at__gt=F("created_at"))),
        ]

    def __str__(self) -> str:
        return self.name


class IdempotencyRecord(models.Model):
    """The stored response of a request with an `Idempotency-Key`, written in that request's transaction."""

    # A hash of the token and the key: the client chose it, and it may contain anything.
    key_hash = models.CharField(max_length=64, primary_key=True)
    # Hash of method, URL and body: the same key with another request is an error.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    # Compressed, then sealed.
    sealed_body = models.BinaryField()
    # The response's `Location` header.
    location = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(name="idempotency_answered_at", fields=["answered_at"])]

    def __str__(self) -> str:
        return f"{self.status}, {self.answered_at}"
