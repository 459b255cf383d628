"""What becomes of each row, given what is known of its school. Pure: the facts are handed in, nothing is asked.

For an attribution the file states what each school must have from the lot: the same file again changes nothing, a
higher number gives the difference, and a lower one is a conflict that only a person can settle. For the remit it states
what is known of each school, and an empty cell changes nothing.
"""

from imports.verdicts.judging import judge, judge_each
from imports.verdicts.rows import Asked, JudgedRow
from imports.verdicts.situation import RemitFacts, SchoolFacts, Situation
from imports.verdicts.together import Line, Together, gather, line_of

__all__ = [
    "Asked",
    "JudgedRow",
    "Line",
    "RemitFacts",
    "SchoolFacts",
    "Situation",
    "Together",
    "gather",
    "judge",
    "judge_each",
    "line_of",
]
