"""URLs of card payments, on the portal."""

from django.urls import path

from licensing.payments import views

urlpatterns = [
    path("paiement/<slug:token>/", views.pay, name="card_pay"),
    path("paiement/<slug:token>/retour/", views.payment_result, name="card_result"),
    path("webhooks/stripe/", views.stripe_webhook, name="stripe_webhook"),
]
