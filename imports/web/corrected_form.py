"""Form for uploading a corrected file: purpose and pool come from the import it corrects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from imports.formats import limits

if TYPE_CHECKING:
    from django.core.files.uploadedfile import UploadedFile


class CorrectedFileForm(forms.Form):
    """Upload form with the file alone."""

    file = forms.FileField(
        label="Tableau corrigé", error_messages={"required": "Choisissez un fichier.", "empty": "Ce fichier est vide."}
    )

    def clean_file(self) -> UploadedFile[Any]:
        """Reject a file above `limits.MAX_BYTES` before it is stored."""
        file: UploadedFile[Any] = self.cleaned_data["file"]
        if (file.size or 0) > limits.MAX_BYTES:
            raise forms.ValidationError("Ce fichier dépasse 20 Mo : il n'a pas été déposé.", code="file_too_large")
        return file
