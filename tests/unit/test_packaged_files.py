"""What is installed beside the program."""

from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
UNITS = CHECKOUT / "systemd"

#: What the template calls what the service calls otherwise.
NAMES = {
    "folders into pigment (%i)": "folders into pigment",
    "/etc/pigment-watcher/%i.yaml": "/etc/pigment-watcher/config.yaml",
    "/etc/pigment-watcher/%i.api-key": "/etc/pigment-watcher/api-key",
    "statedirectory=pigment-watcher/%i": "statedirectory=pigment-watcher",
}


def _directives(unit: str, names: dict[str, str]) -> list[str]:
    """Return what a unit says, in lower case and by other names."""
    text = (UNITS / unit).read_text().lower()
    for name, other in names.items():
        text = text.replace(name, other)
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def test_the_template_is_the_service_by_other_names() -> None:
    """A directive that is added to one of them only would be missed by whoever uses the other."""
    service = _directives("pigment-watcher.service", {})
    assert len(service) > 40
    assert _directives("pigment-watcher@.service", NAMES) == service


def test_the_installer_names_every_document_that_is_there() -> None:
    script = (CHECKOUT / "packaging" / "install.sh").read_text()
    for name in ("configuration", "drives", "operations", "reasons", "reliability", "monitoring"):
        assert (CHECKOUT / "docs" / f"{name}.md").is_file()
        assert f"docs/{name}.md" in script
    for file in UNITS.iterdir():
        assert file.name in script or file.name.rpartition(".")[2] in {"sysusers", "tmpfiles"}
