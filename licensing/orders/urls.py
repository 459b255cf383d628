"""URLs of the shop and of « Mes commandes », on the portal."""

from __future__ import annotations

from django.urls import include, path

from licensing.orders.views.shop import basket, boutique, mine, papers

urlpatterns = [
    path("boutique/", boutique.boutique, name="shop"),
    path("boutique/commander/", boutique.begin, name="shop_begin"),
    path("boutique/commandes/", mine.my_orders, name="orders_list"),
    path("boutique/commandes/<int:pk>/", mine.detail, name="orders_detail"),
    path("boutique/commandes/<int:pk>/preparer/", basket.basket, name="shop_order"),
    path("boutique/commandes/<int:pk>/abandonner/", basket.discard, name="shop_discard"),
    path("boutique/commandes/<int:pk>/carte/", mine.pay_by_card, name="orders_card"),
    path("boutique/commandes/<int:pk>/devis/", papers.quote, name="orders_quote"),
    path("boutique/commandes/<int:pk>/bon-de-commande/", papers.purchase_order, name="orders_purchase_order"),
    path("boutique/commandes/<int:pk>/bon-signe/", mine.send_scan, name="orders_scan"),
    path("boutique/commandes/<int:pk>/facturation/", mine.complete, name="orders_complete"),
    path("boutique/commandes/<int:pk>/factures/<slug:number>/", papers.invoice, name="orders_invoice"),
    path("", include("licensing.orders.card.urls")),
]
