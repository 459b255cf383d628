"""The page of components: each part that pages are made of, once, as it is written in a template.

The browser tests walk it: what is wrong with a part is seen here before it is on forty pages.
"""

from __future__ import annotations

from pathlib import Path

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.utils import get_app_template_dirs

from web.access import public_page


class SampleForm(forms.Form):
    """A form with one field of each kind, wrong on purpose."""

    nom = forms.CharField(label="Nom", help_text="Celui que vos collègues connaissent.")
    profil = forms.ChoiceField(label="Profil", choices=[("", "Choisir"), ("direction", "Direction d’école")])
    message = forms.CharField(label="Message", widget=forms.Textarea({"rows": 3}))
    accord = forms.BooleanField(label="J’accepte les conditions générales de vente")


def list_drawings() -> list[str]:
    """Return the names of the drawings that the templates of all apps hold, animals left out."""
    folders = [Path(folder) / "web" / "drawings" for folder in get_app_template_dirs("templates")]
    return sorted(file.stem for folder in folders for file in folder.glob("*.svg"))


@public_page
def components(request: HttpRequest) -> HttpResponse:
    """Show every component, with its messages and a form whose errors are summed up."""
    messages.success(request, "La licence est donnée à Léa Martin.")
    form = SampleForm({"nom": "Camille"})
    form.full_clean()
    return render(request, "demo/components.html", {"form": form, "drawings": list_drawings()})
