"""The installation whose database this is: a copy that was restored elsewhere is another one, and acts on nobody."""
