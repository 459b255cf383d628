"""Collectivities and requests for an office, as the operator handles them. Each action is one operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.html import format_html
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminEmailInputWidget, UnfoldAdminSelectWidget, UnfoldAdminTextareaWidget
from unfold.widgets import UnfoldAdminTextInputWidget as TextInput

from collectivities import operations
from collectivities.exceptions import Refused
from tenants import provisioning
from tenants.addresses import office_url
from tenants.exceptions import OpeningRefused
from tenants.models import Collectivity, Kind, OfficeRequest

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

    from accounts.models import User

_BY_DEFAULT = "D'après le nom s'il est laissé vide."


class NamingForm(forms.Form):
    """What the operator may choose about an office, and need not."""

    slug = forms.CharField(label="Adresse du bureau", required=False, widget=TextInput(), help_text=_BY_DEFAULT)
    key_prefix = forms.CharField(label="Préfixe des clés", required=False, widget=TextInput(), help_text=_BY_DEFAULT)


class OpeningForm(NamingForm):
    """A collectivity whose office is to be opened."""

    name = forms.CharField(label="Nom", widget=TextInput())
    kind = forms.ChoiceField(label="Nature", choices=Kind, widget=UnfoldAdminSelectWidget())
    siren = forms.CharField(label="SIREN", widget=TextInput())
    manager_email = forms.CharField(
        label="Adresse e-mail du premier gestionnaire", widget=UnfoldAdminEmailInputWidget()
    )
    field_order = ("name", "kind", "siren", "manager_email", "slug", "key_prefix")


class DeclineForm(forms.Form):
    reason = forms.CharField(
        label="Motif", widget=UnfoldAdminTextareaWidget(), help_text="Il est envoyé tel quel au demandeur."
    )


class ReadOnly(ModelAdmin):
    """Rows that operations write: shown, and never edited or deleted here."""

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Refuse."""
        return False

    def page(self, request: HttpRequest, title: str, **context: Any) -> HttpResponse:
        """Show a page with a form or a question, within the admin's frame."""
        frame = self.admin_site.each_context(request) | {"opts": self.model._meta, "title": title}  # noqa: SLF001 - documented
        return render(request, "collectivities/admin/ask.html", frame | context)


@admin.register(Collectivity)
class CollectivityAdmin(ReadOnly):
    list_display = ("name", "kind", "siren", "slug", "key_prefix", "created_at")
    list_filter = ("kind",)
    search_fields = ("name", "siren", "slug", "key_prefix")
    ordering = ("name",)
    fields = ("name", "kind", "siren", "office", "key_prefix", "schema_name", "created_at")

    @admin.display(description="bureau")
    def office(self, collectivity: Collectivity) -> str:
        """Link to the office."""
        return format_html('<a href="{0}">{0}</a>', office_url(collectivity))

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let the operator see, as reading is all that is left."""
        return bool(self.admin_site.has_permission(request))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Open an office, as the command does."""
        form = OpeningForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                collectivity = operations.open_office(**form.cleaned_data, by=_operator(request), at=timezone.now())
            except OpeningRefused as refusal:
                _show(refusal, form)
            else:
                invited = form.cleaned_data["manager_email"]
                messages.success(request, f"Bureau ouvert : {office_url(collectivity)} ; {invited} y est invité.")
                return redirect("admin:tenants_collectivity_changelist")
        return self.page(
            request,
            "Ouvrir le bureau d'une collectivité",
            form=form,
            says=["Le bureau est ouvert aussitôt, et son premier gestionnaire y est invité par e-mail."],
            verb="Ouvrir le bureau",
        )


@admin.register(OfficeRequest)
class OfficeRequestAdmin(ReadOnly):
    list_display = ("name", "kind", "siren", "applicant", "email", "created_at", "state")
    list_filter = ("state", "kind")
    search_fields = ("name", "siren", "applicant", "email")
    ordering = ("-created_at",)
    actions_detail = ("accept", "decline")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse: requests come from the portal."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let the operator see, as reading is all that is left."""
        return bool(self.admin_site.has_permission(request))

    @action(description="Accepter", url_path="accepter")
    def accept(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Say what accepting means, then open the office."""
        asked = get_object_or_404(OfficeRequest, pk=object_id)
        form = NamingForm(request.POST or None, initial=self._proposal(asked))
        says = [
            f"Le bureau de {asked.name} ({asked.get_kind_display()}, SIREN {asked.siren}) est ouvert aussitôt.",
            f"{asked.applicant} y est invité comme gestionnaire, par un e-mail à {asked.email}.",
        ]
        if request.method == "POST" and form.is_valid():
            try:
                collectivity = operations.accept_request(
                    request_id=asked.pk, **form.cleaned_data, by=_operator(request), at=timezone.now()
                )
            except OpeningRefused as refusal:
                _show(refusal, form)
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"Bureau ouvert : {office_url(collectivity)} ; {asked.email} y est invité.")
                return redirect("admin:tenants_officerequest_changelist")
        return self.page(request, f"Accepter la demande de {asked.name}", form=form, says=says, verb="Ouvrir le bureau")

    @action(description="Refuser", url_path="refuser")
    def decline(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask for the reason, then decline."""
        asked = get_object_or_404(OfficeRequest, pk=object_id)
        form = DeclineForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            try:
                operations.decline_request(
                    request_id=asked.pk, **form.cleaned_data, by=_operator(request), at=timezone.now()
                )
            except Refused as refusal:
                form.add_error(None, str(refusal))
            else:
                messages.success(request, f"Demande refusée ; {asked.email} reçoit le motif.")
                return redirect("admin:tenants_officerequest_changelist")
        says = [f"La demande est close, et le motif part à {asked.applicant} ({asked.email})."]
        return self.page(request, f"Refuser la demande de {asked.name}", form=form, says=says, verb="Refuser")

    def _proposal(self, asked: OfficeRequest) -> dict[str, str]:
        """Return the address and the prefix that would follow from the name."""
        try:
            planned = provisioning.plan(name=asked.name, kind=asked.kind, siren=asked.siren)
        except OpeningRefused:
            return {}
        return {"slug": planned.slug, "key_prefix": planned.key_prefix}


def _operator(request: HttpRequest) -> User:
    """Return who is signed in: the site lets nobody else in."""
    return cast("User", request.user)


def _show(refusal: OpeningRefused, form: forms.Form) -> None:
    """Put each problem beside its field."""
    for field, sentence in refusal.problems.items():
        form.add_error(field if field in form.fields else None, sentence)
