"""Configuration files for tests, and what is said about them."""

from pathlib import Path
from typing import Any

from pigment_watcher import config, errors

UUID = "33d0d7d0-6125-47c4-b36a-882f4ed53b33"
OTHER_UUID = "5a2f3c1e-9d57-4b0e-8a43-0f6b1c2d3e4f"
ENVIRON = {"PIGMENT_API_KEY": "key-of-the-variable"}


def route(name: str, *more: str, directory: str = "in", configuration_id: str = UUID) -> str:
    """Return the lines of a route; its directory stands in the line after its name."""
    lines = (f"directory: {directory}", f"configuration_id: {configuration_id}", *more)
    return "".join([f"  {name}:\n", *(f"    {line}\n" for line in lines)])


def minimal(*more: str) -> str:
    """Return a file with one route; what else it says of it begins in line 5."""
    return "routes:\n" + route("sales", *more)


def load(folder: Path, text: str, **options: Any) -> config.Settings:
    """Load a text as a file of the folder; nothing on the disk is tried unless asked for."""
    file = folder / "config.yaml"
    file.write_text(text, encoding="utf-8")
    return config.load(file, **{"environ": ENVIRON, "probe_folders": False, **options})


def problems(folder: Path, text: str, **options: Any) -> list[str]:
    """Return what is wrong with a text, without the path of the folder."""
    try:
        load(folder, text, **options)
    except errors.ConfigError as error:
        return [line.replace(f"{folder}/", "") for line in error.problems]
    return []


def remarks(folder: Path, text: str, **options: Any) -> list[str]:
    """Return what is remarked about the folders of a text without problems, in short paths."""
    said = load(folder, text, probe_folders=True, **options).remarks
    return [line.replace(f"{folder}/", "") for line in said if ".load_mode: " not in line]
