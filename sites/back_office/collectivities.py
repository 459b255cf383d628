"""Back office of collectivities and office requests. Each action runs one operation."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action

from accounts.reauthentication import ask_for_confirmation
from accounts.second_factor import get_operator
from collectivities import office_visits
from collectivities.operations.offices import accept_request, decline_request, open_office
from core.contact_details import check_plain_name
from core.exceptions import DomainError
from sites.back_office.forms import use_admin_widgets
from sites.back_office.model_admins import ReadOnlyAdmin, column
from tenants import provisioning
from tenants.models import Collectivity, CollectivityKind, OfficeRequest
from tenants.provisioning import OpeningRefused
from web.page_actions import RefusalsOn

_DEFAULT_HELP = "D'après le nom s'il est laissé vide."


class OfficeNamesForm(forms.Form):
    """Optional names of an office, derived from the collectivity's name if empty."""

    slug = forms.CharField(label="Adresse du bureau", required=False, help_text=_DEFAULT_HELP)
    key_prefix = forms.CharField(label="Préfixe des clés", required=False, help_text=_DEFAULT_HELP)


class OfficeOpeningForm(OfficeNamesForm):
    """A collectivity whose office the operator opens."""

    name = forms.CharField(label="Nom", validators=[check_plain_name])
    kind = forms.ChoiceField(label="Nature", choices=CollectivityKind)
    siren = forms.CharField(label="SIREN")
    manager_email = forms.CharField(label="Adresse e-mail du premier gestionnaire", widget=forms.EmailInput)
    field_order = ("name", "kind", "siren", "manager_email", "slug", "key_prefix")


class DeclineForm(forms.Form):
    reason = forms.CharField(label="Motif", widget=forms.Textarea, help_text="Il est envoyé tel quel au demandeur.")


class OfficeVisitForm(forms.Form):
    reason = forms.CharField(
        label="Motif",
        max_length=office_visits.MAX_REASON_LENGTH,
        widget=forms.TextInput(attrs={"class": "form-control"}),
        help_text="Il figure dans le journal de la collectivité, avec votre nom, et en haut de chaque page.",
    )


