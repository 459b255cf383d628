"""URLs of rebalancing, in a collectivity's office."""

from django.urls import path

from licensing.plans.rebalancing import views

app_name = "rebalancing"
urlpatterns = [
    path("distribuer/reequilibrer/", views.rebalancing_list, name="list"),
    path("distribuer/reequilibrer/<int:pk>/", views.plan, name="plan"),
    path("distribuer/reequilibrer/<int:pk>/annuler/", views.undo, name="undo"),
]
