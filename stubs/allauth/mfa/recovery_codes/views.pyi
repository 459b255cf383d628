from typing import Any

from django import forms
from django.http import HttpResponse
from django.views.generic import FormView, TemplateView

class GenerateRecoveryCodesView(FormView[forms.Form]):
    def form_valid(self, form: Any) -> HttpResponse: ...

class ViewRecoveryCodesView(TemplateView): ...

class DownloadRecoveryCodesView(TemplateView):
    def render_to_response(self, context: dict[str, Any], **kwargs: Any) -> HttpResponse: ...
