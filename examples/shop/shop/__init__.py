"""What the flows of the shop share."""
