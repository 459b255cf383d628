"""The office's page « Messages »: delivery status of e-mails, and resending."""

from decimal import Decimal
from typing import Any

import django_filters
import django_tables2 as tables
from django import forms
from django.contrib import messages as notices
from django.db.models import Q, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_GET, require_POST
from django_tables2 import RequestConfig

from accounts.reauthentication import confirmed_recently
from collectivities.access import OfficeHttpRequest, office
from collectivities.capabilities import Capability
from collectivities.operations.offices import write_anyway
from core.foreign_values import cut_search
from imports.models import SpreadsheetImport
from imports.queries import list_emails
from mailing import kinds
from mailing.models import Message, MessageState
from mailing.queries import count_by_state, kinds_in_use
from web.email_frame import EMAIL_CSP, FRAMING_CSP
from web.page_actions import RefusalsOn, page_action


class MessageTable(tables.Table):
    """One row per message, the latest first."""

    about = tables.Column(verbose_name="Message", empty_values=())
    recipient = tables.Column(verbose_name="Destinataire")
    created_at = tables.DateTimeColumn(verbose_name="Préparé le", format="j F Y, H:i", order_by=("pk",))
    state = tables.TemplateColumn(
        template_name="office/messages/_state.html", verbose_name="État", context_object_name="message", orderable=False
    )

    class Meta:
        model = Message
        fields = ("about", "recipient", "state", "created_at")
        order_by = ("-created_at",)
        empty_text = ""
        attrs = {"class": "table table-vcenter stacking"}

    caption = "Messages du bureau"

    def render_about(self, record: Message) -> SafeString:
        """Link to the message; its `id` keeps the focus when htmx refreshes the list."""
        return format_html(
            '<div><a id="message-{}" href="{}">{}</a><br><span class="text-secondary">{}</span></div>',
            record.pk,
            reverse("messages:detail", args=[record.pk]),
            record.about or f"Message n° {record.pk}",
            kinds.get_label(record.kind),
        )


_SELECT = forms.Select(attrs={"class": "form-select"})


class MessageFilter(django_filters.FilterSet):
    """Filter by state, by kind, and by words of the recipient's address or the message's topic."""

    texte = django_filters.CharFilter(
        label="Adresse ou établissement",
        method="by_text",
        widget=forms.TextInput(attrs={"type": "search", "class": "form-control"}),
    )
    etat = django_filters.ChoiceFilter(
        label="État", field_name="state", choices=MessageState.choices, empty_label="Tous les états", widget=_SELECT
    )
    type = django_filters.ChoiceFilter(
        label="Type de message", field_name="kind", choices=[], empty_label="Tous les types", widget=_SELECT
    )

    class Meta:
        model = Message
        fields: list[str] = []

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        """Limit the kinds to those in this office's outbox."""
        super().__init__(*args, **kwargs)
        self.filters["type"].extra["choices"] = kinds_in_use()

    def by_text(self, messages: QuerySet[Message], name: str, value: str) -> QuerySet[Message]:
        """Keep messages that contain every word, ignoring case and accents."""
        for word in cut_search(value).split():
            messages = messages.filter(Q(recipient__icontains=word) | Q(about__unaccent__icontains=word))
        return messages

    @classmethod
    def get_filters(cls) -> dict[str, django_filters.Filter]:
        """Return the filters, with that of the import: its name cannot be an attribute."""
        by_import = django_filters.NumberFilter(method="of_import", min_value=1, widget=forms.HiddenInput)
        return super().get_filters() | {"import": by_import}

    def of_import(self, messages: QuerySet[Message], name: str, value: Decimal) -> QuerySet[Message]:
        """Keep the e-mails about the allocations of one import; none for an unknown one."""
        found = SpreadsheetImport.objects.filter(pk=int(value)).first()
        return messages.filter(pk__in=list_emails(found).values("pk")) if found else messages.none()

    @property
    def is_of_import(self) -> bool:
        """Whether only the e-mails of one import are listed."""
        return self.form.is_valid() and self.form.cleaned_data["import"] is not None

    @property
    def narrows(self) -> bool:
        """Whether any filter is set, to explain an empty list."""
        cleaned: dict[str, Any] = self.form.cleaned_data if self.form.is_valid() else {}
        return any(cleaned.values())


PER_PAGE = 50


