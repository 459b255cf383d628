"""Forms of bank statements."""

from __future__ import annotations

from django import forms
from unfold.widgets import UnfoldAdminFileFieldWidget, UnfoldAdminTextInputWidget


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
        widget=UnfoldAdminTextInputWidget,
        help_text="Par exemple : intérêts, apport, remboursement d'un fournisseur, autre vente.",
    )
