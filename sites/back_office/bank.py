"""Back office of bank statements: the lines to look at with their proposals, one line by hand, all lines."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from django import forms
from django.contrib import admin, messages
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from unfold.decorators import action
from unfold.widgets import UnfoldAdminFileFieldWidget

from accounts.second_factor import get_operator
from core.exceptions import DomainError, Refusal
from core.formatting import add_nonbreaking_spaces, euros, join_words, long_date, number, pluralize, short_date
from licensing.books.bank import operations
from licensing.books.bank.books import (
    BookedOrder,
    OpenBooks,
    find_invoice_numbers,
    load_books,
    load_orders,
    search_orders,
)
from licensing.books.bank.matching import (
    Certainty,
    ChosenMatch,
    MatchProposal,
    PaymentShare,
    parse_key,
    propose_for_lines,
)
from licensing.books.bank.models import BankStatement, LinePayment, LineState, StatementLine
from licensing.books.bank.operations import UploadReport, list_releasable
from licensing.books.billing.queries import parse_amount
from licensing.orders.models import ZERO
from licensing.payments.models import Payment
from sites.back_office.forms import use_admin_widgets
from sites.back_office.model_admins import (
    FurtherSearchAdmin,
    Pages,
    PagesAdmin,
    ReadOnlyAdmin,
    column,
    format_sentences,
)
from web.page_actions import RefusalsOn


@dataclass(frozen=True)
class ShareView:
    """An order that a proposal pays."""

    label: str
    url: str
    amount: str
    #: « dont 51,00 € de trop-perçu », or empty.
    surplus: str = ""


@dataclass(frozen=True)
class ProposalView:
    """A proposal as a page shows it."""

    key: str
    reason: str
    shares: list[ShareView]


@dataclass
class LineView:
    """A line to look at, as a page shows it."""

    line: StatementLine
    certainty: Certainty
    proposals: list[ProposalView] = field(default_factory=list)
    #: Why it was not booked a moment ago.
    error: str = ""

    @property
    def is_ticked(self) -> bool:
        """Whether its only proposal is ticked beforehand."""
        return self.certainty == Certainty.SURE and not self.error

    @property
    def title(self) -> str:
        """Day, amount and label, which name the line among the others."""
        text = self.line.label or self.line.reference
        return f"{short_date(self.line.booked_on)} – {euros(self.line.open_amount)} – {text}"

    @property
    def further_text(self) -> str:
        """What else the bank says of it."""
        party = "" if self.line.party in self.line.details else self.line.party
        return " – ".join(filter(None, (party, self.line.details)))


def build_line_views(lines: Sequence[StatementLine], errors: Mapping[int, str]) -> list[LineView]:
    """Return the lines with their proposals, in their order. As many queries for one line as for hundreds."""
    books = load_books(lines)
    found = propose_for_lines(lines, books)
    payment_ids = {pk for proposals in found.values() for one in proposals for pk in _list_payment_ids(one)}
    payments = Payment.objects.select_related("order").in_bulk(payment_ids)
    return [
        LineView(
            line=line,
            certainty=found[line.pk][0].certainty if found[line.pk] else Certainty.NONE,
            proposals=[_build_proposal(one, books, payments) for one in found[line.pk]],
            error=errors.get(line.pk, ""),
        )
        for line in lines
    ]


def describe_order(order: BookedOrder) -> str:
    """Return an order's number, invoice and payer in one line."""
    return " – ".join(filter(None, (f"Commande n° {order.pk}", order.number, order.bill_name)))


def _list_payment_ids(proposal: MatchProposal) -> list[int]:
    return [*proposal.payment_ids, *([proposal.reversed_id] if proposal.reversed_id else [])]


def _build_proposal(proposal: MatchProposal, books: OpenBooks, payments: Mapping[int, Payment]) -> ProposalView:
    shares = [
        ShareView(
            label=describe_order(books.orders[share.order_id]),
            url=reverse("admin:orders_order_change", args=[share.order_id]),
            amount=euros(share.amount),
            surplus=f"dont {euros(share.surplus)} de trop-perçu" if share.surplus else "",
        )
        for share in proposal.shares
    ]
    shares += [
        ShareView(
            label=f"{payments[pk].order} – {payments[pk].order.bill_name}",
            url=reverse("admin:payments_payment_change", args=[pk]),
            amount=euros(payments[pk].amount),
        )
        for pk in _list_payment_ids(proposal)
    ]
    return ProposalView(proposal.key, add_nonbreaking_spaces(proposal.reason), shares)


