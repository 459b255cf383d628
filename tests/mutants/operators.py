"""What mutations change, by kind: the operators of Cosmic Ray, and those that it lacks."""

from itertools import pairwise
from typing import Any

import parso
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator


class NegateOtherCondition(Operator):
    """Negate the condition of an `elif` and of a comprehension; `AddNot` has those of `if`, `while` and ternaries."""

    @staticmethod
    def _list_conditions(node: Any) -> list[int]:
        """Return which children of the node are such conditions."""
        if node.type == "if_stmt":
            return [n for n, child in enumerate(node.children, 1) if child.type == "keyword" and child.value == "elif"]
        return [1] if node.type == "comp_if" else []

    def mutation_positions(self, node):
        for number in self._list_conditions(node):
            yield node.children[number].start_pos, node.children[number].end_pos

    def mutate(self, node, index):
        number = self._list_conditions(node)[index]
        node.children[number] = parso.parse(f" not ({node.children[number].get_code().strip()})")
        return node

    @classmethod
    def examples(cls):
        return (
            Example("if a: pass\nelif b: pass", "if a: pass\nelif not (b): pass"),
            Example("[a for a in b if c]", "[a for a in b if not (c)]"),
        )


class ReplaceMembership(Operator):
    """Replace `in` with `not in`, and back; Cosmic Ray's comparisons are the six others."""

    _OPPOSITES = {"in": "not in", "not in": "in"}

    def _list_operators(self, node: Any) -> list[int]:
        children = enumerate(node.children) if node.type == "comparison" else ()
        return [n for n, child in children if " ".join(child.get_code().split()) in self._OPPOSITES]

    def mutation_positions(self, node):
        for number in self._list_operators(node):
            yield node.children[number].start_pos, node.children[number].end_pos

    def mutate(self, node, index):
        number = self._list_operators(node)[index]
        opposite = self._OPPOSITES[" ".join(node.children[number].get_code().split())]
        node.children[number] = parso.parse(f" {opposite}")
        return node

    @classmethod
    def examples(cls):
        return (Example("a in b", "a not in b"), Example("a not in b", "a in b"))


def _get(*names: str) -> list[Operator]:
    return [get_operator(f"core/{name}")() for name in names]


def _swap(kind: str, *pairs: str) -> list[Operator]:
    """Return the operators that replace each of two by the other."""
    both = [names for pair in pairs for names in pairwise((*pair.split(), pair.split()[0]))]
    return _get(*(f"{kind}_{old}_{new}" for old, new in both))


#: By the kind that `--kinds` names. A comparison becomes the one that differs least: what a test at the bound sees.
KINDS = {
    "conditions": [
        *_get("AddNot", "ReplaceUnaryOperator_Delete_Not", "ReplaceAndWithOr", "ReplaceOrWithAnd"),
        NegateOtherCondition(),
    ],
    "comparisons": [
        *_swap("ReplaceComparisonOperator", "Eq NotEq", "Is IsNot", "Lt LtE", "Gt GtE"),
        ReplaceMembership(),
    ],
    "booleans": _get("ReplaceTrueWithFalse", "ReplaceFalseWithTrue"),
    "numbers": _get("NumberReplacer"),
    "arithmetic": _swap("ReplaceBinaryOperator", "Add Sub", "Mul FloorDiv", "BitAnd BitOr"),
    "loops": _get("ZeroIterationForLoop", "ReplaceBreakWithContinue", "ReplaceContinueWithBreak"),
}
