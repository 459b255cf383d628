from typing import Any

from payments.models import BasePayment

PAYMENT_VARIANTS: dict[str, tuple[str, dict[str, Any]]]
PROVIDER_CACHE: dict[str, BasicProvider]

class BasicProvider:
    def __init__(self, capture: bool = True) -> None: ...

def provider_factory(variant: str, payment: BasePayment | None = None) -> BasicProvider: ...