@dataclass(frozen=True)
class BookedPaymentView:
    """A payment that a line is booked as, and what became of it."""

    label: str
    url: str
    #: French sentences: found, reversed, released.
    remarks: list[str]


def build_booked_views(line: StatementLine) -> list[BookedPaymentView]:
    """Return the payments of a line, those of which it was taken back included."""
    links = line.payments.select_related("payment", "order").prefetch_related("payment__taken_back").order_by("pk")
    views = []
    for link in links:
        payment = link.payment
        remarks = [] if link.was_recorded else ["Déjà inscrit à la main, retrouvé sur cette ligne."]
        remarks += [
            f"{back.get_kind_display()} le {long_date(back.received_on)} : {euros(-back.amount)}"
            + (f" ({back.get_reversal_reason_display().lower()})." if back.reversal_reason else ".")
            for back in payment.taken_back.all()
        ]
        if link.released_at is not None:
            remarks.append("La ligne en a été reprise, pour être enregistrée autrement.")
        views.append(
            BookedPaymentView(
                label=f"{euros(payment.amount)} – {link.order} – {link.order.bill_name}",
                url=reverse("admin:payments_payment_change", args=[payment.pk]),
                remarks=format_sentences(remarks),
            )
        )
    return views


class StatementUploadForm(forms.Form):
    """A file of the bank."""

    statement_file = forms.FileField(
        label="Fichier de la banque",
        help_text="Relevé CAMT.053 (XML) ou CFONB 120. Le même fichier deux fois n'ajoute rien.",
        error_messages={"required": "Choisissez d'abord le fichier.", "empty": "Ce fichier est vide."},
        widget=UnfoldAdminFileFieldWidget(attrs={"accept": ".xml,.txt,.cfonb,.dat,text/xml,text/plain"}),
    )


class SetAsideForm(forms.Form):
    """Why a line pays no order."""

    reason = forms.CharField(
        label="Motif",
        max_length=300,
        help_text="Par exemple : intérêts, apport, remboursement d'un fournisseur, autre vente.",
    )


#: Orders that are kept on the page: a deposit of cheques.
MAX_ORDERS = 100
#: What the page's buttons send as « faire ».
SEARCH, BOOK, SET_ASIDE, TAKE_BACK = "chercher", "enregistrer", "mettre-de-cote", "reprendre"


@dataclass
class OrderChoice:
    """An order that can be ticked, with the amount that it receives."""

    order: BookedOrder
    is_ticked: bool
    amount: str

    @property
    def label(self) -> str:
        return describe_order(self.order)


