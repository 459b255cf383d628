from typing import ClassVar

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "licensing.payments"
    label = "payments"
    verbose_name = "Règlements"
    # What the reader of the database does not see: see `tenants.privileges`.
    secret_columns: ClassVar = {"payments_cardpayment": ["extra_data", "token", "transaction_id"]}
