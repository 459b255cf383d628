"""The project's documents: what they refer to exists, decisions have one form, the picture of the house is true."""

import ast
import builtins
import importlib
import keyword
import re
import subprocess
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCE_ROOTS = (ROOT, ROOT / "platform")
README = ROOT / "README.md"
#: Folders of several apps, whose rooms the README's picture has one by one.
HOUSES = {"licensing", "platform", "sites"}
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *DECISIONS])
#: Top-level packages: a dotted name that begins with one is a module, or something in it.
PACKAGES = {path.parent.name for root in SOURCE_ROOTS for path in root.glob("*/__init__.py")} | {"platform"}
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith(".")} | PACKAGES
PYTHON_FILES = [
    path for folder in sorted(FOLDERS) for root in SOURCE_ROOTS for path in (root / folder).rglob("*.py")
    if "migrations" not in path.parts
]  # fmt: skip
#: Names of the templates, as the code writes them.
TEMPLATES = {
    path.as_posix().rpartition("/templates/")[2]
    for folder in sorted(FOLDERS - {"node_modules"})
    for path in (ROOT / folder).rglob("templates/**/*")
}
#: Names of PostgreSQL, Django and the browser's driver, which our code uses without naming them.
OTHERS_NAMES = {
    "CalledProcessError", "int4range", "DoesNotExist", "uidb36", "App", "STATICFILES_DIRS", "directory_changes",
    "directory_rows", "LIKE", "deadlock_timeout", "lock_timeout", "synchronous_commit", "bypass_csp", "preload",
    "order_line__order__kind", "Flag", "tell_Buyer2", "tellBuyer",
}  # fmt: skip
SECTIONS = ["## Context", "## Decision", "## Alternatives", "## Consequences"]
#: How many requirements of levels 1 and 2 each section of OWASP ASVS 5.0.0 has; those of level 3 come after them.
ASVS_COUNTS = {
    "1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2,
    "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1,
    "3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2,
    "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4,
    "5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3,
    "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4,
    "7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2,
    "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1,
    "9.1": 3, "9.2": 4,
    "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3,
    "11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1,
    "12.1": 3, "12.2": 2, "12.3": 4,
    "13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5,
    "14.1": 2, "14.2": 4, "14.3": 3,
    "15.1": 3, "15.2": 3, "15.3": 7,
    "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3,
    "17.1": 1, "17.2": 4, "17.3": 2,
}  # fmt: skip
#: What the last column of docs/security.md begins with: a test, a document, or why there is neither.
ASVS_VERDICT = re.compile(r"`tests/\w|\[[\w.-]+\.md\]\(|the code\b|not applicable$|does not hold\b")


def code_spans(document: Path) -> set[str]:
    """Return what a document has between backticks, without its code blocks."""
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    return set(re.findall(r"`([^`\n]+)`", prose))


def list_code_words() -> set[str]:
    """Return every identifier, module name and one-word string of the code."""
    words = set(keyword.kwlist) | set(dir(builtins))
    for path in PYTHON_FILES:
        words |= set(path.relative_to(ROOT).with_suffix("").parts)
        with tokenize.open(path) as file:
            for token in tokenize.generate_tokens(file.readline):
                if token.type in (tokenize.NAME, tokenize.STRING):
                    words |= set(re.findall(r"\w+", token.string)) if '"""' not in token.string else set()
    return words


def list_names_in_prose(path: Path) -> set[str]:
    """Return what docstrings and comments name between backticks."""
    with tokenize.open(path) as file:
        prose = [
            token.string
            for token in tokenize.generate_tokens(file.readline)
            if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and '"""' in token.string)
        ]
    return set(re.findall(r"`([A-Za-z_][\w.]*)(?:\(\))?`", "\n".join(prose)))


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute reached from one."""
    parts = name.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:end]))
        except ImportError:
            continue
        for attribute in parts[end:]:
            if not hasattr(found, attribute):
                return False
            found = getattr(found, attribute)
        return True
    return False


def is_path(span: str) -> bool:
    return bool(re.fullmatch(r"[\w.-]+(/[\w.-]+)+/?|[\w-]+/", span)) and span.split("/", 1)[0] in FOLDERS


def list_faults(find):
    """Return « document: what » for each thing that `find` finds wrong in a document."""
    return [f"{document.relative_to(ROOT)}: {fault}" for document in DOCUMENTS for fault in sorted(find(document))]


def list_missing_files(document: Path) -> set[str]:
    spans = {span for span in code_spans(document) if is_path(span)}
    return {span for span in spans - TEMPLATES if not any((root / span).exists() for root in SOURCE_ROOTS)}


def list_missing_tests(document: Path) -> set[str]:
    tests = {tuple(span.split("::")) for span in code_spans(document) if re.fullmatch(r"tests/[\w/]+\.py::\w+", span)}
    sources = {path: (ROOT / path).read_text(encoding="utf-8") for path, _ in tests if (ROOT / path).exists()}
    return {f"{path}::{test}" for path, test in tests if f"def {test}(" not in sources.get(path, "")}


def list_missing_modules(document: Path) -> set[str]:
    spans = {span.removesuffix("()") for span in code_spans(document)}
    dotted = {span for span in spans if re.fullmatch(r"[a-z]\w*(\.\w+)+", span) and span.split(".")[0] in PACKAGES}
    dotted.discard("api.stripe.com")
    files = {span for span in dotted if span.endswith((".py", ".md", ".html", ".txt", ".css"))}
    return {span for span in dotted - files if not resolves(span)}


def list_missing_pages(document: Path) -> set[str]:
    links = re.findall(r"\]\((?!https?:|mailto:|#|/)([^)#]+)", document.read_text(encoding="utf-8"))
    return {link for link in links if not (document.parent / link).exists()}


def test_what_documents_name_exists():
    """Files, tests, modules, and pages that are linked to."""
    for find in (list_missing_files, list_missing_tests, list_missing_modules, list_missing_pages):
        assert list_faults(find) == [], find.__name__


def list_rooms() -> set[str]:
    """Return the folders under version control: those at the top, and those in the folders of several apps."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    folders = [path.split("/")[:-1] for path in listed.stdout.splitlines()]
    top = {f"{names[0]}/" for names in folders if names and not names[0].startswith(".")}
    return top | {f"{names[0]}/{names[1]}/" for names in folders if len(names) > 1 and names[0] in HOUSES}


