"""Forms of classes. They clean and label the fields; operations enforce the rules."""

from typing import Any

from django import forms

from core.contact_details import check_plain_name
from licensing.classes.models import MAX_PUPILS, Classroom

_PLAIN_ATTRS = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class ClassNameForm(forms.Form):
    """The name of a class."""

    name = forms.CharField(
        label="Nom de la classe",
        max_length=Classroom._meta.get_field("name").max_length,  # noqa: SLF001 - Django's documented way to a field
        validators=[check_plain_name],
        help_text="Par exemple «\xa0CE1 B\xa0». Jamais le nom d’un enfant.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
        error_messages={"required": "Donnez un nom à la classe, par exemple « CE1 B »."},
    )


def _build_count_field(label: str, **options: Any) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=1,
        max_value=MAX_PUPILS,
        widget=forms.NumberInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
        error_messages={
            "required": "Indiquez combien de comptes il faut créer.",
            "invalid": "Indiquez un nombre entier, par exemple 24.",
            "min_value": "Indiquez au moins 1 compte.",
            "max_value": f"Une classe compte au plus {MAX_PUPILS} comptes élèves.",
        },
        **options,
    )


class OpenClassForm(ClassNameForm):
    """The name of a new class, and how many pupils' accounts to create at once, if any."""

    count = _build_count_field(
        "Nombre d’élèves",
        required=False,
        help_text="Leurs comptes sont créés aussitôt, et leurs cartes s’impriment. Cela peut aussi se faire plus tard.",
    )


class NewPupilsForm(forms.Form):
    """How many accounts to create."""

    count = _build_count_field("Nombre de comptes à créer")


class ColleagueForm(forms.Form):
    """The username of the teacher to share the class with."""

    username = forms.CharField(
        label="Identifiant de votre collègue",
        max_length=150,
        help_text="Celui avec lequel il ou elle se connecte à Pep’s. Demandez-le-lui.",
        widget=forms.TextInput(attrs=_PLAIN_ATTRS),
        error_messages={"required": "Saisissez l’identifiant de votre collègue."},
    )


class PupilSignInForm(forms.Form):
    """A pupil's credentials. The password is visible: beginning readers check it letter by letter."""

    login = forms.CharField(
        label="Mon identifiant",
        max_length=100,
        widget=forms.TextInput(attrs=_PLAIN_ATTRS | {"class": "pupil-field"}),
        error_messages={"required": "Écris ton identifiant. Il est sur ta carte."},
    )
    password = forms.CharField(
        label="Mon mot de passe",
        max_length=200,
        widget=forms.TextInput(attrs=_PLAIN_ATTRS | {"class": "pupil-field"}),
        error_messages={"required": "Écris ton mot de passe. Il est sur ta carte."},
    )