class OperationAdmin(ReadOnlyAdmin):
    """Rows that operations write, each behind a form or a confirmation page."""

    # There are hundreds of rows, not millions.
    show_full_result_count = True

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow the operator to view, although change permission is refused."""
        return bool(self.admin_site.has_permission(request))

    def form_page(
        self, request: HttpRequest, title: str, form: forms.Form, submit_label: str, explanation: list[str]
    ) -> HttpResponse:
        """Render a form with what it does."""
        return self.render_page(
            request,
            "collectivities/confirm.html",
            title,
            form=use_admin_widgets(form),
            submit_label=submit_label,
            explanation=explanation,
        )


@admin.register(Collectivity)
class CollectivityAdmin(OperationAdmin):
    list_display = ("name", "kind", "siren", "slug", "key_prefix", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "siren", "slug", "key_prefix")
    ordering = ("name",)
    fields = ("name", "kind", "siren", "office", "key_prefix", "database_schema", "created_at")
    actions_detail = ("visit",)

    office = column("bureau", lambda row: format_html('<a href="{0}">{0}</a>', row.office_url()))
    database_schema = column("schéma de la base de données", "schema_name")

    @action(description="Ouvrir le bureau en lecture seule", url_path="visiter")
    def visit(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask for the reason and a confirmation; by POST, show the link that opens a visit of the office."""
        collectivity = get_object_or_404(Collectivity, pk=object_id)
        form = OfficeVisitForm(request.POST or None)
        url = ""
        if request.method == "POST" and form.is_valid():
            cancel_url = reverse("admin:client_collectivity", args=[collectivity.pk])
            template = "back_office/confirm_and_send.html"
            if (page := ask_for_confirmation(request, template=template, cancel_url=cancel_url)) is not None:
                return page
            reason = form.cleaned_data["reason"]
            with RefusalsOn(form):
                url = office_visits.issue_link(
                    collectivity=collectivity,
                    by=get_operator(request),
                    session_key=request.session.session_key or "",
                    reason=reason,
                    at=timezone.now(),
                )
                self.log_change(request, collectivity, f"Bureau ouvert en lecture seule : {reason}")
        context = {
            "collectivity": collectivity,
            "form": form,
            "visit_url": url,
            "explanation": [
                "Vous verrez pendant 30 minutes les pages d'un gestionnaire : ni acte, ni clé, ni fichier.",
                "La collectivité le voit dans son journal : qui, quand et pourquoi.",
            ],
        }
        response = render(request, "back_office/office_visit.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Allow: `add_view` opens an office."""
        return True

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Open an office with the same operation as the command."""
        form = OfficeOpeningForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            with RefusalsOn(form, errors=OpeningRefused):
                collectivity = open_office(**form.cleaned_data, by=get_operator(request), at=timezone.now())
                invited = form.cleaned_data["manager_email"]
                messages.success(request, f"Bureau ouvert : {collectivity.office_url()} ; {invited} y est invité.")
                return redirect("admin:tenants_collectivity_changelist")
        explanation = ["Le bureau est ouvert aussitôt, et son premier gestionnaire y est invité par e-mail."]
        return self.form_page(request, "Ouvrir le bureau d'une collectivité", form, "Ouvrir le bureau", explanation)


@admin.register(OfficeRequest)
class OfficeRequestAdmin(OperationAdmin):
    list_display = ("name", "kind", "siren", "applicant", "email", "created_at", "state")
    list_filter = ("state", "kind")
    search_fields = ("name", "siren", "applicant", "email")
    ordering = ("-created_at",)
    actions_detail = ("accept", "decline")

    @action(description="Accepter", url_path="accepter")
    def accept(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Explain the effect of accepting; by POST, open the office."""
        office_request = get_object_or_404(OfficeRequest, pk=object_id)
        form = OfficeNamesForm(request.POST or None, initial=self._proposed_names(office_request))
        kind = office_request.get_kind_display()
        explanation = [
            f"Le bureau « {office_request.name} » ({kind}, SIREN {office_request.siren}) est ouvert aussitôt.",
            f"{office_request.applicant} y est invité comme gestionnaire, par un e-mail à {office_request.email}.",
        ]
        if request.method == "POST" and form.is_valid():
            with RefusalsOn(form, errors=(OpeningRefused, DomainError)):
                collectivity = accept_request(
                    request_id=office_request.pk, **form.cleaned_data, by=get_operator(request), at=timezone.now()
                )
                messages.success(
                    request, f"Bureau ouvert : {collectivity.office_url()} ; {office_request.email} y est invité."
                )
                return redirect("admin:tenants_officerequest_changelist")
        title = f"Accepter la demande de {office_request.name}"
        return self.form_page(request, title, form, "Ouvrir le bureau", explanation)

    @action(description="Refuser", url_path="refuser")
    def decline(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask for the reason; by POST, decline the request."""
        office_request = get_object_or_404(OfficeRequest, pk=object_id)
        form = DeclineForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            with RefusalsOn(form):
                decline_request(
                    request_id=office_request.pk, **form.cleaned_data, by=get_operator(request), at=timezone.now()
                )
                messages.success(request, f"Demande refusée ; {office_request.email} reçoit le motif.")
                return redirect("admin:tenants_officerequest_changelist")
        explanation = [f"La demande est close, et le motif part à {office_request.applicant} ({office_request.email})."]
        return self.form_page(request, f"Refuser la demande de {office_request.name}", form, "Refuser", explanation)

    def _proposed_names(self, office_request: OfficeRequest) -> dict[str, str]:
        """Return the slug and key prefix derived from the name; empty if none can be derived."""
        try:
            planned = provisioning.plan(name=office_request.name, kind=office_request.kind, siren=office_request.siren)
        except OpeningRefused:
            return {}
        return {"slug": planned.slug, "key_prefix": planned.key_prefix}
