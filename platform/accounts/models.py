"""Accounts, valid at every host. Rows are never deleted: a closed account is anonymised."""

import datetime
from typing import ClassVar

from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.db.models.functions import Upper
from django.utils.crypto import salted_hmac

from accounts import sessions  # noqa: F401 - its model is this app's
from core.journal_seals import Seal, SealedJournal
from core.models import LockableQuerySet


class Profile(models.TextChoices):
    PRINCIPAL = "principal", "Chef d'établissement"
    TEACHER = "teacher", "Enseignant"
    # A collectivity's staff, who join by invitation, and the operator; not offered at sign-up.
    AGENT = "agent", "Agent"
    # A collectivity's API token, as the actor of its audit entries. Cannot sign in.
    PROGRAM = "program", "Programme"


class User(AbstractUser):
    """An account. The username is unique; the e-mail address is not, as school mailboxes are shared."""

    profile = models.CharField("profil", max_length=10, choices=Profile, default=Profile.AGENT)
    first_name = models.CharField("prénom", max_length=150)
    last_name = models.CharField("nom", max_length=150)
    email = models.EmailField("adresse e-mail")
    phone = models.CharField("téléphone", max_length=30, blank=True)
    # Sessions of an earlier generation are invalid; incremented when the second factor is enabled or disabled.
    session_generation = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # When the user deleted the account: the row stays for foreign keys, without personal data.
    erased_at = models.DateTimeField("supprimé le", null=True, blank=True)

    class Meta:
        verbose_name = "compte"
        # Password resets look accounts up by address, case-insensitively.
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

    def _get_session_auth_hash(self, secret: str | bytes | None = None) -> str:
        """Bind sessions to the password, as Django does, and to the account's session generation."""
        bound_to = f"{self.session_generation}:{self.password}"
        return salted_hmac("accounts.User.session", bound_to, secret=secret, algorithm="sha256").hexdigest()


class ResetRequest(models.Model):
    """A requested password reset, until a worker has looked up the accounts of the address.

    The page inserts this row for any address, so that neither its answer nor its timing reveals an account.
    """

    email = models.EmailField()
    # Host of the e-mail's link: the one where the reset was requested.
    host = models.CharField(max_length=253)
    asked_at = models.DateTimeField()

    objects = LockableQuerySet.as_manager()

    def __str__(self) -> str:
        return f"n° {self.pk}"


class EnrolmentCode(models.Model):
    """A one-time code that lets an operator enrol a first second factor. Stored as a keyed hash."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, primary_key=True, related_name="+")
    code_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    objects = LockableQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Code until {self.expires_at}"


class Throttle(models.Model):
    """Attempts by a subject in the current window. Written by `throttling`, one statement per attempt.

    `subject` is a keyed hash of an account or network address: the table holds no personal data.
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


class AttemptDelay(models.Model):
    """Failed attempts of a subject that are not forgotten yet, and its wait. Written by `attempt_delays` alone.

    `subject` is a keyed hash of an account, a network or a device: the table holds no personal data.
    """

    scope = models.CharField(max_length=20)
    subject = models.CharField(max_length=64)
    # When the last failure is forgotten: one goes after the other.
    empties_at = models.DateTimeField()
    # Before it, attempts are refused.
    open_at = models.DateTimeField()
    # Attempts that were refused since the last one that was counted.
    refused = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="delay_once_a_subject", fields=["scope", "subject"])]
        indexes = [models.Index(name="delay_empties_at", fields=["empties_at"])]

    def __str__(self) -> str:
        return f"{self.scope}: until {self.open_at}"


class KnownOrigin(models.Model):
    """A device or a network from which an account, or a pupil of a class, has signed in.

    `owner` is the key of the account or class (`user:12`), `digest` a keyed hash: see `known_origins`. No foreign key:
    the rows are those of several tables, and expire by themselves.
    """

    class Kind(models.TextChoices):
        DEVICE = "device", "Appareil"
        NETWORK = "network", "Réseau"

    owner = models.CharField(max_length=32)
    kind = models.CharField(max_length=8, choices=Kind)
    digest = models.CharField(max_length=64)
    # The last sign-in, to the day.
    seen_at = models.DateTimeField()
    # Keyed hash of the password, or its date, at the last sign-in: for the password's delays another one is unknown.
    version = models.CharField(max_length=64, default="", db_default="")
    # Whether the second factor was passed from here: what its codes' delays ask for.
    by_second_factor = models.BooleanField(default=False, db_default=False)
    # Of an account's device, as its owner reads it: « Firefox sur Windows ».
    browser = models.CharField(max_length=60, default="", db_default="")

    class Meta:
        constraints = [models.UniqueConstraint(name="known_origin_once", fields=["owner", "digest"])]
        indexes = [models.Index(name="known_origin_seen_at", fields=["seen_at"])]

    def __str__(self) -> str:
        return f"{self.owner}: {self.kind}"


