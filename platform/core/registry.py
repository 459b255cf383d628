"""What apps declare about themselves, each in its `declarations.py`: event types, journal labels, error codes.

The ground floor reads a registry and knows none of the apps that fill it.
"""

from collections.abc import Iterator, Mapping

from django.core.exceptions import ImproperlyConfigured


class Registry[Declared](Mapping[str, Declared]):
    """Declarations by name; a name is declared once. In the order of their ranks, then of the apps."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._declared: dict[str, Declared] = {}
        self._ranks: dict[str, int] = {}

    def declare(self, name: str, value: Declared, *, rank: int = 0) -> None:
        """Declare a value under a name. Raises `ImproperlyConfigured` where the name is taken."""
        if name in self._declared:
            raise ImproperlyConfigured(f"The {self._what} {name!r} is declared twice.")
        self._declared[name], self._ranks[name] = value, rank
        # Sorted here and not when read: pages read some registries at every request.
        self._declared = dict(sorted(self._declared.items(), key=lambda item: self._ranks[item[0]]))

    def withdraw(self, name: str) -> None:
        """Forget a declaration. For tests."""
        del self._declared[name], self._ranks[name]

    def __getitem__(self, name: str) -> Declared:
        return self._declared[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._declared)

    def __len__(self) -> int:
        return len(self._declared)
