"""One deed each: push a file, ask after an import, move a file to where it ended.

A step returns what came of it; it knows no journal and decides nothing.
"""
