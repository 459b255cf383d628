"""URLs of classes on the portal: `mes-classes/` for teachers, `eleve/` for pupils."""

from __future__ import annotations

from django.urls import path

from licensing.classes.views import classes, credentials, handovers, next_year, pupil_pages, pupils, sharing

app_name = "classes"

urlpatterns = [
    path("mes-classes/", classes.my_classes, name="list"),
    path("mes-classes/ouvrir/<int:seat>/", classes.open_class, name="open"),
    path("mes-classes/<int:pk>/", classes.detail, name="detail"),
    path("mes-classes/<int:pk>/nom/", classes.rename, name="rename"),
    path("mes-classes/<int:pk>/eleves/", credentials.add, name="add"),
    path("mes-classes/<int:pk>/eleves/<int:number>/retirer/", pupils.remove, name="remove"),
    path("mes-classes/<int:pk>/mots-de-passe/", credentials.reset, name="reset"),
    path("mes-classes/<int:pk>/essais/lus/", classes.mark_tries_read, name="mark_tries_read"),
    path("mes-classes/<int:pk>/feuille/", credentials.sheet, name="sheet"),
    path("mes-classes/<int:pk>/imprimer/", credentials.print_cards, name="print_cards"),
    path("mes-classes/<int:pk>/emmener/", next_year.carry_on, name="carry_on"),
    path("mes-classes/<int:pk>/confier/", handovers.hand_over, name="hand_over"),
    path("mes-classes/<int:pk>/confier/<int:handover>/", handovers.handover, name="handover"),
    path("mes-classes/<int:pk>/confier/<int:handover>/feuille/", handovers.print_handover, name="handover_sheet"),
    path("mes-classes/<int:pk>/confier/<int:handover>/reprendre/", handovers.withdraw, name="withdraw_handover"),
    path("mes-classes/<int:pk>/recevoir/", handovers.receive, name="receive"),
    path("mes-classes/<int:pk>/collegue/", sharing.invite, name="invite"),
    path("mes-classes/<int:pk>/collegue/retirer/", sharing.end_sharing, name="end_sharing"),
    path("mes-classes/<int:pk>/invitation/accepter/", sharing.accept, name="accept"),
    path("mes-classes/<int:pk>/invitation/refuser/", sharing.decline, name="decline"),
    path("eleve/", pupil_pages.sign_in, name="pupil_sign_in"),
    path("eleve/animaux/<slug:word>.svg", pupil_pages.animal, name="animal"),
    path("eleve/classe/", pupil_pages.my_class, name="pupil_class"),
    path("eleve/quitter/", pupil_pages.sign_out, name="pupil_sign_out"),
]
