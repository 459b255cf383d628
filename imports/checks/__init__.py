"""Validate each row against its school's current data. Pure: nothing is queried.

An allocation import states the total each school must have from the pool: the same file again changes nothing, a higher
number allocates the difference, a lower one is a conflict that a member must resolve. A portfolio import states the
data of each school; an empty cell changes nothing.
"""
