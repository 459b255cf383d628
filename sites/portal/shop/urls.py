"""URLs of the shop and of « Mes commandes », on the portal."""

from __future__ import annotations

from django.urls import include, path

from sites.portal.shop import billing_correction, checkout, contract_withdrawal, documents, my_orders, storefront

urlpatterns = [
    path("boutique/", storefront.storefront, name="shop"),
    path("boutique/panier/", checkout.basket, name="shop_basket"),
    path("boutique/choix/", storefront.keep_choice, name="shop_keep_choice"),
    path("boutique/commander/", storefront.start_order, name="shop_begin"),
    path("boutique/commandes/", my_orders.order_list, name="orders_list"),
    path("boutique/commandes/<int:pk>/", my_orders.detail, name="orders_detail"),
    path("boutique/commandes/<int:pk>/preparer/", checkout.checkout, name="shop_order"),
    path("boutique/commandes/<int:pk>/abandonner/", checkout.discard, name="shop_discard"),
    path("boutique/commandes/<int:pk>/carte/", my_orders.pay_by_card, name="orders_card"),
    path("boutique/commandes/<int:pk>/devis/", documents.quote, name="orders_quote"),
    path("boutique/commandes/<int:pk>/bon-de-commande/", documents.purchase_order, name="orders_purchase_order"),
    path("boutique/commandes/<int:pk>/bon-signe/", my_orders.upload_scan, name="orders_scan"),
    path("boutique/commandes/<int:pk>/facturation/", my_orders.complete, name="orders_complete"),
    path("boutique/commandes/<int:pk>/payeur/", billing_correction.correct, name="orders_correct"),
    path("boutique/commandes/<int:pk>/renoncer/", contract_withdrawal.withdraw, name="orders_withdraw"),
    path("boutique/commandes/<int:pk>/factures/<slug:number>/", documents.invoice, name="billing_invoice"),
    path("", include("licensing.payments.urls")),
]
