from typing import Any

from payments.core import BasicProvider

class StripeProviderV3(BasicProvider):
    api_key: str
    endpoint_secret: str | None

    def __init__(
        self,
        api_key: str,
        use_token: bool = True,
        endpoint_secret: str | None = None,
        secure_endpoint: bool = True,
        **kwargs: Any,
    ) -> None: ...
