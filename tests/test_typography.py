"""Templates: French typography, where no line breaks inside « » nor before a colon, « ; », « ? » or « ! »; partials."""

import re
import subprocess
from pathlib import Path

import pytest
from django.template import engines

ROOT = Path(__file__).resolve().parent.parent
#: What is not text that a person reads: comments, samples of code, template tags and HTML tags, in this order.
_NOT_TEXT = re.compile(
    r"""\{%\s*comment.*?endcomment\s*%\} | \{\#.*?\#\} | <!--.*?-->
    | <(pre|script|style)\b.*?</\1>
    | \{%.*?%\}
    | <[/!a-zA-Z](?:"[^"]*"|'[^']*'|[^<>"'])*>""",
    re.DOTALL | re.VERBOSE,
)
#: Of e-mails that carry a collectivity's logo: no text of a writer's.
FRAME = "pools/emails/email.txt"
_BREAKABLE = re.compile(r"«[ \n]|[ \n]»|(?<=[^\s\0])[ \n]+[:;?!](?=[\s\0]|$)")


def list_templates(pattern: str = "*.html") -> list[str]:
    """Return the paths of the templates that are under version control, HTML by default."""
    listed = subprocess.run(["git", "ls-files", pattern], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603, S607
    return [path for path in listed.stdout.split() if "/templates/" in path]


def find_breakable_spaces(template: str) -> list[str]:
    """Return the text around each plain space that a line could break at and must not."""
    text = _NOT_TEXT.sub("\0", re.sub(r"\{\{.*?\}\}", "x", template))
    # A tag is no word: what stands before it is beside what follows it.
    text = re.sub(r"\0+", "\0", text)
    text = re.sub(r"\0(?=[ \n]+[:;?!»](?:[\s\0]|$))", "x", text)
    return [text[max(0, found.start() - 30) : found.end() + 20] for found in _BREAKABLE.finditer(text)]


def test_breakable_spaces_are_found():
    samples = {
        "<p>Attention\xa0: « a ».</p>": 2,
        "<p>Attention&nbsp;: «&nbsp;{{ name }}&nbsp;»&nbsp;?</p>": 0,
        "<strong>Attention</strong> : rien": 1,
        "{% if late %}en retard{% endif %}\n  : rien": 1,
        "<pre>a : b</pre><!-- a : b --><a title='a : b'>c</a>": 0,
        "<p>Vraiment ?</p>": 1,
    }
    assert {template: len(find_breakable_spaces(template)) for template in samples} == samples


@pytest.mark.slow
def test_no_line_of_a_template_breaks_before_double_punctuation():
    faults = {path: find_breakable_spaces((ROOT / path).read_text(encoding="utf-8")) for path in list_templates()}
    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.slow
def test_a_template_of_e_mails_compiles_and_leaves_typography_to_its_rendering():
    """Its spaces and apostrophes become those of French when it is rendered: a writer types plain ones."""
    paths = [path for path in list_templates("*emails/*.txt") if FRAME not in path]
    assert len(paths) > 20
    for path in paths:
        engines["texts"].get_template(path.partition("/templates/")[2])
        assert re.findall("[\u2019\u00a0\u202f]|&nbsp;", (ROOT / path).read_text(encoding="utf-8")) == [], path


def test_partials_say_at_their_head_what_they_are_and_take():
    partials = [path for path in list_templates() if Path(path).name.startswith("_")]
    assert partials
    assert [path for path in partials if not (ROOT / path).read_text().startswith(("{# ", "{% comment %}"))] == []
