"""Match rows of a list to schools of the directory: by UAI, by repaired UAI, by name and place.

Entry point: `recognise`. A match is returned only where it is almost certain: a wrong school is far worse than a row
that a user resolves by one click. Otherwise the result is a doubt code with proposals.
"""
