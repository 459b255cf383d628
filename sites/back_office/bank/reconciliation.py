"""« À rapprocher »: upload a statement; look at 100 lines with their proposals, and confirm those chosen at once."""

from __future__ import annotations

import time
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.decorators import action

from accounts.second_factor import get_operator
from core.formatting import add_nonbreaking_spaces, euros, join_words, number, pluralize
from licensing.bank import matching, operations
from licensing.bank.matching import parse_key
from licensing.bank.models import BankStatement, LineState, StatementLine
from licensing.bank.operations import UploadReport
from licensing.exceptions import LicensingError
from licensing.orders.models import ZERO
from sites.back_office.bank.forms import StatementUploadForm
from sites.back_office.bank.line_views import LineView, build_line_views

#: Lines of a page, which one button confirms.
PAGE_LINES = 100
#: Waiting lines for which proposals are computed: a month of 300 mandats, with their cheques. The oldest first.
MAX_CONSIDERED = 500
#: Seconds after which the lines that are left wait for another click: 100 lines take 14 on a machine at three times its
#: load, and a proxy gives a page up after 30 to 60.
BOOKING_SECONDS = 20.0
CERTAINTY_TITLES = {
    matching.Certainty.SURE: ("Sûres", "Cochées d'avance : décochez celles que vous ne voulez pas enregistrer."),
    matching.Certainty.PROBABLE: ("Probables", "Lisez la raison, puis cochez."),
    matching.Certainty.TO_CHOOSE: ("À choisir", "Plusieurs réponses sont possibles, ou rien n'est certain."),
    matching.Certainty.NONE: ("Sans proposition", "Ouvrez la ligne pour chercher sa commande, ou mettez-la de côté."),
}


@dataclass(frozen=True)
class CertaintyGroup:
    """The lines of one certainty on a page."""

    certainty: matching.Certainty
    lines: list[LineView]

    @property
    def title(self) -> str:
        return CERTAINTY_TITLES[self.certainty][0]

    @property
    def hint(self) -> str:
        return CERTAINTY_TITLES[self.certainty][1]

    @property
    def total(self) -> str:
        """The sums of what came in and of what went out, in French."""
        amounts = [view.line.open_amount for view in self.lines]
        came_in = sum((one for one in amounts if one > 0), ZERO)
        went_out = -sum((one for one in amounts if one < 0), ZERO)
        sums = ([euros(came_in)] if came_in else []) + ([f"{euros(went_out)} au débit"] if went_out else [])
        return join_words(sums)


class ReconciliationPages(ModelAdmin):
    """The page of what is to be looked at, above the list of all lines."""

    actions_list = ("open_reconciliation",)

    def get_urls(self) -> list[URLPattern]:
        """Add the page and its upload before the model's own pages."""
        view = self.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()
        return [
            path("a-rapprocher/", view(self.reconciliation_page), name="bank_statementline_reconciliation"),
            path("deposer/", view(self.upload_page), name="bank_statementline_upload"),
            *urls,
        ]

    @action(description="À rapprocher", url_path="open-reconciliation")
    def open_reconciliation(self, request: HttpRequest) -> HttpResponse:
        """Redirect to the page of lines to look at."""
        return redirect("admin:bank_statementline_reconciliation")

    def reconciliation_page(self, request: HttpRequest) -> HttpResponse:
        """Show the lines by certainty; by POST, book what was chosen, each line on its own."""
        errors: dict[int, str] = {}
        if request.method == "POST":
            errors = _book_chosen(request)
            if not errors:
                return redirect("admin:bank_statementline_reconciliation")
        return self._render(request, StatementUploadForm(), errors=errors)

    def upload_page(self, request: HttpRequest) -> HttpResponse:
        """Store an uploaded file, and go to its lines; without one, go there as well."""
        if request.method != "POST":
            return redirect("admin:bank_statementline_reconciliation")
        form = StatementUploadForm(request.POST, request.FILES)
        if form.is_valid():
            file = form.cleaned_data["statement_file"]
            try:
                report = operations.receive_file(
                    # One byte over the limit is enough to tell a file that is too large.
                    filename=file.name or "",
                    content=file.read(operations.MAX_FILE_BYTES + 1),
                    by=get_operator(request),
                    at=timezone.now(),
                )
            except LicensingError as refusal:
                form.add_error("statement_file", add_nonbreaking_spaces(refusal.sentence))
            else:
                _report_upload(request, report)
                return redirect("admin:bank_statementline_reconciliation")
        return self._render(request, form)

    def _render(
        self, request: HttpRequest, form: StatementUploadForm, *, errors: dict[int, str] | None = None
    ) -> HttpResponse:
        errors = errors or {}
        waiting = StatementLine.objects.filter(state=LineState.WAITING).order_by("booked_on", "pk")
        considered = list(waiting[:MAX_CONSIDERED])
        views = build_line_views(considered, errors)
        # What was refused comes first; then the most certain, so that a page of sure lines is one click.
        views.sort(key=lambda view: (not view.error, view.certainty))
        start = _read_start(request)
        shown = views[start : start + PAGE_LINES]
        more = len(views) - start - len(shown)
        context = self.admin_site.each_context(request) | {
            "opts": self.opts,
            "title": "Relevés bancaires : à rapprocher",
            "form": form,
            "upload_url": reverse("admin:bank_statementline_upload"),
            "groups": [
                CertaintyGroup(certainty, lines)
                for certainty in matching.Certainty
                if (lines := [view for view in shown if view.certainty == certainty])
            ],
            "line_ids": "-".join(str(view.line.pk) for view in shown),
            # Such as lines that somebody else has booked meanwhile.
            "other_errors": [sentence for pk, sentence in errors.items() if pk not in {one.line.pk for one in shown}],
            "has_choice": any(view.proposals for view in shown),
            "next_start": start + PAGE_LINES if more > 0 else 0,
            "more": more,
            "unread": max(0, waiting.count() - len(considered)),
            "last_statement": BankStatement.objects.order_by("-closing_on", "-pk").first(),
            "all_lines": reverse("admin:bank_statementline_changelist"),
        }
        return render(
            request, "back_office/bank/reconciliation.html", context, status=422 if errors or form.errors else 200
        )


