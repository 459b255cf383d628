"""All lines of the bank statements: a list to search, above which stands what is to be looked at."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html

from core import formatting
from licensing.bank.models import LinePayment, StatementLine
from licensing.billing.queries import parse_amount
from sites.back_office.bank.line_choice import LineChoicePages
from sites.back_office.bank.reconciliation import ReconciliationPages
from sites.back_office.read_only import ReadOnlyAdminMixin


@admin.register(StatementLine)
class StatementLineAdmin(ReadOnlyAdminMixin, ReconciliationPages, LineChoicePages):
    """Lines as the bank said them, with what was decided of each."""

    list_display = ("booked_on", "money", "label", "party", "decision", "statement")
    list_filter = ("state", "method", "booked_on")
    list_select_related = ("statement",)
    search_fields = ("label", "party", "details", "reference")
    search_help_text = "Libellé, donneur d'ordre, référence, ou montant (1 234,50)"
    ordering = ("-booked_on", "-pk")

    def get_queryset(self, request: HttpRequest) -> QuerySet[StatementLine]:
        """Return the lines, and whether a payment of each was taken back since."""
        taken_back = LinePayment.objects.filter(
            line=OuterRef("pk"), released_at__isnull=True, payment__taken_back__isnull=False
        )
        lines: QuerySet[StatementLine] = super().get_queryset(request)
        return lines.annotate(is_taken_back=Exists(taken_back))

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[StatementLine], search_term: str
    ) -> tuple[QuerySet[StatementLine], bool]:
        """Search by the fields above, or by amount, whichever way it went."""
        found: tuple[QuerySet[StatementLine], bool] = super().get_search_results(request, queryset, search_term)
        amount = parse_amount(search_term)
        if amount is None:
            return found
        meant = Q(pk__in=found[0].order_by().values("pk")) | Q(amount__in=[amount, -amount])
        return queryset.filter(meant), False

    def change_view(self, request: HttpRequest, object_id: str, *_args: object, **_named: object) -> HttpResponse:
        """Lead to the line's own page, which has all that there is to read and to do."""
        line = self.get_object(request, object_id)
        if line is None:
            return redirect("admin:bank_statementline_changelist")
        return redirect("admin:bank_statementline_choice", line.pk)

    @admin.display(description="montant", ordering="amount")
    def money(self, line: StatementLine) -> str:
        """Return the amount; a debit is negative."""
        return formatting.euros(line.amount)

    @admin.display(description="état", ordering="state")
    def decision(self, line: StatementLine) -> str:
        """Return the state, and whether a payment of the line was taken back since."""
        later = " ; règlement repris depuis" if vars(line)["is_taken_back"] else ""
        return format_html("{}{}", line.get_state_display(), later)
