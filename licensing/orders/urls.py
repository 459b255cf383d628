"""The portal's addresses of the shop and of « Mes commandes »."""

from __future__ import annotations

from django.urls import include, path

from licensing.orders.views.shop import boutique

urlpatterns = [
    path("boutique/", boutique.boutique, name="shop"),
    path("boutique/commander/", boutique.begin, name="shop_begin"),
    path("", include("licensing.orders.card.urls")),
]