def _read_start(request: HttpRequest) -> int:
    text = request.GET.get("debut", "")
    return min(int(text), MAX_CONSIDERED) if text.isascii() and text.isdecimal() and len(text) < len("1000000") else 0


def _book_chosen(request: HttpRequest) -> dict[int, str]:
    """Book each line of the page for which something is chosen; return the refusals by line."""
    listed = [int(text) for text in request.POST.get("lignes", "").split("-")[:PAGE_LINES] if _is_id(text)]
    chosen_keys = {line_id: key for line_id in listed if (key := request.POST.get(f"choix_{line_id}", ""))}
    errors: dict[int, str] = {}
    booked: list[StatementLine] = []
    deadline = time.monotonic() + BOOKING_SECONDS
    for line_id, key in chosen_keys.items():
        if booked and time.monotonic() > deadline:
            break
        chosen = parse_key(key)
        if chosen is None:
            errors[line_id] = "Ce choix n'est pas de ceux de la page : choisissez de nouveau."
            continue
        try:
            line = operations.book_line(line_id=line_id, chosen=chosen, by=get_operator(request), at=timezone.now())
        except LicensingError as refusal:
            errors[line_id] = add_nonbreaking_spaces(refusal.sentence)
        else:
            booked.append(line)
    if booked:
        counted = pluralize(len(booked), "ligne enregistrée", "lignes enregistrées")
        total = euros(sum((line.booked_amount for line in booked), ZERO))
        messages.success(request, add_nonbreaking_spaces(f"{counted} : {total}."))
    if left := len(chosen_keys) - len(booked) - len(errors):
        counted = pluralize(left, "ligne choisie attend", "lignes choisies attendent")
        messages.warning(request, f"{counted} encore, faute de temps : enregistrez de nouveau.")
    if errors:
        counted = pluralize(len(errors), "ligne n'a", "lignes n'ont")
        messages.error(request, f"{counted} pas pu l'être ; la raison est auprès de chacune.")
    elif not booked:
        messages.info(request, "Rien n'était coché : rien n'a été enregistré.")
    return errors


def _is_id(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < len(str(2**63))


def _report_upload(request: HttpRequest, report: UploadReport) -> None:
    added = pluralize(report.stored, "ligne ajoutée", "lignes ajoutées")
    known = f" ; {number(report.known)} étaient déjà là" if report.known > 1 else " ; 1 était déjà là" * report.known
    messages.success(request, add_nonbreaking_spaces(f"{added}, dont {number(report.waiting)} à voir{known}."))
    for remark in report.remarks:
        messages.warning(request, add_nonbreaking_spaces(remark))
