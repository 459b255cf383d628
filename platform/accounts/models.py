"""People: one row a person who signs in, whatever the host. Never deleted: an account that ends is anonymised."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.crypto import salted_hmac
from django.utils.functional import cached_property

if TYPE_CHECKING:
    from accounts.sessions import SessionStore


class Profile(models.TextChoices):
    PRINCIPAL = "principal", "Chef d'établissement"
    TEACHER = "teacher", "Enseignant"
    # A collectivity's staff, who come by invitation, and the operator; not offered at sign-up.
    AGENT = "agent", "Agent"
    # A token of a collectivity's API: the name under which the journal knows what it does. Nobody signs in with it.
    PROGRAM = "program", "Programme"


class User(AbstractUser):
    """A person. The identifiant (`username`) is unique; the e-mail address is not: school mailboxes are shared."""

    profile = models.CharField("profil", max_length=10, choices=Profile, default=Profile.AGENT)
    first_name = models.CharField("prénom", max_length=150)
    last_name = models.CharField("nom", max_length=150)
    email = models.EmailField("adresse e-mail")
    phone = models.CharField("téléphone", max_length=30, blank=True)
    # Sessions opened under another number have ended: it moves when a second factor comes or goes.
    session_generation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # The person deleted the account: the row stays for what refers to it, and says nothing of anybody.
    erased_at = models.DateTimeField("supprimé le", null=True, blank=True)

    class Meta:
        verbose_name = "compte"
        # A forgotten password is asked for by address, whatever its case.
        indexes: ClassVar = [models.Index(Upper("email"), name="user_email_upper")]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="user_erased_says_nothing",
                condition=Q(erased_at__isnull=True)
                | Q(is_active=False, first_name="", last_name="", email="", phone="", last_login__isnull=True),
                violation_error_message="Ce compte a été supprimé par son titulaire : il ne se rouvre ni ne se nomme.",
            ),
            models.CheckConstraint(
                name="user_program_signs_in_nowhere",
                condition=~Q(profile=Profile.PROGRAM)
                | Q(
                    is_active=False,
                    is_staff=False,
                    is_superuser=False,
                    email="",
                    password__startswith=UNUSABLE_PASSWORD_PREFIX,
                ),
                violation_error_message="Ce compte est celui d'un jeton : personne ne se connecte avec lui.",
            ),
        ]

    def __str__(self) -> str:
        if self.erased_at is not None:
            return "Compte supprimé"
        return self.get_full_name() or self.username

    @cached_property
    def has_second_factor(self) -> bool:
        """Whether signing in asks for a code after the password."""
        from accounts import second_factor  # noqa: PLC0415 - its models refer to this one

        return second_factor.is_on(self)

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Bind sessions to the password, as Django does, and to their generation."""
        bound_to = f"{self.session_generation}:{self.password}"
        return salted_hmac("accounts.User.session", bound_to, secret=secret, algorithm="sha256").hexdigest()


class ResetRequest(models.Model):
    """A new password that somebody asked for, until a worker has looked for the accounts of the address.

    The page writes this row whatever the address is: it neither looks nor takes longer where an account exists.
    """

    email = models.EmailField()
    # Where the letter's link leads: the host at which it was asked.
    host = models.CharField(max_length=253)
    asked_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"n° {self.pk}"


class Session(AbstractBaseSession):
    """A browser that is signed in, or that has something to remember; `account` says whose it is.

    A number and no key: sessions come and go by the thousand, and none outlives what it names by more than its age.
    """

    account = models.BigIntegerField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(name="session_of_account", fields=["account"], condition=Q(account__isnull=False))
        ]

    def __str__(self) -> str:
        return f"Session until {self.expire_date}"

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        """Return the store that writes these rows."""
        from accounts.sessions import SessionStore  # noqa: PLC0415 - the store reads the model

        return SessionStore


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
