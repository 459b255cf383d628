"""The operator's pages of our own, in the identity of the site: what waits, one order, the search.

They stand at the root of the back office, before the admin's own pages, with the same rule of access and without its
looser Content-Security-Policy.
"""
