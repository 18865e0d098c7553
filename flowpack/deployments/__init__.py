"""Specs of deployments, plans of them, and the way back from one to its flow."""
