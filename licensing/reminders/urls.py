"""URLs of reminders in a collectivity's office."""

from django.urls import path

from licensing.reminders import views

app_name = "reminders"
urlpatterns = [
    path("lots/<int:pk>/relances/", views.policy, name="policy"),
    path("lots/<int:pk>/relances/regler/", views.set_policy, name="set_policy"),
    path("lots/<int:pk>/relances/annuler/", views.cancel_all, name="cancel_all"),
    path("relances/<int:pk>/annuler/", views.cancel, name="cancel"),
]
