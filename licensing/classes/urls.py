"""URLs of classes on the portal: `mes-classes/` for teachers, `eleve/` for pupils."""

from django.urls import path

from licensing.classes import pupil_views, views

app_name = "classes"

urlpatterns = [
    path("mes-classes/", views.my_classes, name="list"),
    path("mes-classes/ouvrir/<int:seat>/", views.open_class, name="open"),
    path("mes-classes/<int:pk>/", views.detail, name="detail"),
    path("mes-classes/<int:pk>/nom/", views.rename, name="rename"),
    path("mes-classes/<int:pk>/eleves/", views.add, name="add"),
    path("mes-classes/<int:pk>/eleves/<int:number>/retirer/", views.remove, name="remove"),
    path("mes-classes/<int:pk>/mots-de-passe/", views.reset, name="reset"),
    path("mes-classes/<int:pk>/essais/lus/", views.mark_tries_read, name="mark_tries_read"),
    path("mes-classes/<int:pk>/feuille/", views.sheet, name="sheet"),
    path("mes-classes/<int:pk>/imprimer/", views.print_cards, name="print_cards"),
    path("mes-classes/<int:pk>/emmener/", views.carry_on, name="carry_on"),
    path("mes-classes/<int:pk>/confier/", views.hand_over, name="hand_over"),
    path("mes-classes/<int:pk>/confier/<int:handover>/", views.handover, name="handover"),
    path("mes-classes/<int:pk>/confier/<int:handover>/feuille/", views.print_handover, name="handover_sheet"),
    path("mes-classes/<int:pk>/confier/<int:handover>/reprendre/", views.withdraw_handover, name="withdraw_handover"),
    path("mes-classes/<int:pk>/recevoir/", views.receive_pupils, name="receive"),
    path("mes-classes/<int:pk>/collegue/", views.invite, name="invite"),
    path("mes-classes/<int:pk>/collegue/retirer/", views.end_sharing, name="end_sharing"),
    path("mes-classes/<int:pk>/invitation/accepter/", views.accept, name="accept"),
    path("mes-classes/<int:pk>/invitation/refuser/", views.decline, name="decline"),
    path("eleve/", pupil_views.sign_in, name="pupil_sign_in"),
    path("eleve/animaux/<slug:word>.svg", pupil_views.animal, name="animal"),
    path("eleve/classe/", pupil_views.my_class, name="pupil_class"),
    path("eleve/quitter/", pupil_views.sign_out, name="pupil_sign_out"),
]
