"""Every change that the product makes to a user's files: claims, moves, new names, safe opening.

A file is only ever renamed, to names that did not exist; between file systems the source goes
after the copy was compared and is on the disk.
"""
