from typing import Any

from django import forms
from django.views.generic import FormView, TemplateView

class IndexView(TemplateView): ...

class AuthenticateView(TemplateView):
    # The stage of the sign-in, with the account that gave its password.
    stage: Any

class ReauthenticateView(FormView[forms.Form]): ...
