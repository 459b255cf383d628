"""Allauth's adapters, of accounts and of second factors."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress, EmailConfirmationHMAC
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name

from accounts import account_journal, attempt_delays, emails, second_factor, usernames
from accounts.emails import is_confirmation_allowed, queue_email
from accounts.known_origins import get_client_ip as client_address
from accounts.models import AccountEvent, Profile, User
from core.contact_details import MAX_LENGTH
from core.formatting import add_nonbreaking_spaces
from web.frame import get_pending_page


class MfaAdapter(DefaultMFAAdapter):
    """Override allauth's MFA hooks."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": (
            "Ce code n'est pas le bon, ou il a déjà servi : saisissez celui que l'application affiche à présent."
        ),
        "incorrect_passkey": (
            "Cet appareil n'a pas été reconnu. Recommencez ; s'il n'est pas de ce compte, prenez-en un autre."
        ),
    }

    def get_totp_label(self, user: User) -> str:
        """Return the username: several accounts may share an e-mail address."""
        return user.username

    def generate_authenticator_name(self, user: User, type: str) -> str:  # noqa: A002 - allauth's signature
        """Return the name that the form of a new passkey proposes."""
        number = Authenticator.objects.filter(user_id=user.pk, type=type).count() + 1
        return "Mon appareil" if number == 1 else f"Mon appareil n° {number}"

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        """Return the relying party: the portal's domain, of which every office's host is a subdomain."""
        return {"id": settings.BASE_DOMAIN, "name": "Pep's"}

    def get_public_key_credential_user_entity(self, user: User) -> dict[str, Any]:
        """Return what the user's device shows of the account; the id is what allauth finds the account by."""
        return {"id": user_pk_to_url_str(user).encode(), "name": user.username, "display_name": str(user)}

    def encrypt(self, text: str) -> str:
        """Seal a secret before it is stored."""
        return second_factor.seal(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Unseal a stored secret. Raises `UnsealError`."""
        return second_factor.unseal(encrypted_text)


class AccountAdapter(DefaultAccountAdapter):
    """Override allauth's hooks."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "username_password_mismatch": "L'identifiant ou le mot de passe n'est pas le bon.",
        "username_blacklisted": "Cet identifiant ne peut pas être choisi : prenez-en un autre.",
        "enter_current_password": "Ce n'est pas votre mot de passe actuel.",
        "incorrect_password": "Ce n'est pas votre mot de passe.",
        "too_many_login_attempts": "Trop d'essais : patientez quelques minutes, puis réessayez.",
        "rate_limited": "Trop d'essais : patientez quelques minutes, puis réessayez.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Return True on the portal only; an office's members join by invitation."""
        return is_portal(request)

    def is_safe_url(self, url: str) -> bool:
        """Return whether a `next` URL stays on this host and scheme: another office is another site."""
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={self.request.get_host()}, require_https=self.request.is_secure()
        )

    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002 - allauth's signature
        """Validate the username's format but not its uniqueness, which would reveal existing accounts."""
        if usernames.is_reserved(username):
            raise self.validation_error("username_blacklisted")
        if len(username) > MAX_LENGTH:
            raise ValidationError(f"{MAX_LENGTH} caractères au plus : ici, {len(username)}. Abrégez.")
        if username.lower().startswith("www."):
            raise self.validation_error("username_blacklisted")
        cleaned: str = super().clean_username(username, shallow=True)
        return cleaned

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - allauth's signature
        """Save the sign-up form's additional fields, under the first free username."""
        user.profile = form.cleaned_data["profile"]
        user.phone = form.cleaned_data["phone"]
        saved: User = super().save_user(request, user, form, commit=False)
        # Read by `send_confirmation_mail` later in this request: only the e-mail reveals it.
        request.another_username = not usernames.save_with_free_username(saved)  # type: ignore[attr-defined]
        return saved

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Return the page that waits for the visitor, else « Mon compte », or the home page for others than schools."""
        if is_portal(request) and (pending := get_pending_page(request)) is not None:
            return pending.path
        profile = getattr(request.user, "profile", None)
        if is_portal(request) and profile in {Profile.PRINCIPAL, Profile.TEACHER}:
            return reverse("my_account")
        return reverse("home")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Return the same page as after signing in."""
        return self.get_login_redirect_url(request)

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Return the sign-in page, or the usual landing page of users who are signed in."""
        if self.request.user.is_authenticated:
            return self.get_login_redirect_url(self.request)
        return reverse("account_login")

    # --- Rate limits ----------------------------------------------------------------------------------------------

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the client's IP address as our trusted proxies report it."""
        return client_address(request)

    @sensitive_variables("credentials")
    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password. Raises `ValidationError` where the account, the device or the network has to wait."""
        typed = str(credentials.get("username", ""))
        account = account_journal.find_account(credentials)
        if account is not None:
            # By its address, perhaps: the password is checked under the username.
            credentials = {**credentials, "username": account.username}
        try:
            attempt = attempt_delays.begin_password(request, typed, account)
        except attempt_delays.AttemptTooEarly as refusal:
            request.retry_after = refusal.retry_after  # type: ignore[attr-defined]
            advice = "Mot de passe perdu ? « Mot de passe oublié » vous en fait choisir un autre par e-mail."
            raise ValidationError(add_nonbreaking_spaces(f"{refusal} {advice}"), code="too_early") from None
        # Read by `_record_attempt`.
        request.refused_attempts = attempt.describe_refused()  # type: ignore[attr-defined]
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            attempt.take_back()
        return user

    @sensitive_variables("credentials")
    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write the refused password in the accounts' journal: whether or not the account exists, in as long."""
        user = account_journal.find_account(credentials)
        _record_attempt(AccountEvent.Action.PASSWORD_REFUSED, request, user)

    def post_login(self, request: HttpRequest, user: User, **options: Any) -> HttpResponse:
        """Write the sign-in in the accounts' journal, remember where it came from, then go on as allauth does."""
        _record_attempt(AccountEvent.Action.SIGNED_IN, request, user)
        attempt_delays.remember(request, user)
        response: HttpResponse = super().post_login(request, user, **options)
        return response

    # --- E-mails --------------------------------------------------------------------------------------------------

    def send_confirmation_mail(
        self,
        request: HttpRequest,
        emailconfirmation: EmailConfirmationHMAC,
        signup: bool,  # noqa: FBT001 - allauth's signature
    ) -> None:
        """Queue the e-mail that asks to confirm an address; it gives the username and whether it was changed.

        Beyond the hourly limit of a mailbox nothing is sent, and nothing is reported.
        """
        address = emailconfirmation.email_address
        if not is_confirmation_allowed(address.email, at=timezone.now()):
            return
        another = int(getattr(request, "another_username", False))
        pending = get_pending_page(request)
        # `user`: finds the account's e-mails when it is erased.
        self._queue(
            emails.CONFIRM,
            address.email,
            address=address.pk,
            user=address.user_id,
            another=another,
            pending=pending.sentence if pending is not None else "",
        )

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Set the confirmed address on the account, in one transaction."""
        with transaction.atomic():
            return bool(super().confirm_email(request, email_address))

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Write in the accounts' journal that a password or the address was changed, and queue the notification.

        Other notifications are queued by the operations that cause them.
        """
        notice = template_prefix.rpartition("/")[2]
        now = timezone.now()
        if notice == "email_changed":
            account_journal.record_event(AccountEvent.Action.ADDRESS_CHANGED, user=user, at=now)
            self._queue(emails.ADDRESS_CHANGED, email or user.email, user=user.pk)
        if notice in {"password_changed", "password_reset", "password_set"}:
            account_journal.record_event(AccountEvent.Action.PASSWORD_CHANGED, user=user, at=now)
            self._queue(emails.PASSWORD_CHANGED, email or user.email, user=user.pk)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Raise `NotImplementedError`: nothing is sent inside a request; every e-mail needs a kind of its own."""
        raise NotImplementedError(f"{template_prefix} has no e-mail of ours.")

    def _queue(self, kind: str, recipient: str, **context: int | str) -> None:
        queue_email(kind, recipient, host=self.request.get_host(), at=timezone.now(), **context)


def _record_attempt(action: AccountEvent.Action, request: HttpRequest, user: User | None) -> None:
    details = getattr(request, "refused_attempts", "")
    account_journal.record_event(action, user=user, at=timezone.now(), details=details)


def is_portal(request: HttpRequest) -> bool:
    """Return whether the request was made to the portal's host, not an office's."""
    schema: str = request.tenant.schema_name  # type: ignore[attr-defined]
    return schema == str(get_public_schema_name())
