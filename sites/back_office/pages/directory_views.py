"""The directory: its runs, what each changed, and the file that waits for the operator's agreement."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone

from accounts.second_factor import get_operator
from core.confirmation_guard import ConfirmationGuard
from schools.directory.models import ChangeVerdict, DirectoryChange, DirectorySync, HeldDirectoryFile
from schools.directory.updates import NothingHeld, accept_held_file
from schools.models import School

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
