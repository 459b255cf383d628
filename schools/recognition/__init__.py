"""Which school of the directory each row of a list means: by its UAI, by a repaired one, by its name and place.

`recognise` is the way in. A row is given a school by itself only where that is as good as certain: a school that gets
another's licences is far worse than a row that an officer settles with one click. What is not certain comes back with a
doubt and the likeliest schools.
"""

from schools.recognition.answers import How, Named, Proposal, Recognised, Scope
from schools.recognition.known import Glance, glances
from schools.recognition.recognising import recognise

__all__ = ["Glance", "How", "Named", "Proposal", "Recognised", "Scope", "glances", "recognise"]
