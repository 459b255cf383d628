"""Pages of sign-in, passwords, addresses, devices, second factors and passkeys."""

import datetime
from http import HTTPStatus
from typing import Any, cast

from allauth.account import views as allauth_views
from allauth.account.forms import UserTokenForm
from allauth.account.mixins import NextRedirectMixin
from allauth.account.models import EmailConfirmationHMAC
from allauth.mfa.base import views as base
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.totp.internal.auth import clear_totp_secret
from allauth.mfa.webauthn import views as webauthn
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods
from django.views.generic import FormView
from django_tenants.utils import get_public_schema_name

from accounts import attempt_delays, devices, known_origins, passwords, second_factor, throttling
from accounts.forms import PasswordResetRequestForm
from accounts.known_origins import get_client_ip
from accounts.mfa_forms import EnrolmentCodeForm
from accounts.models import User
from accounts.reauthentication import confirmed_recently
from accounts.requests import AuthenticatedRequest
from accounts.second_factor import FACTOR_TYPES, SecondFactorError, is_enabled
from accounts.throttling import RESET_BY_NETWORK
from core.connections import connection
from core.formatting import pluralize
from core.links import hash_token
from web.access import signed_in
from web.link_page import forget_link_token, get_link_token, keep_link_token, opens_link
from web.page_actions import page_action

#: For views that display or receive secrets.
sensitive_view = method_decorator([never_cache, sensitive_post_parameters("code", "credential")], name="dispatch")
#: For views that change the factors: a refusal is told on the page of all.
factor_view = method_decorator(page_action("mfa_index", errors=SecondFactorError), name="dispatch")  # type: ignore[arg-type]


def _get_user(request: HttpRequest) -> User:
    return cast("User", request.user)


class SecondFactorView(NextRedirectMixin, base.IndexView):
    """Show the factors of the account and what can be done; pages that require a factor lead here, with `next`."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to go on after a first factor."""
        content = super().get_context_data(**kwargs)
        return content | {
            "add_passkey_url": self.passthrough_next_url(reverse("mfa_add_webauthn")),
            "add_application_url": self.passthrough_next_url(reverse("mfa_activate_totp")),
            "passkeys": content["authenticators"].get(Authenticator.Type.WEBAUTHN, []),
        }


@sensitive_view
# Django's generic views take no parameter at run time.
class EnrolmentCodeView(NextRedirectMixin, FormView):  # type: ignore[type-arg]
    """Ask an operator for the code of the server before their first factor."""

    form_class = EnrolmentCodeForm
    template_name = "mfa/enrolment_code.html"

    def form_valid(self, form: EnrolmentCodeForm) -> HttpResponse:
        """Spend the code and lead on to what asked for it."""
        try:
            until = second_factor.redeem(
                user=_get_user(self.request),
                code=form.cleaned_data["code"],
                origin=known_origins.read_origin(self.request),
                at=timezone.now(),
            )
        except (attempt_delays.AttemptTooEarly, second_factor.EnrolmentCodeError) as refusal:
            cast("Any", self.request).retry_after = getattr(refusal, "retry_after", None)
            form.add_error("code", str(refusal))
            return self.form_invalid(form)
        second_factor.allow_session(self.request, until=until)
        return redirect(self.get_next_url() or reverse("mfa_index"))


@sensitive_view
class SignInCodeView(base.AuthenticateView):
    """Ask for the passkey or the code after the password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which factors the account has."""
        return super().get_context_data(**kwargs) | _describe_factors(self.stage.login.user)


@sensitive_view
class ConfirmCodeView(base.ReauthenticateView):
    """Ask for the code before a sensitive action, instead of the password."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which factors the account has."""
        return super().get_context_data(**kwargs) | _describe_factors(_get_user(self.request))


def _describe_factors(user: User) -> dict[str, bool]:
    types = second_factor.list_factor_types(user)
    return {
        "has_application": Authenticator.Type.TOTP in types,
        "has_passkeys": Authenticator.Type.WEBAUTHN in types,
    }


