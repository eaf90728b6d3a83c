"""The composition root: builds the rooms, starts them in order, and stops them in reverse.

Nothing is imported here: what holds the state directory is needed before all the rest is read.
"""
