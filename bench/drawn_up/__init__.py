"""Lists as people draw them up, each of a kind that no other list has, with what a data officer expects of it.

Schools are those of a real or synthetic directory, people are invented, everything is drawn from a seed. Nothing here
uses the import code. `town_hall_lists` and `network_lists` were drawn up before that code was read;
`misleading_titles` and `misleading_rows` after, at what it might misread.
"""
