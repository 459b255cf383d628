from collections.abc import Callable, Iterable, Mapping
from typing import Any

def action[F: Callable[..., Any]](
    function: None = None,
    *,
    permissions: Iterable[str] | None = None,
    description: str | None = None,
    url_path: str | None = None,
    attrs: Mapping[str, Any] | None = None,
    icon: str | None = None,
    variant: Any = None,
) -> Callable[[F], F]: ...
