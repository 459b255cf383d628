"""Outlines of communes, intercommunalities, départements and regions, from files of open data."""
