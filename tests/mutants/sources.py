"""The mutants of a file: where each is, its source, and which lines a test must reach to notice it."""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Operator

from tests.mutants.operators import KINDS


@dataclass(frozen=True)
class Mutation:
    """A place that an operator may change."""

    path: Path
    kind: str
    #: None of one that a person wrote.
    operator: Operator | None
    #: Which of the operator's places in the file.
    occurrence: int
    line: int


@dataclass(frozen=True)
class Mutant:
    """A file with one mutation."""

    mutation: Mutation
    source: str
    #: Those of the mutated statement, without its body: `and` on a line that is not reached still decides.
    lines: frozenset[int]

    def describe(self) -> str:
        """Return where it is, and the difference with a line before and after."""
        before, after = read(self.mutation.path).splitlines(), self.source.splitlines()
        _, _, _, *changed = difflib.unified_diff(before, after, lineterm="", n=1)
        return "\n".join([f"{self.mutation.path}:{self.mutation.line} ({self.mutation.kind})", *changed])


@cache
def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def list_mutations(path: Path, kinds: list[str], lines: set[int]) -> Iterator[Mutation]:
    """Yield what could be changed in a file; in these lines, if any are given."""
    nodes = list(ast_nodes(get_ast(read(path))))
    for kind in kinds:
        for operator in KINDS[kind]:
            positions = [start for node in nodes for start, _ in operator.mutation_positions(node)]
            for occurrence, (line, _) in enumerate(positions):
                if not lines or line in lines:
                    yield Mutation(path, kind, operator, occurrence, line)


def build_mutants(mutations: list[Mutation]) -> list[Mutant]:
    """Return the mutants, each once: two operators may agree, and some change nothing that runs or no longer parse."""
    mutants, known = [], {path: {ast.dump(ast.parse(read(path)))} for path in {one.path for one in mutations}}
    for mutation in mutations:
        source = mutate_code(read(mutation.path), mutation.operator, mutation.occurrence)
        try:
            tree = ast.dump(ast.parse(source))
        except SyntaxError:
            continue
        if tree not in known[mutation.path]:
            known[mutation.path].add(tree)
            mutants.append(Mutant(mutation, source, find_lines(read(mutation.path), mutation.line)))
    return mutants


def find_lines(source: str, line: int) -> frozenset[int]:
    """Return the lines of the innermost statement at a line, without the statements in it."""
    found = range(line, line + 1)
    node: ast.AST | None = ast.parse(source)
    while node is not None:
        inner, node = ast.iter_child_nodes(node), None
        for child in inner:
            first, last = _get_span(child)
            if first <= line <= last:
                node = child
                if isinstance(child, ast.stmt):
                    found = range(child.lineno, _find_last_line(child) + 1)
                break
    return frozenset({line, *found})


def _find_last_line(statement: Any) -> int:
    """Return the last line of a statement before the statements in it."""
    inner = [case.pattern for case in getattr(statement, "cases", ())] or getattr(statement, "body", None)
    return max(statement.lineno, inner[0].lineno - 1 if inner else statement.end_lineno)


def _get_span(node: Any) -> tuple[int, int]:
    """Return the first and the last line of a node; of one that says none, those of what is in it."""
    if hasattr(node, "lineno"):
        return node.lineno, node.end_lineno
    spans = [_get_span(child) for child in ast.iter_child_nodes(node)] or [(0, -1)]
    return min(first for first, _ in spans), max(last for _, last in spans)