class LineChoicePages(PagesAdmin):
    """The page of one line, beside that of all."""

    pages: Pages = (("<int:pk>/choisir/", "choice_page", "bank_statementline_choice"),)

    def choice_page(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Show the line and what it may be; by POST, do what the button says."""
        line = get_object_or_404(StatementLine.objects.select_related("statement", "decided_by"), pk=pk)
        asked = request.POST.get("faire", "") if request.method == "POST" else ""
        aside = use_admin_widgets(SetAsideForm(request.POST if asked == SET_ASIDE else None))
        error = ""
        if asked in (BOOK, TAKE_BACK) or (asked == SET_ASIDE and aside.is_valid()):
            try:
                message = self._run(request, line, asked, aside)
            except DomainError as refusal:
                error = add_nonbreaking_spaces(refusal.sentence)
            else:
                messages.success(request, add_nonbreaking_spaces(message))
                if asked == TAKE_BACK:
                    return redirect("admin:bank_statementline_choice", pk)
                return redirect("admin:bank_statementline_reconciliation")
        line.refresh_from_db()
        is_waiting = line.state == LineState.WAITING
        [view] = build_line_views([line], {}) if is_waiting else [None]
        return self.render_page(
            request,
            "bank/line_choice.html",
            f"{line} : {euros(line.amount)}",
            status=422 if error or aside.errors else 200,
            line=line,
            view=view,
            is_waiting=is_waiting,
            choices=list(_list_choices(request, line)) if is_waiting and line.amount > 0 else [],
            query=request.POST.get("recherche", ""),
            rest_reason=request.POST.get("motif_du_reste", ""),
            error=error,
            aside=aside,
            booked=build_booked_views(line),
            decision=_describe_decision(line),
            can_be_taken_back=not is_waiting
            and (line.state == LineState.DEBIT or bool(line.set_aside_amount or list_releasable(line))),
            back=reverse("admin:bank_statementline_reconciliation"),
        )

    def _run(self, request: HttpRequest, line: StatementLine, asked: str, aside: SetAsideForm) -> str:
        by, at = get_operator(request), timezone.now()
        if asked == TAKE_BACK:
            operations.take_line_back(line_id=line.pk, by=by, at=at)
            return f"{line} : à voir de nouveau."
        if asked == SET_ASIDE:
            operations.set_line_aside(line_id=line.pk, reason=aside.cleaned_data["reason"], by=by, at=at)
            return f"{line} : mise de côté."
        rest_reason = request.POST.get("motif_du_reste", "")[:300]
        booked = operations.book_line(
            line_id=line.pk, chosen=_read_chosen(request), by=by, at=at, rest_reason=rest_reason
        )
        return f"{line} : {euros(booked.booked_amount)} enregistrés."


def _read_chosen(request: HttpRequest) -> ChosenMatch:
    """Return what was chosen: a proposal, or orders that were ticked. Raises `Refusal`."""
    if key := request.POST.get("choix", ""):
        chosen = parse_key(key)
        if chosen is None:
            raise Refusal("invalid_shares", "Ce choix n'est pas de ceux de la page : choisissez de nouveau.")
        return chosen
    shares = []
    for pk in _read_ids(request, "commande"):
        typed = request.POST.get(f"montant_{pk}", "")
        amount, due = parse_amount(typed), parse_amount(request.POST.get(f"reste_{pk}", ""))
        if amount is None or due is None:
            raise Refusal(
                "invalid_shares", f"Commande n° {pk} : « {typed[:30]} » n'est pas un montant. Écrivez « 199,00 »."
            )
        shares.append(PaymentShare(pk, amount, due))
    return ChosenMatch(tuple(shares))


def _list_choices(request: HttpRequest, line: StatementLine) -> Iterator[OrderChoice]:
    """Yield the orders to tick: those ticked so far, those of the search, those of the proposals.

    Those that the search names by their invoices' numbers are ticked.
    """
    ticked, kept = _read_ids(request, "commande"), _read_ids(request, "gardees")
    query = request.POST.get("recherche", "") if request.POST.get("faire") == SEARCH else ""
    found = search_orders(query) if query.strip() else []
    if find_invoice_numbers(query):
        ticked += [order.pk for order in found]
    proposals = propose_for_lines([line], load_books([line]))[line.pk]
    proposed = [share.order_id for one in proposals for share in one.shares]
    ids = list(dict.fromkeys([*ticked, *(order.pk for order in found), *kept, *proposed]))[:MAX_ORDERS]
    orders = {order.pk: order for order in load_orders(ids)}
    left = line.open_amount
    for pk in ids:
        if pk not in orders:
            continue
        proposed_amount = min(orders[pk].due or left, left) if left > 0 else Decimal(0)
        typed = request.POST.get(f"montant_{pk}", "")[:30] or f"{proposed_amount:.2f}".replace(".", ",")
        if pk in ticked:
            left -= parse_amount(typed) or Decimal(0)
        yield OrderChoice(orders[pk], pk in ticked, typed)


def _read_ids(request: HttpRequest, name: str) -> list[int]:
    return _parse_ids(request.POST.getlist(name)[:MAX_ORDERS])


def _parse_ids(texts: list[str]) -> list[int]:
    return [int(text) for text in texts if text.isascii() and text.isdecimal() and len(text) < len(str(2**63))]


def _describe_decision(line: StatementLine) -> str:
    """Return what was decided of the line, by whom and when; empty where nothing was."""
    if line.state == LineState.DEBIT:
        return "Ligne au débit : rien n'est à enregistrer. Si elle reprend un règlement, remettez-la à voir."
    if line.decided_at is None or line.state == LineState.WAITING:
        return ""
    parts = [f"{euros(line.booked_amount)} enregistrés"] if line.booked_amount else []
    if line.set_aside_amount:
        parts.append(f"{euros(line.set_aside_amount)} mis de côté ({line.reason})")
    return add_nonbreaking_spaces(
        f"{' ; '.join(parts)}, par {line.decided_by} le {long_date(timezone.localdate(line.decided_at))}."
    )


#: Lines of a page, which one button confirms.
PAGE_LINES = 100
#: Waiting lines for which proposals are computed: a month of 300 mandats, with their cheques. The oldest first.
MAX_CONSIDERED = 500
#: Seconds after which the lines that are left wait for another click: 100 lines take 14 on a machine at three times its
#: load, and a proxy gives a page up after 30 to 60.
BOOKING_SECONDS = 20.0
CERTAINTY_TITLES = {
    Certainty.SURE: ("Sûres", "Cochées d'avance : décochez celles que vous ne voulez pas enregistrer."),
    Certainty.PROBABLE: ("Probables", "Lisez la raison, puis cochez."),
    Certainty.TO_CHOOSE: ("À choisir", "Plusieurs réponses sont possibles, ou rien n'est certain."),
    Certainty.NONE: ("Sans proposition", "Ouvrez la ligne pour chercher sa commande, ou mettez-la de côté."),
}


@dataclass(frozen=True)
class CertaintyGroup:
    """The lines of one certainty on a page."""

    certainty: Certainty
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


class ReconciliationPages(PagesAdmin):
    """The page of what is to be looked at, above the list of all lines."""

    actions_list = ("open_reconciliation",)
    pages: Pages = (
        ("a-rapprocher/", "reconciliation_page", "bank_statementline_reconciliation"),
        ("deposer/", "upload_page", "bank_statementline_upload"),
    )

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
            with RefusalsOn(form, "statement_file"):
                report = operations.receive_file(
                    # One byte over the limit is enough to tell a file that is too large.
                    filename=file.name or "",
                    content=file.read(operations.MAX_FILE_BYTES + 1),
                    by=get_operator(request),
                    at=timezone.now(),
                )
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
        certainties = {view.certainty for view in shown}
        shown_ids = {view.line.pk for view in shown}
        return self.render_page(
            request,
            "bank/reconciliation.html",
            "Relevés bancaires : à rapprocher",
            status=422 if errors or form.errors else 200,
            form=form,
            upload_url=reverse("admin:bank_statementline_upload"),
            groups=[
                CertaintyGroup(certainty, [view for view in shown if view.certainty == certainty])
                for certainty in Certainty
                if certainty in certainties
            ],
            line_ids="-".join(str(view.line.pk) for view in shown),
            # Such as lines that somebody else has booked meanwhile.
            other_errors=[sentence for pk, sentence in errors.items() if pk not in shown_ids],
            has_choice=any(view.proposals for view in shown),
            next_start=start + PAGE_LINES if more > 0 else 0,
            more=more,
            unread=max(0, waiting.count() - len(considered)),
            last_statement=BankStatement.objects.order_by("-closing_on", "-pk").first(),
            all_lines=reverse("admin:bank_statementline_changelist"),
        )


def _read_start(request: HttpRequest) -> int:
    return min(next(iter(_parse_ids([request.GET.get("debut", "")])), 0), MAX_CONSIDERED)


def _book_chosen(request: HttpRequest) -> dict[int, str]:
    """Book each line of the page for which something is chosen; return the refusals by line."""
    listed = _parse_ids(request.POST.get("lignes", "").split("-")[:PAGE_LINES])
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
        except DomainError as refusal:
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


def _report_upload(request: HttpRequest, report: UploadReport) -> None:
    added = pluralize(report.stored, "ligne ajoutée", "lignes ajoutées")
    known = f" ; {number(report.known)} étaient déjà là" if report.known > 1 else " ; 1 était déjà là" * report.known
    messages.success(request, add_nonbreaking_spaces(f"{added}, dont {number(report.waiting)} à voir{known}."))
    for remark in report.remarks:
        messages.warning(request, add_nonbreaking_spaces(remark))


@admin.register(StatementLine)
class StatementLineAdmin(ReconciliationPages, LineChoicePages, ReadOnlyAdmin, FurtherSearchAdmin):
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

    def search_further(self, term: str) -> Q | None:
        """Search by amount as well, whichever way it went."""
        amount = parse_amount(term)
        return None if amount is None else Q(amount__in=[amount, -amount])

    def change_view(self, request: HttpRequest, object_id: str, *_args: object, **_named: object) -> HttpResponse:
        """Lead to the line's own page, which has all that there is to read and to do."""
        line = self.get_object(request, object_id)
        if line is None:
            return redirect("admin:bank_statementline_changelist")
        return redirect("admin:bank_statementline_choice", line.pk)

    money = column("montant", "amount", euros, ordering="amount")

    @admin.display(description="état", ordering="state")
    def decision(self, line: StatementLine) -> str:
        """Return the state, and whether a payment of the line was taken back since."""
        later = " ; règlement repris depuis" if vars(line)["is_taken_back"] else ""
        return format_html("{}{}", line.get_state_display(), later)
