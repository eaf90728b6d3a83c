"""Runs the command as `python -m pigment_watcher`."""

from pigment_watcher.cli import main

main()
