import datetime
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django.db import models
from payments import PurchasedItem

class BasePayment(models.Model):
    variant: models.CharField[str, str]
    status: models.CharField[str, str]
    created: models.DateTimeField[datetime.datetime, datetime.datetime]
    modified: models.DateTimeField[datetime.datetime, datetime.datetime]
    transaction_id: models.CharField[str, str]
    currency: models.CharField[str, str]
    total: models.DecimalField[Decimal | str, Decimal]
    description: models.TextField[str, str]
    billing_email: models.EmailField[str, str]
    extra_data: models.TextField[str, str]
    message: models.TextField[str, str]
    token: models.CharField[str, str]
    captured_amount: models.DecimalField[Decimal | str, Decimal]

    class Meta:
        abstract = True

    def save(self, **kwargs: Any) -> None: ...
    def get_purchased_items(self) -> Iterable[PurchasedItem]: ...
    def get_process_url(self) -> str: ...
    def get_success_url(self) -> str: ...
    def get_failure_url(self) -> str: ...
