"""Form fields to choose a school of the directory or type one by hand, for sign-up and « Mon compte ».

Without JavaScript, « Rechercher » redisplays the form with the results; with it, the list is updated while typing.
"""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.contact_details import check_plain_name
from schools import queries
from schools.affiliations import TypedSchool
from schools.models import School, SchoolState
from web.access import public_page

#: Name of the button that searches without submitting.
SEARCH_BUTTON = "rechercher"
MAX_CANDIDATES = 12


def find_candidates(text: str, chosen: str = "") -> list[School]:
    """Return the schools that match `text`, preceded by the one already chosen."""
    found = (
        list(queries.search(text, by_level=True).exclude(state=SchoolState.CLOSED)[: MAX_CANDIDATES + 1])
        if text.strip()
        else []
    )
    if chosen and all(school.pk != chosen for school in found):
        found = [*School.objects.filter(pk=chosen), *found]
    return found


class SchoolSearch(forms.Form):
    """Search of a school, whose `uai` is chosen among the results."""

    school_query = forms.CharField(
        label="Rechercher votre établissement",
        required=False,
        max_length=200,
        help_text="Son nom, sa commune, son code postal ou son numéro UAI.",
    )
    uai = forms.CharField(required=False, max_length=8)

    school: School | None = None
    #: Error message where no school was chosen.
    not_chosen_message = "Choisissez l'établissement dans la liste : cherchez-le d'abord."

    def clean(self) -> dict[str, Any]:
        """Check that a school was chosen."""
        data = super().clean() or self.cleaned_data
        self.school = School.objects.filter(pk=data.get("uai") or "").first()
        if self.school is None:
            self.add_error("school_query", self.not_chosen_message)
        return data

    @property
    def schools(self) -> list[School]:
        """The schools to choose from, for the current values."""
        return find_candidates(self["school_query"].value() or "", self["uai"].value() or "")

    @property
    def searched(self) -> bool:
        """Whether a search was made, to explain an empty list."""
        return bool((self["school_query"].value() or "").strip())


class SchoolFields(SchoolSearch):
    """A school chosen in the directory, or typed in six fields (« Mon établissement n'est pas listé »)."""

    not_listed = forms.BooleanField(label="Mon établissement n'est pas listé", required=False)
    school_name = forms.CharField(
        label="Nom de l'établissement *", required=False, max_length=250, validators=[check_plain_name]
    )
    address = forms.CharField(label="Adresse *", required=False, max_length=250)
    address_extra = forms.CharField(label="Adresse suite", required=False, max_length=250)
    postal_code = forms.CharField(label="Code postal *", required=False, max_length=10)
    city = forms.CharField(label="Ville *", required=False, max_length=120, validators=[check_plain_name])
    country = forms.CharField(label="Pays *", required=False, max_length=60, initial="France")

    not_chosen_message = (
        "Choisissez votre établissement dans la liste, ou cochez « Mon établissement n'est pas listé »."
    )

    def clean(self) -> dict[str, Any]:
        """Check that a school was chosen, or that all required fields were typed."""
        data = self.cleaned_data
        if not data.get("not_listed"):
            return super().clean()
        for name in ("school_name", "address", "postal_code", "city", "country"):
            if not data.get(name) and name not in self.errors:
                self.add_error(name, "Ce champ est obligatoire.")
        return data

    @property
    def typed(self) -> TypedSchool | None:
        """The school typed by hand, of a valid form; None where one was chosen."""
        data = self.cleaned_data
        if not data["not_listed"]:
            return None
        names = ("school_name", "address", "address_extra", "postal_code", "city", "country")
        return TypedSchool(*(data[name] for name in names))


@public_page
def school_choices(request: HttpRequest) -> HttpResponse:
    """Return the results fragment (htmx): radio buttons of the matching schools."""
    text = request.GET.get("school_query", "")[:200]
    return render(
        request,
        "portal/_school_choices.html",
        {"schools": find_candidates(text), "chosen": request.GET.get("uai", ""), "searched": bool(text.strip())},
    )


def is_search(data: Mapping[str, object]) -> bool:
    """Return whether the form was posted by the search button."""
    return SEARCH_BUTTON in data
