"""What allauth asks of us: its letters go to the portal's outbox, its doors and limits are the house's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.adapter import DefaultAccountAdapter
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables
from django_tenants.utils import get_public_schema_name

from accounts import letters, throttling, usernames
from accounts.addresses import client_address
from accounts.correspondence import write
from accounts.limits import SIGN_IN_BY_ADDRESS, SIGN_IN_BY_NAME
from accounts.models import Profile

if TYPE_CHECKING:
    from allauth.account.models import EmailAddress, EmailConfirmationHMAC
    from django.http import HttpRequest

    from accounts.models import User


class AccountAdapter(DefaultAccountAdapter):
    """Allauth's hooks, as this house has them."""

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
        """Open on the portal; at an office's host people come by invitation."""
        return on_the_portal(request)

    def clean_username(self, username: str, shallow: bool = False) -> str:  # noqa: FBT001, FBT002 - allauth's signature
        """Check how an identifiant is written, never whether somebody has it: the page would tell."""
        if usernames.is_reserved(username):
            raise self.validation_error("username_blacklisted")
        cleaned: str = super().clean_username(username, shallow=True)
        return cleaned

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - allauth's signature
        """Keep what the sign-up form asks beyond allauth's own fields, under the first free identifiant."""
        user.profile = form.cleaned_data["profile"]
        user.phone = form.cleaned_data["phone"]
        saved: User = super().save_user(request, user, form, commit=False)
        # For the letter that is queued later in this request, which alone says it.
        request.another_username = not usernames.store(saved)  # type: ignore[attr-defined]
        return saved

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead principals and teachers to « Mon compte »."""
        user: User = request.user  # type: ignore[assignment]
        if on_the_portal(request) and user.profile in {Profile.PRINCIPAL, Profile.TEACHER}:
            return reverse("my_account")
        return reverse("home")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Lead back to where people work."""
        return self.get_login_redirect_url(request)

    def get_email_verification_redirect_url(self, email_address: EmailAddress) -> str:
        """Lead to the sign-in page once the address is confirmed, or on where one is signed in."""
        if self.request.user.is_authenticated:
            return self.get_login_redirect_url(self.request)
        return reverse("account_login")

    # --- Limits ---------------------------------------------------------------------------------------------------

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that our own proxies vouch for."""
        return client_address(request)

    @sensitive_variables("credentials")
    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Check a password, at most so many times for an identifiant and from an address."""
        subjects = [
            (SIGN_IN_BY_NAME, str(credentials.get("username", "")).casefold()),
            (SIGN_IN_BY_ADDRESS, throttling.network(client_address(request))),
        ]
        try:
            throttling.count(subjects, at=timezone.now())
        except throttling.Throttled as throttled:
            raise ValidationError(str(throttled), code="throttled") from None
        user: User | None = super().authenticate(request, **credentials)
        if user is not None:
            throttling.give_back(subjects)
        return user

    # --- Letters --------------------------------------------------------------------------------------------------

    def send_confirmation_mail(
        self,
        request: HttpRequest,
        emailconfirmation: EmailConfirmationHMAC,
        signup: bool,  # noqa: FBT001 - allauth's signature
    ) -> None:
        """Queue the letter that asks to confirm an address and says the identifiant, and whether it is another."""
        address = emailconfirmation.email_address
        another = int(getattr(request, "another_username", False))
        # The account's number, by which its letters are found when it is erased.
        self._queue(letters.CONFIRM, address.email, address=address.pk, user=address.user_id, another=another)

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Make a confirmed address the account's, with all that follows from it, or nothing of it."""
        with transaction.atomic():
            return bool(super().confirm_email(request, email_address))

    def send_notification_mail(
        self, template_prefix: str, user: User, context: dict[str, Any] | None = None, email: str | None = None
    ) -> None:
        """Queue the letter that says that a password or the address was changed.

        The others are written by what causes them.
        """
        notice = template_prefix.rpartition("/")[2]
        if notice == "email_changed":
            self._queue(letters.ADDRESS_CHANGED, email or user.email, user=user.pk)
        if notice in {"password_changed", "password_reset", "password_set"}:
            self._queue(letters.PASSWORD_CHANGED, email or user.email, user=user.pk)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Refuse to send inside a request: a letter that is not written above must be, not sent by another way."""
        raise NotImplementedError(f"{template_prefix} has no letter of ours.")

    def _queue(self, kind: str, recipient: str, **context: int) -> None:
        write(kind, recipient, host=self.request.get_host(), at=timezone.now(), **context)


def on_the_portal(request: HttpRequest) -> bool:
    """Whether the request came to the portal's host and not to an office's."""
    schema: str = request.tenant.schema_name  # type: ignore[attr-defined]
    return schema == str(get_public_schema_name())
