"""Forms for uploading a spreadsheet, for its layout, and for confirming its application."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone

from core import formatting
from core.calendar import date_in_paris
from core.confirmation_guard import ConfirmationGuard
from imports import queries
from imports.enums import Purpose, Volume
from imports.exceptions import PoolMissing, PoolNotOpen, WrongVolume
from imports.operations.upload import check_pool, check_size, check_volume
from licensing.exceptions import LicensingError
from licensing.pools.models import Pool
from licensing.pools.wording import describe_pool
from web.generic_forms import ModelChoiceField

MAX_UNITS = 999_999
#: Offered by the browser's file chooser; the format is detected from the content, not from the name.
ACCEPTED_EXTENSIONS = ".xlsx,.xlsm,.xlsb,.xls,.ods,.fods,.csv,.tsv,.txt"


class ImportCancelForm(forms.Form):
    """What a member says to who asked for the application of an import that they cancel."""

    reason = forms.CharField(
        label="Pourquoi\xa0? (facultatif)",
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"}),
    )


class PoolChoiceField(ModelChoiceField[Pool]):
    """Pool choice labelled with its free licences."""

    def label_from_instance(self, obj: Any) -> str:
        """Return « Lot 2026 – 120 licences libres »."""
        pool: Pool = obj
        return describe_pool(pool.name, pool.free, pool.entitlement, date_in_paris(timezone.now()))


def build_units_field() -> forms.IntegerField:
    """Return the field for one number of licences for all schools."""
    return forms.IntegerField(
        label="Nombre de licences pour chaque école",
        required=False,
        min_value=1,
        max_value=MAX_UNITS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


def build_volume_field(first: str) -> forms.ChoiceField:
    """Return the field « how many licences »; `first`: label of the choice that leaves it to the file."""
    return forms.ChoiceField(
        label="Combien de licences pour chaque école\xa0?",
        required=False,
        choices=[
            ("", first),
            (Volume.CLASSES, "Une licence par classe, d'après le nombre de classes du tableau"),
            (Volume.PORTFOLIO, "Une licence par classe, d'après le nombre de classes connu de votre périmètre"),
            (Volume.ALL, "Le même nombre pour toutes les écoles"),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )


def clean_volume(form: forms.Form, data: dict[str, Any]) -> None:
    """Clear `units_for_all` unless the volume is ALL: its field is hidden; then say so if it is missing."""
    if data.get("volume") != Volume.ALL:
        data["units_for_all"] = None
        form.errors.pop("units_for_all", None)
    if "units_for_all" in form.errors:
        return
    try:
        check_volume(data.get("volume") or "", data.get("units_for_all"))
    except WrongVolume:
        form.add_error("units_for_all", "Indiquez combien de licences chaque école doit avoir.")


class SpreadsheetField(forms.FileField):
    """The file of an import, refused here if it is too large: its content is not loaded."""

    def __init__(self, **options: Any) -> None:
        messages = {"required": "Choisissez un fichier.", "empty": "Ce fichier est vide."}
        super().__init__(error_messages=messages, validators=[_validate_size], **options)


def _validate_size(file: UploadedFile[Any]) -> None:
    try:
        check_size(file.size or 0)
    except LicensingError as refusal:
        raise forms.ValidationError(refusal.sentence, code=refusal.code) from refusal


class CorrectedFileForm(forms.Form):
    """Form for uploading a corrected file: purpose and pool come from the import it corrects."""

    file = SpreadsheetField(label="Tableau corrigé")


class ImportUploadForm(forms.Form):
    """Upload form: purpose, pool, volume and file."""

    purpose = forms.ChoiceField(
        label="Que voulez-vous faire de ce tableau\xa0?",
        choices=[
            (Purpose.ALLOCATION, "Attribuer des licences aux écoles du tableau"),
            (Purpose.PORTFOLIO, "Mettre à jour votre liste d'écoles : leurs contacts, leur nombre de classes"),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        initial=Purpose.ALLOCATION,
        error_messages={"required": "Dites d'abord à quoi sert ce tableau."},
    )
    pool = PoolChoiceField(
        label="Dans quel lot prendre les licences\xa0?", queryset=Pool.objects.none(), empty_label=None, required=False
    )
    volume = build_volume_field("Le tableau le dit, dans une de ses colonnes")
    units_for_all = build_units_field()
    file = SpreadsheetField(
        label="Votre tableau", widget=forms.ClearableFileInput(attrs={"accept": ACCEPTED_EXTENSIONS})
    )

    def __init__(self, *args: Any, day: datetime.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.day = day
        pools = self.fields["pool"]
        assert isinstance(pools, PoolChoiceField)  # noqa: S101 - for the type checker
        pools.queryset = queries.list_open_pools(day)
        self.has_pools = pools.queryset.exists()
        if not self.has_pools:
            # Nothing to give: the page offers the other purpose only, and says why.
            self.initial["purpose"] = Purpose.PORTFOLIO

    def clean(self) -> dict[str, Any]:
        """Drop pool and volume for the portfolio, whose fields are hidden; check them for allocations."""
        data = super().clean() or self.cleaned_data
        if data.get("purpose") == Purpose.PORTFOLIO:
            for name in ("pool", "volume", "units_for_all"):
                self.errors.pop(name, None)
            return data | {"pool": None, "volume": "", "units_for_all": None}
        pool = data.get("pool")
        if "pool" not in self.errors:
            try:
                check_pool(pool.pk if pool else None, self.day)
            except (PoolMissing, PoolNotOpen):
                self.add_error(
                    "pool",
                    "Choisissez un lot."
                    if self.has_pools
                    else "Aucun lot n'a de licence libre : déposez d'abord ce tableau pour votre liste d'écoles.",
                )
        clean_volume(self, data)
        return data


class ImportConfirmForm(forms.Form):
    """Confirmation form: digest, send date of the e-mails, and the number the confirmation guard requires."""

    NOW, LATER = "now", "later"
    ALL, VALID = "", "1"

    digest = forms.CharField(widget=forms.HiddenInput)
    only_valid = forms.ChoiceField(
        label="Que faire des lignes en erreur\xa0?",
        required=False,
        choices=[
            (ALL, "Ne rien appliquer tant qu'il en reste"),
            (VALID, "Appliquer les lignes valables, laisser les autres"),
        ],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
    )
    when = forms.ChoiceField(
        label="Quand envoyer les e-mails\xa0?",
        choices=[(NOW, "Tout de suite"), (LATER, "À partir d'une date")],
        widget=forms.RadioSelect(attrs={"class": "form-check-input"}),
        initial=NOW,
    )
    send_on = forms.DateField(
        label="Date d'envoi",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Par exemple le jour de la rentrée\xa0: un e-mail de juillet se perd dans une école fermée.",
    )
    confirmed_count = forms.CharField(
        label="Tapez ce nombre pour confirmer",
        required=False,
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(
        self,
        *args: Any,
        today: datetime.date,
        last_day: datetime.date | None,
        confirmation_guard: ConfirmationGuard | None,
        errors: int,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.today, self.last_day, self.confirmation_guard = today, last_day, confirmation_guard
        if last_day is None:
            # A portfolio import sends no e-mail.
            del self.fields["when"], self.fields["send_on"]
        if confirmation_guard is None:
            del self.fields["confirmed_count"]
        if not errors:
            del self.fields["only_valid"]

    def clean_confirmed_count(self) -> int | None:
        """Return the number entered, ignoring spaces. Raises `ValidationError` unless it is the guard's."""
        if self.confirmation_guard is None:
            return None
        if fault := self.confirmation_guard.find_fault(self.cleaned_data["confirmed_count"], "ce tableau"):
            raise forms.ValidationError(fault)
        return self.confirmation_guard.number

    def clean(self) -> dict[str, Any]:
        """Require a future send date within the validity of the licences."""
        data = super().clean() or self.cleaned_data
        data["only_valid"] = data.get("only_valid") == self.VALID
        data.setdefault("confirmed_count", None)
        if self.last_day is None:
            return data | {"send_on": None}
        chosen = data.get("send_on")
        if data.get("when") == self.NOW:
            data["send_on"] = None
        elif "send_on" not in self.errors:
            if chosen is None:
                self.add_error("send_on", "Choisissez la date d'envoi.")
            elif chosen < self.today:
                self.add_error("send_on", "Cette date est passée.")
            elif chosen > self.last_day:
                self.add_error(
                    "send_on",
                    f"Les licences de ce lot ne sont valables que jusqu'au {formatting.long_date(self.last_day)}.",
                )
        return data
