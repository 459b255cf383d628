from typing import Any

from django import forms
from django.http import HttpResponse
from django.views.generic import FormView

class ActivateTOTPView(FormView[forms.Form]):
    def form_valid(self, form: Any) -> HttpResponse: ...

class DeactivateTOTPView(FormView[forms.Form]):
    def form_valid(self, form: Any) -> HttpResponse: ...
