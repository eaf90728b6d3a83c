"""Carries CSV files from folders into Pigment, once and in order."""

__version__ = "0.1.0"
