"""URLs of reminders in a collectivity's office."""

from __future__ import annotations

from django.urls import path

from licensing.reminders.views import policy

app_name = "reminders"
urlpatterns = [
    path("lots/<int:pk>/relances/", policy.policy, name="policy"),
    path("lots/<int:pk>/relances/regler/", policy.set_policy, name="set_policy"),
    path("lots/<int:pk>/relances/annuler/", policy.cancel_all, name="cancel_all"),
    path("relances/<int:pk>/annuler/", policy.cancel, name="cancel"),
]
