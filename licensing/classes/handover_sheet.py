"""The sheet that goes to a colleague with pupils: the code, their numbers and logins; names are written by hand."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.views.decorators.debug import sensitive_variables

from core.documents import PdfDocument
from licensing.classes import handover_codes, words
from licensing.classes.models import PupilAccount, PupilHandover
from licensing.classes.pupil_cards import draw_row
from licensing.entitlements.wording import format_long_date


@sensitive_variables("code")
def render_sheet(handover: PupilHandover, pupils: Sequence[PupilAccount], *, at: datetime.datetime) -> PdfDocument:
    """Return the sheet as a PDF: without passwords, and without names, which the portal never knows."""
    code = handover_codes.unseal(handover)
    document = PdfDocument(title="Élèves confiés à un collègue", at=at, margin=20)
    document.add_page()
    document.write_paragraph("Élèves confiés à un collègue", size=18, bold=True, after=2)
    document.write_paragraph(f"Classe {handover.classroom.name}, confiés par {handover.by}.", after=6)
    document.write_paragraph("Code à saisir", size=10, after=0)
    document.write_paragraph(code, size=26, bold=True, after=2)
    document.write_paragraph(
        f"Il vaut jusqu’au {format_long_date(handover.expires_at)}, une seule fois, pour un enseignant de la même "
        "école : sur la page de sa classe, sous « Recevoir des élèves ». Les élèves gardent leur carte, leur "
        "identifiant et leur mot de passe.",
        after=6,
    )
    widths = (14.0, 70.0, 86.0)
    draw_row(document, ("N°", "Identifiant", "Prénom, à la main"), widths, bold=True)
    for pupil in pupils:
        draw_row(document, (str(pupil.number), words.spell(pupil.login), ""), widths)
    return document
