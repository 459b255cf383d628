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