@sensitive_view
@factor_view
class EnableTotpView(NextRedirectMixin, totp.ActivateTOTPView):
    """Show the QR code, take the first code, then redirect to the recovery codes, keeping `next`."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the secret in groups of four, for typing by hand."""
        content = super().get_context_data(**kwargs)
        secret = content["form"].secret
        groups = (secret[start : start + 4] for start in range(0, len(secret), 4))
        return content | {
            "spaced_secret": " ".join(groups),
            "other_ways_url": self.passthrough_next_url(reverse("mfa_index")),
        }

    def form_valid(self, form: Any) -> HttpResponse:
        """Enable the application's codes. This session stays signed in; all others end."""
        user = _get_user(self.request)
        second_factor.enable(user=user, secret=form.secret, host=self.request.get_host(), at=timezone.now())
        second_factor.end_permission(self.request)
        clear_totp_secret(self.request)
        update_session_auth_hash(self.request, user)
        messages.success(
            self.request, "la double authentification est activée. Gardez maintenant vos codes de secours."
        )
        return redirect(self.passthrough_next_url(reverse("mfa_view_recovery_codes")))


@sensitive_view
class DisableTotpView(totp.DeactivateTOTPView):
    """Ask for confirmation, then remove the application."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether a passkey is left."""
        return super().get_context_data(**kwargs) | _describe_factors(_get_user(self.request))

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove the application. This session stays signed in; all others end."""
        user = _get_user(self.request)
        if second_factor.remove_application(user=user, host=self.request.get_host(), at=timezone.now()):
            update_session_auth_hash(self.request, user)
        messages.success(
            self.request,
            "l'application est retirée : la connexion demande l'un de vos appareils."
            if second_factor.is_enabled(user)
            else "la double authentification est désactivée : votre mot de passe suffit.",
        )
        return redirect("mfa_index")


@sensitive_view
class RecoveryCodesView(NextRedirectMixin, codes.ViewRecoveryCodesView):
    """Show the unused recovery codes."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the `next` URL."""
        return super().get_context_data(**kwargs) | {"continue_to": self.get_next_url()}


@sensitive_view
@factor_view
class RenewRecoveryCodesView(codes.GenerateRecoveryCodesView):
    """Replace the recovery codes."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Renew the recovery codes, then show them."""
        second_factor.renew_recovery_codes(
            user=_get_user(self.request), host=self.request.get_host(), at=timezone.now()
        )
        messages.success(self.request, "voici vos nouveaux codes de secours. Les anciens ne servent plus à rien.")
        return redirect("mfa_view_recovery_codes")


@sensitive_view
class RecoveryCodesFileView(codes.DownloadRecoveryCodesView):
    """Download the recovery codes as a text file."""

    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse:
        """Return the file with a French file name."""
        answer: HttpResponse = super().render_to_response(context, **kwargs)
        answer["Content-Disposition"] = 'attachment; filename="codes-de-secours-peps.txt"'
        return answer


@confirmed_recently(when=lambda request: request.method == "POST")
@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def show_devices(request: AuthenticatedRequest) -> HttpResponse:
    """Show the open sessions and the known devices of the account; end one, or all others."""
    now = timezone.now()
    if request.method == "POST":
        _end_what_was_chosen(request, now)
        return redirect("account_devices")
    origin = known_origins.read_origin(request)
    current_key = hash_token(request.session.session_key or "")
    sessions = [
        {"session": session, "is_current": session.key == current_key, "is_here": session.network == origin.network}
        for session in devices.list_sessions(request.user, at=now)
    ]
    known = [
        {"device": device, "is_current": devices.is_device_of(origin, device, request.user)}
        for device in devices.list_devices(request.user, at=now)
    ]
    others = [row for row in (*sessions, *known) if not row["is_current"]]
    return render(
        request, "accounts/devices.html", {"sessions": sessions, "devices": known, "has_others": bool(others)}
    )


def _end_what_was_chosen(request: AuthenticatedRequest, now: datetime.datetime) -> None:
    user = request.user
    if "autres" in request.POST:
        ended = devices.end_others(
            user=user,
            session_key=request.session.session_key or "",
            origin=known_origins.read_origin(request),
            at=now,
        )
        update_session_auth_hash(request, user)
        words = pluralize(ended, "autre session est fermée", "autres sessions sont fermées") if ended else ""
        messages.success(request, f"{words or 'aucune autre session n’était ouverte'}, les autres appareils oubliés.")
    elif key := request.POST.get("session"):
        if devices.end_session(user=user, key=key, at=now):
            messages.success(request, "la session est fermée : cet appareil devra se connecter à nouveau.")
        else:
            messages.info(request, "cette session était déjà fermée.")
    elif devices.forget_device(user=user, device_id=request.POST.get("appareil", ""), at=now):
        messages.success(request, "l’appareil est oublié.")
    else:
        messages.info(request, "cet appareil était déjà oublié.")


