"""The operator's view of classes: tokens of the application are made and revoked here; the rest is read.

Of pupils there are counts and nothing else: the site knows no name of theirs, and the operator has no use for a list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_variables
from unfold.admin import ModelAdmin
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from licensing.classes import tokens
from licensing.classes.models import ApplicationToken, Classroom, DeletionCertificate
from web import typography
from web.read_only import ReadOnly

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest
    from django.urls import URLPattern

    from accounts.models import User


class TokenForm(forms.Form):
    name = forms.CharField(
        label="À quoi il sert",
        max_length=80,
        widget=UnfoldAdminTextInputWidget,
        help_text="Par exemple « Application, production ». Un jeton par serveur : ils se révoquent un à un.",
    )


@admin.register(ApplicationToken)
class ApplicationTokenAdmin(ReadOnly, ModelAdmin):
    """What the application shows to be answered. A token is on the screen once, when it is made."""

    list_display = ("name", "hint", "created_at", "created_by", "last_used_at", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter),)
    list_select_related = ("created_by",)
    fields = list_display
    ordering = ("-pk",)
    actions_list: ClassVar = ["make"]
    actions: ClassVar = ["revoke"]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that makes a token before the model's own."""
        new = path("nouveau/", self.admin_site.admin_view(self.new), name="classes_applicationtoken_new")
        own: list[URLPattern] = super().get_urls()
        return [new, *own]

    def has_operate_permission(self, request: HttpRequest, obj: object = None) -> bool:
        """Let those make and revoke who may add tokens."""
        return request.user.has_perm("classes.add_applicationtoken")

    @action(description="Créer un jeton", url_path="make", permissions=["operate"])
    def make(self, request: HttpRequest) -> HttpResponse:
        """Lead to the form."""
        return HttpResponseRedirect(reverse("admin:classes_applicationtoken_new"))

    @method_decorator(sensitive_variables("made", "content"))
    def new(self, request: HttpRequest) -> HttpResponse:
        """Ask what it is for; then make it, and show it once, on a page that is kept nowhere."""
        form = TokenForm(request.POST or None)
        content = {**self.admin_site.each_context(request), "title": "Créer un jeton", "opts": self.opts, "form": form}
        if request.method == "POST" and form.is_valid():
            made = tokens.make(name=form.cleaned_data["name"], by=cast("User", request.user), at=timezone.now())
            self.log_addition(request, made.token, "Jeton créé.")
            content |= {"token": made.token, "secret": made.secret}
        answer = TemplateResponse(request, "classes/admin_token.html", content)
        answer["Cache-Control"] = "no-store"
        return answer

    @action(description="Révoquer…", permissions=["operate"])
    def revoke(self, request: HttpRequest, chosen: QuerySet[ApplicationToken]) -> HttpResponse | None:
        """Revoke the chosen tokens, once the operator has read what that means."""
        if "confirmed" not in request.POST:
            content = {
                **self.admin_site.each_context(request),
                "title": "Révoquer",
                "opts": self.opts,
                "chosen": chosen,
            }
            return TemplateResponse(request, "classes/admin_revoke.html", content)
        for token in chosen.filter(revoked_at__isnull=True):
            tokens.revoke(token_id=token.pk, at=timezone.now())
            self.log_change(request, token, "Jeton révoqué.")
        messages.success(request, "C'est fait : l'application qui montre ce jeton n'obtient plus de réponse.")
        return None


@admin.register(Classroom)
class ClassroomAdmin(ReadOnly, ModelAdmin):
    """Classes: whose they are, and how many pupils each counts."""

    list_display = ("code", "name", "school", "teacher", "pupils_count", "opened_at", "locked_at", "purged_at")
    list_filter = (("locked_at", admin.EmptyFieldListFilter), ("purged_at", admin.EmptyFieldListFilter))
    list_select_related = ("seat__holder", "seat__subscription__school")
    search_fields = (
        "code__istartswith",
        "seat__subscription__school__uai__istartswith",
        "seat__holder__email__istartswith",
        "seat__holder__username__istartswith",
    )
    search_help_text = "Le code d'une classe, un UAI, l'identifiant ou l'adresse de l'enseignant"
    fields = ("code", "name", "school", "teacher", "second_teacher", "second_let_in_by", "pupils_count", "opened_at",
              "locked_at", "warned_at", "purged_at")  # fmt: skip
    ordering = ("-pk",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Classroom]:
        """Return the classes with their counts, one query whatever the page's length."""
        classes: QuerySet[Classroom] = super().get_queryset(request)
        return classes.annotate(counted=Count("pupils"))

    @admin.display(description="comptes élèves", ordering="counted")
    def pupils_count(self, classroom: Classroom) -> str:
        """Return how many."""
        return typography.number(getattr(classroom, "counted", 0))

    @admin.display(description="enseignant")
    def teacher(self, classroom: Classroom) -> object:
        """Return who holds its licence."""
        return classroom.seat.holder

    @admin.display(description="établissement")
    def school(self, classroom: Classroom) -> object:
        """Return the school whose subscription it is."""
        return classroom.seat.subscription.school


@admin.register(DeletionCertificate)
class DeletionCertificateAdmin(ReadOnly, ModelAdmin):
    """That pupils were erased, when and how many."""

    list_display = ("number", "school", "classroom", "pupils", "licence_ended_on", "erased_at")
    list_select_related = ("school", "classroom")
    search_fields = ("number__iexact", "school__uai__istartswith", "classroom__code__istartswith")
    search_help_text = "Un numéro de certificat, un UAI, le code d'une classe"
    ordering = ("-pk",)
