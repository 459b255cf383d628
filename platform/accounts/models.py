"""People: one row a person who signs in, whatever the host. Never deleted: an account that ends is anonymised."""

from __future__ import annotations

from django.contrib.auth.models import AbstractUser
from django.db import models


class Profile(models.TextChoices):
    PRINCIPAL = "principal", "Chef d'établissement"
    TEACHER = "teacher", "Enseignant"
    # A collectivity's staff, who come by invitation, and the operator; not offered at sign-up.
    AGENT = "agent", "Agent"


class User(AbstractUser):
    """A person. The identifiant (`username`) is unique; the e-mail address is not: school mailboxes are shared."""

    profile = models.CharField("profil", max_length=10, choices=Profile, default=Profile.AGENT)
    first_name = models.CharField("prénom", max_length=150)
    last_name = models.CharField("nom", max_length=150)
    email = models.EmailField("adresse e-mail")
    phone = models.CharField("téléphone", max_length=30, blank=True)

    class Meta:
        verbose_name = "compte"

    def __str__(self) -> str:
        return self.get_full_name() or self.username


class Throttle(models.Model):
    """How often somebody has tried something in the current window. Written by `throttling`, one statement a try.

    `subject` is a keyed hash of an account or a network address: the table says nothing about anybody.
    """

    scope = models.CharField(max_length=20)
    subject = models.CharField(max_length=64)
    opened_at = models.DateTimeField()
    tries = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="throttle_once_a_subject", fields=["scope", "subject"])]
        indexes = [models.Index(name="throttle_opened_at", fields=["opened_at"])]

    def __str__(self) -> str:
        return f"{self.scope}: {self.tries}"
