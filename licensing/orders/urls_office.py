"""URLs of « Achats », at a collectivity's office."""

from __future__ import annotations

from django.urls import path

from licensing.orders.views.office import beginning, detail, listing, ordering, papers

app_name = "purchases"
urlpatterns = [
    path("achats/", listing.listing, name="list"),
    path("achats/nouveau/", beginning.new, name="new"),
    path("achats/<int:pk>/", detail.detail, name="detail"),
    path("achats/<int:pk>/devis/", ordering.quote, name="quote"),
    path("achats/<int:pk>/devis.pdf", papers.quote_pdf, name="quote_pdf"),
    path("achats/<int:pk>/commander/", ordering.order, name="order"),
    path("achats/<int:pk>/completer/", ordering.complete, name="complete"),
    path("achats/<int:pk>/abandonner/", ordering.discard, name="discard"),
    path("achats/<int:pk>/bon-de-commande.pdf", papers.purchase_order_pdf, name="purchase_order_pdf"),
    path("achats/<int:pk>/bon-de-commande-signe/", papers.upload, name="upload"),
    path("achats/<int:pk>/bon-de-commande-signe/<int:number>/", papers.scan, name="scan"),
    path("achats/<int:pk>/factures/<slug:number>.pdf", papers.invoice_pdf, name="invoice_pdf"),
]