class PasswordResetRequestView(allauth_views.PasswordResetView):
    """Take an address and always give the same response: a worker looks the accounts up."""

    def get_form_class(self) -> type[PasswordResetRequestForm]:
        """Return a form that makes no database query."""
        return PasswordResetRequestForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Queue the password reset, rate-limited by network."""
        now = timezone.now()
        try:
            throttling.count_attempts([(RESET_BY_NETWORK, throttling.get_network(get_client_ip(self.request)))], at=now)
        except throttling.RateLimitExceeded as throttled:
            form.add_error(None, str(throttled))
            response: HttpResponse = self.render_to_response(self.get_context_data(form=form), status=429)
            return response
        passwords.request_reset(email=form.cleaned_data["email"], host=self.request.get_host(), at=now)
        return redirect("account_reset_password_done")


@opens_link
@sensitive_variables("token", "key")
def open_reset_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    uidb36, _, key = token.partition("-")
    if not UserTokenForm(data={"uidb36": uidb36, "key": key}).is_valid():
        return render(request, "account/password_reset_from_key.html", {"token_fail": True}, status=HTTPStatus.GONE)
    keep_link_token(request, _name_reset(uidb36), key)
    return redirect("account_reset_password_from_key", uidb36=uidb36, key=NewPasswordView.reset_url_key)


def _name_reset(uidb36: str) -> str:
    return f"reset-{uidb36}"


class NewPasswordView(allauth_views.PasswordResetFromKeyView):
    """The page of a reset link. Allauth keeps its token in the session in clear; here it is sealed between requests."""

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase:
        """Respond as allauth does."""
        name = _name_reset(uidb36)
        if key == self.reset_url_key:
            request.session[allauth_views.INTERNAL_RESET_SESSION_KEY] = get_link_token(request, name) or ""
        response = super().dispatch(request, uidb36, key, **kwargs)
        # Also where allauth signed another account out meanwhile: it keeps the token in the new session.
        token = request.session.pop(allauth_views.INTERNAL_RESET_SESSION_KEY, "")
        if request.method == "POST" and response.status_code == HTTPStatus.FOUND:
            forget_link_token(request, name)
        elif token:
            keep_link_token(request, name, token)
        return response


class SignOutView(allauth_views.LogoutView):
    """Ends the session, and has the browser clear what pages of an office stored in it.

    Not what the portal's stored: the first names that a teacher keeps on their device stay there, encrypted under a key
    that only a signed-in teacher of the class is given (docs/decisions/0044).

    Not « cookies », which a browser clears for the whole registered domain: for the other offices, and for whatever
    else the operator serves there. The session's own cookie is deleted by name. Not « cache »: no page of a session is
    cached.
    """

    def post(self, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out, then redirect."""
        response: HttpResponse = super().post(*args, **kwargs)
        if connection.schema_name != get_public_schema_name():
            response["Clear-Site-Data"] = '"storage"'
        return response


