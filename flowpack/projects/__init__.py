"""Flows of several files, packed as one script."""
