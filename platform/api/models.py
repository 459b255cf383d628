"""What lets programs into a collectivity's API, and what they were answered. All of it in the tenant's schema.

A token's secret is shown once and kept as a hash. An answer is kept sealed: it may hold the secret of a webhook.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from api.scopes import Scope

if TYPE_CHECKING:
    import datetime


class TokenQuerySet(models.QuerySet["Token"]):
    def valid_at(self, at: datetime.datetime) -> Self:
        """Neither revoked nor expired."""
        return self.filter(revoked_at__isnull=True, expires_at__gt=at)

    def locked(self) -> Self:
        """Lock the tokens, and only them, in order of number, until the transaction ends."""
        return self.select_for_update(of=("self",), no_key=True).order_by("pk")


class Token(models.Model):
    """A program that acts for the collectivity, until it expires or is revoked."""

    name = models.CharField("nom", max_length=80)
    # Of the form that asked for it: sent a second time, it makes no second token.
    form = models.UUIDField(null=True, unique=True, editable=False)
    token_hash = models.CharField(max_length=64, unique=True)
    # The beginning of the secret, by which people tell it from others.
    hint = models.CharField("début du jeton", max_length=20)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope), verbose_name="droits")
    # CIDR notation; empty: from anywhere.
    networks = ArrayField(models.CharField(max_length=43), verbose_name="réseaux autorisés", default=list, blank=True)
    # The account under whose name the journal and what it made know it; nobody can sign in with it. No constraint:
    # each costs every collectivity a trigger on the public table.
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
    # To the minute.
    last_used_at = models.DateTimeField("dernier usage", null=True, blank=True)
    last_used_from = models.GenericIPAddressField("depuis", null=True, blank=True)
    revoked_at = models.DateTimeField("révoqué le", null=True, blank=True)
    revoked_by_id = models.BigIntegerField(null=True)

    objects = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = "jeton"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="token_has_known_scopes", condition=Q(scopes__contained_by=Scope.values) & Q(scopes__len__gt=0)
            ),
            models.CheckConstraint(name="token_expires_after_it_was_made", condition=Q(expires_at__gt=F("created_at"))),
        ]

    def __str__(self) -> str:
        return self.name


class RememberedAnswer(models.Model):
    """What a request with an `Idempotency-Key` was answered; written in the transaction of what the request did."""

    # Of the key: the program chose it, and may have put anything into it.
    key_hash = models.CharField(max_length=64, primary_key=True)
    # Of method, address and body: the same key with another request is refused.
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=100)
    # Compressed, then sealed.
    sealed_body = models.BinaryField()
    # Headers that the answer had besides.
    location = models.CharField(max_length=200, blank=True)
    answered_at = models.DateTimeField()

    class Meta:
        indexes: ClassVar = [models.Index(name="remembered_answered_at", fields=["answered_at"])]

    def __str__(self) -> str:
        return f"{self.status}, {self.answered_at}"
