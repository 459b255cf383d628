"""Back office of the school directory with its runs, and of affiliations; verifies principals."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from unfold.admin import ModelAdmin

from accounts.models import Profile
from accounts.second_factor import get_operator
from schools import affiliations
from schools.directory.models import DirectorySync
from schools.models import Affiliation, PrincipalEvent, School, Verification
from schools.queries import search
from sites.back_office.read_only import ReadOnlyAdminMixin


@admin.register(School)
class SchoolAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Schools of the directory, as of its last synchronisation."""

    list_display = ("uai", "name", "commune", "postal_code", "state", "email", "changed_at")
    list_filter = ("state", "sector")
    search_fields = ("name",)  # enables the search field; `get_search_results` does the search
    search_help_text = "Nom, commune, code postal, UAI, ou adresse e-mail entière"
    ordering = ("uai",)
    exclude = ("search_text", "name_folded", "commune_folded", "commune_key")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[School], search_term: str
    ) -> tuple[QuerySet[School], bool]:
        """Search by official e-mail address if the term has an « @ », otherwise with the site's school search."""
        if "@" in search_term:
            return queryset.filter(email__iexact=search_term.strip()), False
        return (search(search_term, among=queryset) if search_term.strip() else queryset), False


@admin.register(DirectorySync)
class DirectorySyncAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Synchronisations of the directory, with their file and row counts."""

    list_display = (
        "at", "outcome", "file_name", "full", "rows", "added", "changed", "closed", "reopened", "unchanged", "refused",
        "by",
    )  # fmt: skip
    list_filter = ("outcome", "full")
    list_select_related = ("by",)
    ordering = ("-at", "-pk")


@admin.register(Affiliation)
class AffiliationAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """Affiliations of users to schools. « À vérifier » lists principals awaiting verification."""

    list_display = ("user", "profile", "place", "since", "verified_at", "verified_by")
    list_filter = (("verified_at", admin.EmptyFieldListFilter), "user__profile", "verified_by")
    search_fields = (
        "school__uai__istartswith",
        "user__username__istartswith",
        "user__email__istartswith",
        "user__last_name__istartswith",
    )
    list_select_related = ("user", "school")
    ordering = ("-since", "-pk")
    actions = ("verify",)

    @admin.display(description="profil", ordering="user__profile")
    def profile(self, affiliation: Affiliation) -> str:
        """Return the person's profile."""
        return affiliation.user.get_profile_display()

    @admin.display(description="établissement")
    def place(self, affiliation: Affiliation) -> str:
        """Return the school, or its manually entered name."""
        return str(affiliation.school) if affiliation.school else f"{affiliation.name} (saisi à la main)"

    @admin.action(description="Vérifier la direction de l'établissement…", permissions=["view"])
    def verify(self, request: HttpRequest, chosen: QuerySet[Affiliation]) -> HttpResponse | None:
        """Ask for confirmation, then verify the principals and log each change."""
        waiting = chosen.filter(
            user__profile=Profile.PRINCIPAL, school__isnull=False, verified_at__isnull=True
        ).select_related("user", "school")
        if not waiting:
            self.message_user(request, "Aucun chef d'établissement à vérifier dans ce choix.", messages.WARNING)
            return None
        if "confirmed" not in request.POST:
            return TemplateResponse(
                request, "back_office/schools/verify.html", self._confirmation_context(request, waiting)
            )
        for affiliation in waiting:
            if affiliations.verify(
                affiliation=affiliation,
                means=Verification.OPERATOR,
                by=get_operator(request),
                at=timezone.now(),
            ):
                self.log_change(request, affiliation, "Direction de l'établissement vérifiée par l'exploitant.")
        self.message_user(request, f"Directions vérifiées : {len(waiting)}.", messages.SUCCESS)
        return None

    def _confirmation_context(self, request: HttpRequest, waiting: QuerySet[Affiliation]) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "title": "Vérifier la direction d'un établissement",
            "opts": self.opts,
            "waiting": waiting,
        }


@admin.register(PrincipalEvent)
class PrincipalEventAdmin(ReadOnlyAdminMixin, ModelAdmin):
    """History of each school's principals (claimed, verified, handed over, left), to settle competing claims."""

    list_display = ("at", "school", "kind", "user", "means", "by")
    list_filter = ("kind", "means")
    search_fields = ("school__uai__istartswith", "user__username__istartswith", "user__last_name__istartswith")
    search_help_text = "UAI de l'établissement, identifiant ou nom de la personne"
    list_select_related = ("school", "user", "by")
    ordering = ("-at", "-pk")