def read_picture() -> dict[str, str]:
    """Return what the README's picture of the house says of each folder."""
    [picture] = re.findall(
        r"^## How it is laid out\n.*?^```\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    sentences, house = {}, ""
    for indent, room, sentence in re.findall(r"^( *)(\w+/) +(.*)$", picture, re.MULTILINE):
        house = house if indent else room
        sentences[f"{house}{room}" if indent else room] = sentence
    return sentences


def test_the_picture_of_the_house_has_each_room_and_no_other():
    picture = read_picture()
    assert {"missing": list_rooms() - picture.keys(), "gone": picture.keys() - list_rooms()} == {
        "missing": set(), "gone": set(),
    }  # fmt: skip
    assert [room for room, sentence in picture.items() if len(sentence.split()) < 3] == []


def list_requirements():
    """Return the numbers of each line of docs/security.md, which may be those of sections, and the line's verdict."""
    rows = re.findall(
        r"^\| (\d[^|]*) \| [^|]+ \| ([^|]+) \|$", (ROOT / "docs/security.md").read_text("utf-8"), re.MULTILINE
    )
    return [(numbers.split(", "), verdict) for numbers, verdict in rows]


def test_each_requirement_of_the_standard_has_its_line_and_its_verdict():
    required = [f"{section}.{one}" for section, count in ASVS_COUNTS.items() for one in range(1, count + 1)]
    lines = list_requirements()
    named = Counter(number for numbers, _ in lines for number in numbers)
    found = {one: sum(f"{one}.".startswith(f"{number}.") for number in named.elements()) for one in required}
    assert {one: count for one, count in found.items() if count != 1} == {}
    assert [number for number, count in named.items() if count > 1] == []
    assert [numbers for numbers, verdict in lines if not ASVS_VERDICT.match(verdict)] == []


def list_faults_of_form(decision: Path) -> list[str]:
    """Return what of a decision is not as CONTRIBUTING.md has it."""
    title, _, date, *text = decision.read_text(encoding="utf-8").split("\n")
    good = {
        "title": re.fullmatch(rf"# {decision.name[:4]}\. [A-Z].*[^.]", title),
        "date": re.fullmatch(r"Date: \d{4}-\d\d-\d\d · Status: accepted", date),
        "sections": [line for line in text if line.startswith("## ")] == SECTIONS,
    }
    return [name for name, found in good.items() if not found]


def test_decisions_have_their_form_and_each_a_number_of_its_own():
    faults = {path.name: list_faults_of_form(path) for path in DECISIONS}
    assert {name: found for name, found in faults.items() if found} == {}
    assert [number for number, count in Counter(path.name[:4] for path in DECISIONS).items() if count > 1] == []


@pytest.mark.slow
def test_decisions_that_the_code_names_exist():
    """Three stand in migrations of a released version, which are frozen: their numbers are never given up."""
    numbers = {path.name[:4] for path in DECISIONS}
    assert [
        f"{path.relative_to(ROOT)}: {number}"
        for folder in sorted(FOLDERS - {"node_modules"})
        for path in (ROOT / folder).rglob("*.py")
        for number in re.findall(r"\bdocs/decisions/(\d{4})", path.read_text(encoding="utf-8"))
        if number not in numbers
    ] == []


@pytest.mark.slow
def test_names_in_docstrings_and_comments_exist_in_the_code():
    words = list_code_words() | OTHERS_NAMES
    assert [
        f"{path.relative_to(ROOT)}: {name}"
        for path in PYTHON_FILES
        for name in sorted(list_names_in_prose(path))
        if not set(re.findall(r"\w+", name)) <= words
    ] == []


#: A docstring explains parameters as « `name`: what it is. », several as « `one`, `two`: … ».
EXPLAINED = re.compile(r"(?:^|(?<=[.;:] )|(?<=\n))((?:`\w+`(?:, | and )?)+):")


def list_explained_strangers(path: Path) -> list[str]:
    """Return the names that docstrings of functions explain as parameters and that are none."""
    strangers = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            explained = EXPLAINED.findall(ast.get_docstring(node) or "")
            parameters = {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
            strangers += [
                f"{path.relative_to(ROOT)}: {node.name}: {name}"
                for name in re.findall(r"\w+", " ".join(explained))
                if name not in parameters | {"and"}
            ]
    return strangers


@pytest.mark.slow
def test_parameters_that_docstrings_explain_exist():
    assert [stranger for path in PYTHON_FILES for stranger in list_explained_strangers(path)] == []