#: How long the accounts' journal is kept. The trigger of migration 0002 says the same.
ACCOUNT_EVENTS_KEPT = datetime.timedelta(days=365)


class AccountEvent(models.Model):
    """What happened to an account, or was tried: sign-ins, failures, second factors, names. Append-only, kept a year.

    Members' events are also in their office's audit log.
    """

    class Action(models.TextChoices):
        SIGNED_IN = "signed_in", "Connexion"
        PASSWORD_REFUSED = "password_refused", "Mot de passe refusé"
        CODE_REFUSED = "code_refused", "Code refusé"
        SECOND_FACTOR_ON = "second_factor_on", "Double authentification activée"
        SECOND_FACTOR_OFF = "second_factor_off", "Double authentification retirée"
        RECOVERY_CODES = "recovery_codes", "Codes de secours renouvelés"
        PASSWORD_CHANGED = "password_changed", "Mot de passe changé"
        ADDRESS_CHANGED = "address_changed", "Adresse changée"
        RENAMED = "renamed", "Nom changé"
        DISABLED = "disabled", "Compte désactivé"
        ENABLED = "enabled", "Compte réactivé"
        CLOSED = "closed", "Compte supprimé par son titulaire"
        TOTP_REMOVED = "totp_removed", "Application d'authentification retirée"
        PASSKEY_ADDED = "passkey_added", "Appareil de connexion enregistré"
        PASSKEY_REMOVED = "passkey_removed", "Appareil de connexion retiré"
        OPERATOR_CREATED = "operator_created", "Compte d'exploitation créé"
        ENROLMENT_CODE = "enrolment_code", "Code du serveur émis pour une première double authentification"
        KEY_REVEALED = "key_revealed", "Clé affichée"
        BOOKS_DOWNLOADED = "books_downloaded", "Écritures comptables téléchargées"
        SESSION_ENDED = "session_ended", "Session fermée d'ailleurs"
        DEVICE_FORGOTTEN = "device_forgotten", "Appareil connu oublié"

    at = models.DateTimeField("date")
    action = models.CharField("événement", max_length=20, choices=Action)
    # Not foreign keys: a journal refers to nothing that could change it. None: no such account.
    account_id = models.BigIntegerField("compte", null=True)
    username = models.CharField("identifiant", max_length=150, blank=True)
    # Who did it, where it is known to be somebody else.
    by_id = models.BigIntegerField("auteur", null=True)
    by_username = models.CharField("par", max_length=150, blank=True)
    host = models.CharField("site", max_length=253, blank=True)
    address = models.GenericIPAddressField("adresse IP", null=True)
    summary = models.TextField("ce qui s'est passé")

    class Meta:
        verbose_name = "événement de compte"
        verbose_name_plural = "événements des comptes"
        indexes: ClassVar = [
            models.Index(name="account_event_at", fields=["-at"]),
            models.Index(name="account_event_of_account", fields=["account_id", "-at"]),
        ]

    def __str__(self) -> str:
        return self.summary


class AccountEventSeal(Seal):
    """A seal of the accounts' journal."""


#: The accounts' journal as `manage.py audit` and the sealing task read it.
SEALED_ACCOUNT_EVENTS = SealedJournal(
    entries=AccountEvent,
    seals=AccountEventSeal,
    columns=("at", "action", "account_id", "username", "by_id", "by_username", "host", "address", "summary"),
    kept_for=ACCOUNT_EVENTS_KEPT,
)


def lock_account(user_id: int) -> User:
    """Lock the account until the transaction ends, before any other lock, and return it.

    FOR NO KEY UPDATE: transactions that insert rows referring to the account do not wait, which could deadlock with
    the seats that they hold.
    """
    return User.objects.select_for_update(of=("self",), no_key=True).get(pk=user_id)
