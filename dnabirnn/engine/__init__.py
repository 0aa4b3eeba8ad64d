"""Codes to probabilities."""
