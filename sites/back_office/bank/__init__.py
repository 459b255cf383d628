"""Back office of bank statements: the lines to look at with their proposals, one line by hand, all lines."""
