"""A shop."""

VERSION = "1.2"
