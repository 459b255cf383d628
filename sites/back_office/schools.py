"""Back office of the school directory with its runs, and of affiliations; verifies principals."""

from django.conf import settings
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.models import Profile
from accounts.second_factor import get_operator
from core.confirmation_guard import ConfirmationGuard
from schools import affiliations
from schools.directory.models import ChangeVerdict, DirectoryChange, DirectorySync, HeldDirectoryFile
from schools.directory.updates import NothingHeld, accept_held_file
from schools.models import Affiliation, PrincipalEvent, School, Verification
from schools.queries import search
from sites.back_office.model_admins import ReadOnlyAdmin, column

_RUNS, _SCHOOLS = 50, 200
_WHY = (
    "Un établissement fermé ne peut plus recevoir de licences ; il rouvre dès qu'un fichier le contient de nouveau."
    " Lisez la liste avant de donner votre accord."
)


def show_runs(request: HttpRequest) -> HttpResponse:
    """Show the runs, the latest first."""
    runs = Paginator(DirectorySync.objects.select_related("by").order_by("-pk"), _RUNS)
    context = {
        "page_obj": runs.get_page(request.GET.get("page")),
        "directory_url": settings.DIRECTORY_URL,
        "held": HeldDirectoryFile.objects.defer("content").select_related("sync").first(),
    }
    return render(request, "back_office/directory_runs.html", context)


def show_run(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a run and one of its lists of schools; by POST, agree to the file that it keeps."""
    sync = get_object_or_404(DirectorySync.objects.select_related("by"), pk=pk)
    held = HeldDirectoryFile.objects.defer("content").select_related("accepted_by").filter(sync=sync).first()
    guard = ConfirmationGuard(sync.closed, _WHY) if sync.closed else None
    fault = ""
    if request.method == "POST":
        if guard is not None and held is not None:
            fault = guard.find_fault(request.POST.get("confirmed_count", ""), "la liste")
        if not fault:
            _accept(request, pk)
            return redirect("admin:directory_run", pk)
    verdict = _read_verdict(request, sync)
    schools = Paginator(sync.changes.filter(verdict=verdict).order_by("uai"), _SCHOOLS)
    page = schools.get_page(request.GET.get("page"))
    context = {
        "sync": sync,
        "held": held,
        "is_nightly": bool(sync.url) and sync.url == settings.DIRECTORY_URL,
        "guard": guard,
        "fault": fault,
        "lists": [(one, getattr(sync, one.value)) for one in ChangeVerdict],
        "verdict": verdict,
        "page_obj": page,
        "schools": [(change, _name_fields(change)) for change in page],
    }
    return render(request, "back_office/directory_run.html", context, status=422 if fault else 200)


def _accept(request: HttpRequest, pk: int) -> None:
    try:
        accept_held_file(sync_id=pk, by=get_operator(request), at=timezone.now())
    except NothingHeld as refusal:
        messages.info(request, refusal.sentence)
    else:
        messages.success(request, "votre accord est donné : l'annuaire se met à jour, en une minute au plus.")


def _read_verdict(request: HttpRequest, sync: DirectorySync) -> ChangeVerdict:
    """Return the list that is asked for, else the first that has something."""
    asked = request.GET.get("liste", "")
    if asked in ChangeVerdict.values:
        return ChangeVerdict(asked)
    return next((one for one in ChangeVerdict if getattr(sync, one.value)), ChangeVerdict.CLOSED)


def _name_fields(change: DirectoryChange) -> str:
    """Return the fields that differ, as screens call them."""
    labels = {field.name: str(field.verbose_name) for field in School._meta.fields}  # noqa: SLF001 - documented
    return ", ".join(labels.get(name, name) for name in change.fields)


@admin.register(School)
class SchoolAdmin(ReadOnlyAdmin):
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
class DirectorySyncAdmin(ReadOnlyAdmin):
    """Synchronisations of the directory, with their file and row counts."""

    list_display = (
        "at", "outcome", "file_name", "full", "rows", "added", "changed", "closed", "reopened", "unchanged", "refused",
        "by",
    )  # fmt: skip
    list_filter = ("outcome", "full")
    list_select_related = ("by",)
    ordering = ("-at", "-pk")


@admin.register(Affiliation)
class AffiliationAdmin(ReadOnlyAdmin):
    """Affiliations of users to schools. « À vérifier » lists principals awaiting verification."""

    list_display = ("user", "profile", "place", "since", "verified_at", "verified_by")
    list_filter = (("verified_at", admin.EmptyFieldListFilter), "user__profile", "verified_by")
    search_fields = (
        "school__uai__istartswith", "user__username__istartswith", "user__email__istartswith",
        "user__last_name__istartswith",
    )  # fmt: skip
    list_select_related = ("user", "school")
    ordering = ("-since", "-pk")
    actions = ("verify",)

    profile = column("profil", lambda row: row.user.get_profile_display(), ordering="user__profile")
    place = column("établissement", lambda row: str(row.school) if row.school else f"{row.name} (saisi à la main)")

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
            title = "Vérifier la direction d'un établissement"
            return self.render_page(request, "schools/verify.html", title, waiting=waiting)
        for affiliation in waiting:
            means, by = Verification.OPERATOR, get_operator(request)
            if affiliations.verify(affiliation=affiliation, means=means, by=by, at=timezone.now()):
                self.log_change(request, affiliation, "Direction de l'établissement vérifiée par l'exploitant.")
        self.message_user(request, f"Directions vérifiées : {len(waiting)}.", messages.SUCCESS)
        return None


@admin.register(PrincipalEvent)
class PrincipalEventAdmin(ReadOnlyAdmin):
    """History of each school's principals (claimed, verified, handed over, left), to settle competing claims."""

    list_display = ("at", "school", "kind", "user", "means", "by")
    list_filter = ("kind", "means")
    search_fields = ("school__uai__istartswith", "user__username__istartswith", "user__last_name__istartswith")
    search_help_text = "UAI de l'établissement, identifiant ou nom de la personne"
    list_select_related = ("school", "user", "by")
    ordering = ("-at", "-pk")
