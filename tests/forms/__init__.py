"""Every form of every page: each control is a name that the view behind it reads."""
