"""What a member is asked about a spreadsheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from imports import queries
from imports.columns import letters
from imports.meanings import LABELS, Meaning
from imports.readers import limits
from licensing.pools.models import Pool
from web import typography

if TYPE_CHECKING:
    import datetime

    from django.core.files.uploadedfile import UploadedFile

    from imports.models import Import

MOST_UNITS = 999_999


class PoolChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A lot, with what is left in it."""

    def label_from_instance(self, obj: Any) -> str:
        """Return « Lot 2026 – 120 licences libres »."""
        return f"{obj.name} – {typography.plural(obj.free, 'licence libre', 'licences libres')}"


def units_field(label: str, help_text: str) -> forms.IntegerField:
    """Return the field for one number of licences for all schools."""
    return forms.IntegerField(
        label=label,
        help_text=help_text,
        required=False,
        min_value=1,
        max_value=MOST_UNITS,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )


class UploadForm(forms.Form):
    """The file, the lot it draws from, and one number for all where it has no column of numbers."""

    pool = PoolChoice(label="Lot", queryset=Pool.objects.none(), empty_label=None)
    file = forms.FileField(
        label="Tableau des écoles",
        help_text="Classeur .xlsx, .xls ou .ods, ou fichier .csv, avec une ligne par école ; 20 Mo et 100 000 lignes "
        "au plus.",
        widget=forms.ClearableFileInput(attrs={"accept": ".xlsx,.xlsm,.xls,.ods,.csv,.tsv,.txt"}),
        error_messages={"required": "Choisissez un fichier.", "empty": "Ce fichier est vide."},
    )
    units_for_all = units_field(
        "Un même nombre de licences pour toutes les écoles",
        "Facultatif : laissez vide si une colonne du tableau donne le nombre.",
    )

    def __init__(self, *args: Any, day: datetime.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        pools = self.fields["pool"]
        assert isinstance(pools, PoolChoice)  # noqa: S101 - for the type checker
        pools.queryset = queries.open_pools(day)

    def clean_file(self) -> UploadedFile[Any]:
        """Refuse a file that is too big before it is stored."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > limits.MAX_BYTES:
            raise forms.ValidationError(
                "Ce fichier dépasse 20 Mo. Gardez les colonnes utiles, ou partagez-le en deux.", code="too_big"
            )
        return file


class LayoutForm(forms.Form):
    """Where the table is and which column means what, filled in with what was found."""

    def __init__(self, *args: Any, table: Import, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.layout = table.layout
        sheets = self.layout.get("sheets", [])
        if len(sheets) > 1:
            self.fields["sheets"] = forms.MultipleChoiceField(
                label="Feuilles",
                choices=[(name, name) for name in sheets],
                initial=self._read(),
                widget=forms.CheckboxSelectMultiple,
                help_text="Plusieurs feuilles de mêmes colonnes sont lues ensemble.",
            )
        self.fields["header_row"] = forms.IntegerField(
            label="Ligne des titres",
            min_value=0,
            max_value=limits.MAX_ROWS,
            initial=self.layout.get("header_row") or 0,
            help_text="0 si le tableau n'a pas de titres. Si vous changez la feuille ou cette ligne, les colonnes "
            "sont reconnues de nouveau.",
        )
        columns: list[tuple[str, str]] = [("", "Aucune")]
        columns += [
            (str(index), f"{letters(index)} – {title[:60]}" if title else f"Colonne {letters(index)}")
            for index, title in enumerate(self.layout.get("titles", []))
        ]
        for meaning in Meaning:
            found = self.layout.get("columns", {}).get(meaning.value)
            self.fields[f"column_{meaning.value}"] = forms.ChoiceField(
                label=LABELS[meaning],
                choices=columns,
                required=False,
                initial="" if found is None else str(found),
            )
        self.fields["units_for_all"] = units_field(
            "Un même nombre de licences pour toutes les écoles",
            "S'il est rempli, il l'emporte sur la colonne.",
        )
        self.fields["units_for_all"].initial = table.units_for_all

    def _read(self) -> list[str]:
        return [self.layout["sheets"][region["sheet"]] for region in self.layout.get("read", [])]

    def decided(self) -> dict[str, Any]:
        """Return what `operations.choose` takes. Columns of another sheet or header mean nothing: they are found."""
        data = self.cleaned_data
        sheets, header_row = data.get("sheets") or self._read(), data["header_row"]
        same_sheets = sheets == self._read()
        moved = not same_sheets or header_row != (self.layout.get("header_row") or 0)
        columns = {
            meaning.value: int(data[f"column_{meaning.value}"]) if data[f"column_{meaning.value}"] else None
            for meaning in Meaning
        }
        return {
            "sheets": sheets,
            "header_row": header_row if same_sheets else None,
            "columns": {} if moved else columns,
            "units_for_all": data["units_for_all"],
        }


class RowForm(forms.Form):
    """Corrections of one row. What they hold is checked as a cell of the file would be."""

    uai = forms.CharField(label="UAI", required=False, max_length=100)
    units = forms.CharField(label="Licences", required=False, max_length=20)
    email = forms.CharField(label="Adresse e-mail", required=False, max_length=300)


class ConfirmForm(forms.Form):
    """When the e-mails leave; what is confirmed travels with it as a digest."""

    NOW, LATER = "now", "later"

    digest = forms.CharField(widget=forms.HiddenInput)
    when = forms.ChoiceField(
        label="Quand envoyer les e-mails ?",
        choices=[(NOW, "Tout de suite"), (LATER, "À partir d'une date")],
        widget=forms.RadioSelect,
        initial=NOW,
    )
    send_on = forms.DateField(
        label="Date d'envoi",
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text="Par exemple le jour de la rentrée : un e-mail de juillet se perd dans une école fermée.",
    )

    def __init__(self, *args: Any, today: datetime.date, last_day: datetime.date, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today, self.last_day = today, last_day

    def clean(self) -> dict[str, Any]:
        """Ask for a date that lies ahead and within the licences' year."""
        data = super().clean() or self.cleaned_data
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
                    "send_on", f"Les licences de ce lot ne sont valables que jusqu'au {typography.day(self.last_day)}."
                )
        return data
