"""URLs under `/messages/` of an office."""

from __future__ import annotations

from django.urls import path

from sites.office.messages import views

app_name = "messages"
urlpatterns = [
    path("", views.message_list, name="list"),
    path("<int:pk>/", views.message_detail, name="detail"),
    path("<int:pk>/apercu/", views.message_preview, name="preview"),
    path("<int:pk>/cle/", views.message_reveal, name="reveal"),
    path("<int:pk>/renvoyer/", views.message_resend, name="resend"),
    path("<int:pk>/ecrire/", views.message_write_anyway, name="write_anyway"),
]
