"""Texts of a request that nothing can store: with NUL, which PostgreSQL's `text` has not, or far too long."""

from __future__ import annotations

from collections.abc import Iterator

from api.problem_details import FieldError
from core.formatting import number

#: Characters of a query parameter, where its filter has no lower limit.
MAX_PARAMETER_LENGTH = 1_000
#: Characters of a refused name that the error repeats.
_SHOWN_NAME_LENGTH = 100


def iter_nul_errors(value: object, path: tuple[str, ...] = (), row: int | None = None) -> Iterator[FieldError]:
    """Yield an error for each text or name with NUL in a decoded body, however deep, with its field and row."""
    if isinstance(value, str):
        if "\x00" in value:
            yield _nul_error(".".join(path), row)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if "\x00" in name:
                yield _nul_error(".".join((*path, name)), row)
            else:
                yield from iter_nul_errors(inner, (*path, name), row)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from iter_nul_errors(inner, path, index)


def check_parameter(name: str, value: str) -> FieldError | None:
    """Return the error of a parameter whose name or value holds NUL or is too long; None if there is none."""
    if "\x00" in name or "\x00" in value:
        return _nul_error(name, None)
    if len(name) > MAX_PARAMETER_LENGTH or len(value) > MAX_PARAMETER_LENGTH:
        detail = f"{number(MAX_PARAMETER_LENGTH)} caractères au plus."
        return FieldError("max_length", detail, name[:_SHOWN_NAME_LENGTH])
    return None


def _nul_error(name: str, row: int | None) -> FieldError:
    shown = name.replace("\x00", "\\u0000")[:_SHOWN_NAME_LENGTH]
    return FieldError("null_characters_not_allowed", "Le caractère nul n'est pas autorisé.", shown or None, row)
