"""URLs of the general terms of sale, on the portal."""

from django.urls import path

from licensing.catalogue import views

urlpatterns = [
    path("conditions-generales-de-vente/", views.terms_of_sale, name="terms_of_sale"),
    path("conditions-generales-de-vente/<str:version>/", views.terms_of_sale, name="terms_of_sale_version"),
]