@opens_link
@sensitive_variables("token")
def open_confirmation_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the token in the session and redirect to the page without it."""
    if EmailConfirmationHMAC.from_key(token) is None:
        return render(request, "account/email_confirm.html", status=HTTPStatus.GONE)
    keep_link_token(request, ConfirmAddressView.link_name, token)
    return redirect("account_confirm_email", key=ConfirmAddressView.kept)


class ConfirmAddressView(allauth_views.ConfirmEmailView):
    """The page of a confirmation link; its message repeats the username to users about to sign in."""

    #: In place of the key in the page's path: the one that is kept in the session.
    kept = "cette-adresse"
    link_name = "confirmation"

    def dispatch(self, request: HttpRequest, key: str, **kwargs: Any) -> HttpResponseBase:
        """Respond as allauth does, with the key of the session; leave the path of an old link at once."""
        if key != self.kept:
            return open_confirmation_link(request, key)
        self.kwargs["key"] = token = get_link_token(request, self.link_name) or ""
        if not token:
            return render(request, "account/email_confirm.html", status=HTTPStatus.GONE)
        response = super().dispatch(request, key=token, **kwargs)
        if request.method == "POST":
            forget_link_token(request, self.link_name)
        else:
            # Also where allauth signed another account out, with its session.
            keep_link_token(request, self.link_name, token)
        return response

    def respond(self, success: bool) -> HttpResponse:  # noqa: FBT001 - allauth's signature
        """Add a success message, then redirect."""
        if success:
            address = self.object.email_address
            if self.request.user.is_authenticated:
                messages.success(self.request, f"{address.email} est désormais l'adresse de votre compte.")
            else:
                messages.success(
                    self.request,
                    f"votre adresse est confirmée. Connectez-vous avec l'identifiant « {address.user.username} ».",
                )
        response: HttpResponse = super().respond(success)
        return response


@sensitive_view
@factor_view
class AddPasskeyView(NextRedirectMixin, webauthn.AddWebAuthnView):
    """Have the browser make a passkey, then show the recovery codes where it is the first factor, keeping `next`."""

    template_name = "mfa/webauthn/add_form.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where to choose another way."""
        return super().get_context_data(**kwargs) | {"other_ways_url": self.passthrough_next_url(reverse("mfa_index"))}

    def form_valid(self, form: Any) -> HttpResponse:
        """Add the passkey. This session stays signed in; all others end."""
        user = _get_user(self.request)
        is_first = not is_enabled(user)
        second_factor.add(
            user=user,
            name=form.cleaned_data["name"],
            credential=form.cleaned_data["credential"],
            host=self.request.get_host(),
            at=timezone.now(),
        )
        second_factor.end_permission(self.request)
        update_session_auth_hash(self.request, user)
        if is_first:
            messages.success(
                self.request, "la double authentification est activée. Gardez maintenant vos codes de secours."
            )
            return redirect(self.passthrough_next_url(reverse("mfa_view_recovery_codes")))
        messages.success(self.request, "l'appareil est enregistré.")
        return redirect(self.get_next_url() or reverse("mfa_index"))

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the form again, with a new challenge."""
        return self.render_to_response(self.get_context_data(form=form), status=422)


@sensitive_view
@factor_view
class RenamePasskeyView(webauthn.EditWebAuthnView):
    """Change the name of a passkey of one's own."""

    template_name = "mfa/webauthn/edit_form.html"

    def form_valid(self, form: Any) -> HttpResponse:
        """Rename it."""
        name = form.cleaned_data["name"]
        second_factor.rename(user=_get_user(self.request), passkey_id=self.object.pk, name=name)
        messages.success(self.request, "le nom de l'appareil est changé.")
        return redirect("mfa_index")


@sensitive_view
@factor_view
class RemovePasskeyView(webauthn.RemoveWebAuthnView):
    """Ask for confirmation, then remove a passkey of one's own."""

    template_name = "mfa/webauthn/authenticator_confirm_delete.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether the account has no other second factor."""
        factors = Authenticator.objects.filter(user_id=_get_user(self.request).pk, type__in=FACTOR_TYPES)
        return super().get_context_data(**kwargs) | {"is_last": not factors.exclude(pk=self.object.pk).exists()}

    def form_valid(self, form: Any) -> HttpResponse:
        """Remove it. This session stays signed in; all others end."""
        user = _get_user(self.request)
        second_factor.remove(user=user, passkey_id=self.object.pk, host=self.request.get_host(), at=timezone.now())
        update_session_auth_hash(self.request, user)
        messages.success(
            self.request, "l'appareil est retiré. Supprimez aussi, dans ses réglages, la « clé d'accès » de Pep's."
        )
        return redirect("mfa_index")


@sensitive_view
class PasskeyAloneView(webauthn.LoginWebAuthnView):
    """Sign in by passkey alone: GET gives the challenge to the script of the sign-in page, POST takes the answer."""

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say so at the sign-in page, keeping `next`."""
        for message in form.errors.get("credential", []):
            messages.error(self.request, message)
        return redirect_to_login(self.request.POST.get("next", ""), reverse("account_login"))


@sensitive_view
class ConfirmPasskeyView(webauthn.ReauthenticateWebAuthnView):
    """Ask for a passkey before a sensitive action."""

    template_name = "mfa/webauthn/reauthenticate.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show the page again, with a new challenge."""
        return self.render_to_response(self.get_context_data(form=form), status=422)
