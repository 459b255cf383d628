"""The language of the code: one word for one thing, as docs/glossary.md and CONTRIBUTING.md have it."""

import ast
import io
import re
import subprocess
import tokenize
from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Names that a framework asks of several classes, and those nested in a model: `Affiliation.Kind`.
SHARED_CLASS_NAMES = {"Command", "Meta", "Media", "Params"}
NESTED_CLASS_NAMES = {"Kind", "State"}

#: Words that no identifier contains, with the word to use.
REPLACED_WORDS = {
    "brake": "confirmation_guard",
    "braked": "confirmation_required",
    "deed": "admin_action",
    "deeds": "admin_actions",
    "desk": "back_office or work_queue",
    "duties": "periodic_tasks",
    "duty": "periodic_task",
    "heads": "principals",
    "likeness": "similarity",
    "paper": "document",
    "papers": "documents",
    "perimetre": "portfolio",
    "remit": "portfolio",
    "said": "a noun: message, summary, reported",
    "slips": "edit_distance, corrections or vouchers",
    "standing": "status",
    "standings": "statuses",
    "told": "serialize_… or notify_…",
}
#: Identifiers that are not to be used alone, with the word to use.
REPLACED_NAMES = {
    "HUGE_TIMES": "OUTLIER_FACTOR",
    "LONGEST": "MAX_LENGTH",
    "MOST_UNITS": "MAX_UNITS",
    "how": "match_method",
    "standing_on": "status_on",
    "tell_buyer": "notify_buyer",
    "tell_heads_claimed": "notify_principals_of_claim",
    "unwatched": "no_progress",
    "whole": "all_or_nothing, complete",
}
REPLACED_CLASSES = {
    "Asked": "AllocationRequest",
    "Became": "RowOutcome",
    "Braked": "ConfirmationGuard",
    "Entry": "AuditEntry",
    "Given": "AllocationResult",
    "Line": "OrderLine",
    "Made": "CreatedToken",
    "Outcome": "RowOutcome",
    "Refused": "DomainError",
    "Source": "Entitlement",
    "Standing": "EntitlementStatus",
    "Watch": "ProgressCallback",
}
#: A module is named for the noun it holds.
REPLACED_MODULES = {
    "asides", "carrying", "claims", "common", "facts", "helpers", "likeness", "misc", "remembering", "services",
    "signals", "stories", "storing", "telling", "together", "util", "utils",
}  # fmt: skip


@cache
def list_files(*patterns: str) -> tuple[Path, ...]:
    """Return the project's files of these patterns, those that git does not know yet included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\n")  # noqa: S603 - our own command
    return tuple(ROOT / name for name in sorted(set(names)) if name and (ROOT / name).is_file())


def python_files() -> list[Path]:
    return [path for path in list_files("*.py") if "migrations" not in path.parts and path != Path(__file__)]


def split_identifier(name: str) -> set[str]:
    """Return the words of an identifier, in lower case: `tell_Buyer2`, `tellBuyer` → tell, buyer."""
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def list_identifiers(path: Path) -> set[tuple[str, int]]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return {(token.string, token.start[0]) for token in tokens if token.type == tokenize.NAME}


def describe(path: Path, line: int, name: str, word: str) -> str:
    return f"{path.relative_to(ROOT)}:{line}: {name} → {word}"


def class_definitions(tree: ast.AST, *, nested: bool = False) -> list[tuple[str, bool]]:
    """Return the name of each class, and whether it stands inside another."""
    found = []
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            found.append((node.name, nested))
        found += class_definitions(node, nested=nested or isinstance(node, ast.ClassDef))
    return found


@pytest.mark.slow
def test_a_class_name_is_unique_in_the_project():
    files = defaultdict(list)
    for path in python_files():
        for name, nested in class_definitions(ast.parse(path.read_text(encoding="utf-8"))):
            if name not in SHARED_CLASS_NAMES and not (nested and name in NESTED_CLASS_NAMES):
                files[name].append(str(path.relative_to(ROOT)))
    assert {name: where for name, where in files.items() if len(where) > 1} == {}


@pytest.mark.slow
def test_identifiers_use_the_words_of_the_glossary():
    found = []
    for path in python_files():
        for name, line in list_identifiers(path):
            replacements = [REPLACED_WORDS[word] for word in split_identifier(name) & REPLACED_WORDS.keys()]
            replacements += [names[name] for names in (REPLACED_NAMES, REPLACED_CLASSES) if name in names]
            found += [describe(path, line, name, replacement) for replacement in replacements]
    assert found == []


@pytest.mark.slow
def test_templates_use_the_words_of_the_glossary():
    found = []
    for path in list_files("*.html", "*.txt"):
        if "templates" not in path.parts:
            continue
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for tag in re.findall(r"\{\{.*?\}\}|\{%.*?%\}", text):
                code = re.sub(r"\"[^\"]*\"|'[^']*'", "", tag)
                words = split_identifier(code) & REPLACED_WORDS.keys()
                found += [describe(path, number, tag, REPLACED_WORDS[word]) for word in words]
    assert found == []


@pytest.mark.slow
def test_no_identifier_stands_in_a_sentence_of_a_template():
    found = []
    for path in list_files("*.html", "*.txt"):
        if "templates" not in path.parts:
            continue
        text = re.sub(r"\{#.*?#\}|\{% comment .*?endcomment %\}", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        text = re.sub(r"<(code|pre)\b.*?</\1>|\{\{.*?\}\}|\{%.*?%\}|<[^>]*>", " ", text, flags=re.DOTALL)
        found += [
            f"{path.relative_to(ROOT)}: {name}" for name in re.findall(r"(?<!manage\.py )\b[a-z]+(?:_[a-z]+)+\b", text)
        ]
    assert found == []


@pytest.mark.slow
def test_a_module_is_named_for_the_noun_it_holds():
    assert [str(path.relative_to(ROOT)) for path in list_files("*.py") if path.stem in REPLACED_MODULES] == []


@pytest.mark.parametrize(
    ("name", "words"),
    [("tell_buyer", {"tell", "buyer"}), ("RemitSchool", {"remit", "school"}), ("MOST_UNITS", {"most", "units"})],
)
def test_an_identifier_is_split_into_its_words(name, words):
    assert split_identifier(name) == words
