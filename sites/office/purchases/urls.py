"""URLs of « Achats », at a collectivity's office."""

from __future__ import annotations

from django.urls import path

from sites.office.purchases import checkout, detail, documents, new_purchase, purchase_list

app_name = "purchases"
urlpatterns = [
    path("achats/", purchase_list.purchase_list, name="list"),
    path("achats/nouveau/", new_purchase.new_purchase, name="new"),
    path("achats/<int:pk>/", detail.detail, name="detail"),
    path("achats/<int:pk>/devis/", checkout.quote, name="quote"),
    path("achats/<int:pk>/devis.pdf", documents.quote_pdf, name="quote_pdf"),
    path("achats/<int:pk>/commander/", checkout.order, name="order"),
    path("achats/<int:pk>/completer/", checkout.complete, name="complete"),
    path("achats/<int:pk>/abandonner/", checkout.discard, name="discard"),
    path("achats/<int:pk>/bon-de-commande.pdf", documents.purchase_order_pdf, name="purchase_order_pdf"),
    path("achats/<int:pk>/bon-de-commande-signe/", documents.scan_upload, name="upload"),
    path("achats/<int:pk>/bon-de-commande-signe/<int:number>/", documents.scan_download, name="scan"),
    path("achats/<int:pk>/factures/<slug:number>.pdf", documents.invoice_pdf, name="invoice_pdf"),
]
