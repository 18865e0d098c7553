"""What the pages of the documentation say is so."""
