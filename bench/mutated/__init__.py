"""Files of every format, mutated at random from a seed: each is read or refused, none loses a sheet in silence."""
