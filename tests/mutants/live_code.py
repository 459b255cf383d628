"""The functions of the running process whose code a mutation changes: decorated, nested or bound, wherever they are."""

import gc
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType

#: By its code, the functions that run it.
type Functions = dict[CodeType, list[FunctionType]]


def find_functions(paths: set[str]) -> Functions:
    """Return the functions that these files define, whoever holds them."""
    functions: Functions = {}
    # What is frozen is not listed.
    gc.unfreeze()
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in paths:
            functions.setdefault(each.__code__, []).append(each)
    return functions


def find_changes(path: Path, before: str, after: str) -> list[tuple[CodeType, CodeType]]:
    """Return the code that differs between two sources of a file, with the code that replaces it."""
    old, new = (list(_walk(compile(source, path, "exec", dont_inherit=True))) for source in (before, after))
    return [(one, other) for one, other in zip(old, new, strict=True) if one != other]


def replace_code(functions: Functions, changes: list[tuple[CodeType, CodeType]]) -> int:
    """Let the functions run the new code; return how many there are."""
    replaced = [(function, new) for old, new in changes for function in functions.get(old, ())]
    for function, new in replaced:
        function.__code__ = new
    return len(replaced)


def _walk(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _walk(constant)
