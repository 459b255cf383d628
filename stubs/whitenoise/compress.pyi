from typing import Any

brotli: Any
