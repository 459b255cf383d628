"""Collectivities: each is a tenant with a PostgreSQL schema and a host of its own.

Written only by `tenants.provisioning` and `collectivities.operations`. A collectivity is never deleted: schools keep
using what it allocated.
"""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django_tenants.models import DomainMixin, TenantMixin

from core.links import build_absolute_url
from core.models import LockableQuerySet


class CollectivityKind(models.TextChoices):
    COMMUNE = "commune", "Commune"
    EPCI = "epci", "Intercommunalité (EPCI)"
    DEPARTEMENT = "departement", "Département"
    REGION = "region", "Région"
    PURCHASING_BODY = "purchasing_body", "Groupement d'achat"


class Collectivity(TenantMixin):
    """A buyer of licences. `schema_name` is derived from the slug and never changes. The portal is no collectivity."""

    # Provisioning creates the schema, in one transaction with the row.
    auto_create_schema = False
    auto_drop_schema = False

    name = models.CharField("nom", max_length=200)
    kind = models.CharField("nature", max_length=20, choices=CollectivityKind)
    siren = models.CharField("SIREN", max_length=9, unique=True, validators=[RegexValidator(r"^[0-9]{9}$")])
    slug = models.CharField("adresse du bureau", max_length=40, unique=True)
    key_prefix = models.CharField("préfixe des clés", max_length=10, unique=True)
    created_at = models.DateTimeField("ouverte le")

    class Meta:
        verbose_name = "collectivité"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="collectivity_slug_is_a_host_label", condition=Q(slug__regex=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")
            ),
            models.CheckConstraint(name="collectivity_siren_has_nine_digits", condition=Q(siren__regex=r"^[0-9]{9}$")),
            models.CheckConstraint(
                name="collectivity_key_prefix_reads", condition=Q(key_prefix__regex=r"^[A-Z0-9]{2,10}$")
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def office_host(self) -> str:
        """The host name of its office."""
        return f"{self.slug}.{settings.BASE_DOMAIN}"

    def office_url(self, path: str = "/") -> str:
        """Return the absolute URL of a page of its office."""
        return build_absolute_url(self.office_host, path)


class Domain(DomainMixin):
    """A host name of a collectivity's office or of the portal."""

    class Meta:
        verbose_name = "nom d'hôte"


class OfficeRequest(models.Model):
    """A visitor's request for an office, which the operator accepts or declines."""

    class State(models.TextChoices):
        PENDING = "pending", "À traiter"
        ACCEPTED = "accepted", "Acceptée"
        DECLINED = "declined", "Refusée"

    name = models.CharField("nom de la collectivité", max_length=200)
    kind = models.CharField("nature", max_length=20, choices=CollectivityKind)
    siren = models.CharField("SIREN", max_length=9)
    applicant = models.CharField("votre nom", max_length=150)
    role = models.CharField("votre fonction", max_length=150, blank=True)
    email = models.EmailField("votre adresse e-mail professionnelle")
    phone = models.CharField("téléphone", max_length=30, blank=True)
    message = models.TextField("message", blank=True)
    state = models.CharField("état", max_length=10, choices=State, default=State.PENDING)
    created_at = models.DateTimeField("reçue le")
    # Why it was declined; sent to the applicant.
    reason = models.TextField("motif du refus", blank=True)
    decided_at = models.DateTimeField("traitée le", null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, verbose_name="traitée par", on_delete=models.PROTECT, null=True, blank=True
    )
    collectivity = models.ForeignKey(
        Collectivity, verbose_name="bureau ouvert", on_delete=models.PROTECT, null=True, blank=True
    )

    objects = LockableQuerySet.as_manager()

    class Meta:
        verbose_name = "demande de bureau"
        verbose_name_plural = "demandes de bureau"
        constraints: ClassVar = [
            models.CheckConstraint(
                name="office_request_accepted_opens_an_office",
                condition=Q(state="accepted", collectivity__isnull=False)
                | (~Q(state="accepted") & Q(collectivity__isnull=True)),
            ),
            models.CheckConstraint(
                name="office_request_decided_says_when",
                condition=Q(state="pending", decided_at__isnull=True)
                | (~Q(state="pending") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="office_request_declined_says_why", condition=~Q(state="declined") | ~Q(reason="")
            ),
        ]

    def __str__(self) -> str:
        return self.name


class OfficeConcern(models.Model):
    """That the operator should look at an office, and why, so that nobody visits every schema to find out.

    Written by `collectivities.operations.members`, which may know late that a concern is over: what stands here says
    where to look, not what is found there.
    """

    class Kind(models.TextChoices):
        LOST_MESSAGES = "lost_messages", "E-mails non remis"
        EMPTY = "empty", "Bureau vide"

    collectivity = models.ForeignKey(Collectivity, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=20, choices=Kind)

    class Meta:
        verbose_name = "bureau à rappeler"
        constraints: ClassVar = [
            models.UniqueConstraint(name="office_concern_once", fields=["kind", "collectivity"]),
        ]

    def __str__(self) -> str:
        return f"{self.collectivity_id}: {self.kind}"


class SchemaSnapshot(models.Model):
    """The SQL that creates a collectivity's schema, keyed by a fingerprint of the migrations it was recorded from."""

    fingerprint = models.CharField(max_length=64, primary_key=True)
    # One by one: a cluster passes on no text of several.
    statements = ArrayField(models.TextField())
    # What they make: a sentence for each column, constraint, index and trigger (`tenants.schema_snapshot`).
    structure = models.JSONField(default=list)
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.fingerprint[:12]


class Checkpoint(models.Model):
    """The last seal of every chain on a day, as it was signed: see `tenants.checkpoints`."""

    day = models.DateField("jour", primary_key=True)
    signed_at = models.DateTimeField("signées le")
    content = models.TextField("relevé signé")
    # In French; empty where nothing is missing.
    failure = models.TextField("empêchement", blank=True)

    class Meta:
        verbose_name = verbose_name_plural = "relevé des sceaux"

    def __str__(self) -> str:
        return f"{self.day}"
