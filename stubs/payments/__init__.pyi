from decimal import Decimal
from typing import NamedTuple

class PurchasedItem(NamedTuple):
    name: str
    quantity: int
    price: Decimal
    currency: str
    sku: str
    tax_rate: Decimal | None = None

class PaymentStatus:
    WAITING: str
    PREAUTH: str
    CONFIRMED: str
    REJECTED: str
    REFUNDED: str
    ERROR: str
    INPUT: str
    CANCELLED: str
    CHOICES: list[tuple[str, str]]
