"""Match rows of a list to schools of the directory: by UAI, by repaired UAI, by name and place.

Entry point: `recognise`. A match is returned only where it is almost certain: a wrong school is far worse than a row
that a user resolves by one click. Otherwise the result is a doubt code with proposals.
"""

from schools.recognition.candidates import SchoolSummary, fetch_summaries
from schools.recognition.pipeline import recognise
from schools.recognition.results import Proposal, RecognitionMethod, RecognitionResult, SchoolReference, SearchScope

__all__ = [
    "Proposal",
    "RecognitionMethod",
    "RecognitionResult",
    "SchoolReference",
    "SchoolSummary",
    "SearchScope",
    "fetch_summaries",
    "recognise",
]