class MessageResendForm(forms.Form):
    """The address to which a message is resent."""

    recipient = forms.EmailField(
        label="Adresse e-mail",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


@office()
@require_GET
def message_list(request: OfficeHttpRequest) -> HttpResponse:
    """List the messages; for htmx, the list only, which is polled while messages are being sent."""
    filtered = MessageFilter(request.GET, queryset=Message.objects.all())
    table = MessageTable(filtered.qs)
    RequestConfig(request, paginate={"per_page": PER_PAGE}).configure(table)
    counts = count_by_state()
    context = {
        "filter": filtered,
        "table": table,
        "counts": [(state, count) for state, count in counts.items() if count or state in _ALWAYS_COUNTED],
        "total": sum(counts.values()),
        "is_leaving": Message.objects.leaving_at(timezone.now()).exists(),
        "now": timezone.now(),
    }
    return render(request, f"office/messages/{'_list' if request.htmx else 'list'}.html", context)


#: Displayed even when zero.
_ALWAYS_COUNTED = frozenset({MessageState.SENT, MessageState.FAILED})


@office()
@require_GET
@csp_override(FRAMING_CSP)
def message_detail(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show a message's status and its content with the key masked; for htmx, the status only."""
    message = get_object_or_404(Message, pk=pk)
    template = "office/messages/_progress.html" if request.htmx else "office/messages/detail.html"
    return render(request, template, _build_detail_context(request, message))


@office()
@require_GET
@xframe_options_sameorigin
@csp_override(EMAIL_CSP)
def message_preview(request: OfficeHttpRequest, pk: int) -> HttpResponse:  # noqa: ARG001 - every view's signature
    """Return the message's HTML with its key masked, for the preview frame."""
    rendered = _render_preview(get_object_or_404(Message, pk=pk))
    if rendered is None or not rendered.html:
        raise Http404("This message has nothing to show.")
    return HttpResponse(rendered.html)


@confirmed_recently()
@office(Capability.GIVE_LICENCES)
@require_POST
@never_cache
@csp_override(FRAMING_CSP)
@page_action("messages:detail", "pk")
def message_reveal(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Show the message with its key. The audit log records who did."""
    message = get_object_or_404(Message, pk=pk)
    reveal = _get_kind_or_404(message).reveal
    if reveal is None:
        raise Http404("This message holds no key.")
    rendered = reveal(message, by=request.user, at=timezone.now())
    context = {**_build_detail_context(request, message), "revealed": rendered}
    return render(request, "office/messages/detail.html", context)


@office(Capability.GIVE_LICENCES)
@require_POST
@csp_override(FRAMING_CSP)
def message_resend(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Resend the message, to a corrected address."""
    message = get_object_or_404(Message, pk=pk)
    resend = _get_kind_or_404(message).resend
    if resend is None:
        raise Http404("This message cannot be sent again from here.")
    form = MessageResendForm(request.POST)
    if form.is_valid():
        with RefusalsOn(form):
            new = resend(message, recipient=form.cleaned_data["recipient"], by=request.user, at=timezone.now())
            notices.success(request, f"Un nouveau message est en route vers {new.recipient}.")
            return redirect("messages:detail", pk=new.pk)
    return render(request, "office/messages/detail.html", _build_detail_context(request, message, form), status=422)


@office(Capability.GIVE_LICENCES)
@require_POST
def message_write_anyway(request: OfficeHttpRequest, pk: int) -> HttpResponse:
    """Send a message that is held as its address was refused."""
    message = get_object_or_404(Message, pk=pk)
    if write_anyway(message_ids=[pk], by=request.member.user, at=timezone.now()):
        notices.success(request, f"Le message part pour {message.recipient}.")
    else:
        notices.info(request, "Ce message n'attend plus votre décision.")
    return redirect("messages:detail", pk=pk)


def _get_kind_or_404(message: Message) -> kinds.EmailKind:
    try:
        return kinds.get(message.kind)
    except kinds.UnknownMessageKind:
        raise Http404("No app owns this message any more.") from None


def _render_preview(message: Message) -> kinds.RenderedEmail | None:
    """Return the message with its secrets masked; None where its kind has no preview or rendering fails."""
    try:
        preview = kinds.get(message.kind).preview
    except kinds.UnknownMessageKind:
        return None
    if preview is None:
        return None
    try:
        return preview(message)
    except (kinds.NoLongerDue, LookupError):
        return None


def _build_detail_context(
    request: OfficeHttpRequest, message: Message, form: MessageResendForm | None = None
) -> dict[str, Any]:
    may_act = request.member.may(Capability.GIVE_LICENCES)
    kind = kinds.get(message.kind) if kinds.is_known(message.kind) else None
    now = timezone.now()
    return {
        "message": message,
        "kind_label": kinds.get_label(message.kind),
        "now": now,
        "is_leaving": message.state == MessageState.SENDING
        or (message.state == MessageState.QUEUED and message.due_at <= now),
        "preview": _render_preview(message),
        "may_reveal": may_act and kind is not None and kind.reveal is not None,
        "resend_form": (form or MessageResendForm(initial={"recipient": message.recipient}))
        if may_act and kind is not None and kind.resend is not None
        else None,
        "may_write_anyway": may_act and message.awaits_hand,
        "back": reverse("messages:list"),
    }
