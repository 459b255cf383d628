from collections.abc import Callable
from typing import Any

from allauth.account.mixins import NextRedirectMixin
from allauth.account.models import EmailConfirmationHMAC
from django import forms
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.generic import FormView, TemplateView

class SignupView(NextRedirectMixin, FormView[forms.Form]):
    def get_form_class(self) -> type[Any]: ...

class PasswordResetView(NextRedirectMixin, FormView[forms.Form]): ...

# Where the session keeps the token of a reset link that was opened.
INTERNAL_RESET_SESSION_KEY: str

class PasswordResetFromKeyView(NextRedirectMixin, FormView[forms.Form]):
    # What stands in the address in place of the token.
    reset_url_key: str

    def dispatch(self, request: HttpRequest, uidb36: str, key: str, **kwargs: Any) -> HttpResponseBase: ...

class LogoutView(NextRedirectMixin, TemplateView):
    def post(self, *args: Any, **kwargs: Any) -> HttpResponse: ...

class ConfirmEmailView(NextRedirectMixin, TemplateView):
    # None for an invalid link, which never gets as far as `respond`.
    object: EmailConfirmationHMAC

    def respond(self, success: bool) -> HttpResponse: ...

type _View = Callable[..., HttpResponseBase]

signup: _View
login: _View
password_change: _View
password_reset_done: _View
password_reset_from_key_done: _View
email_verification_sent: _View
account_inactive: _View
reauthenticate: _View
