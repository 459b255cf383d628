"""URLs of card payments, on the portal."""

from __future__ import annotations

from django.urls import path

from licensing.orders.card import views, webhook

urlpatterns = [
    path("paiement/<slug:token>/", views.pay, name="card_pay"),
    path("paiement/<slug:token>/retour/", views.back, name="card_back"),
    path("webhooks/stripe/", webhook.stripe, name="card_stripe"),
]
