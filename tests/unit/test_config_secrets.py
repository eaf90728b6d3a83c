"""Where the API key is looked for, what makes one usable, and that it stays hidden."""

import copy
import dataclasses
import os
from pathlib import Path

import pytest

from pigment_watcher.config import Secret, secrets
from pigment_watcher.config.secrets import Finding


def key_file(folder: Path, content: str | bytes = "key-of-the-file\n", mode: int = 0o600) -> Path:
    file = folder / "api-key"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    file.chmod(mode)
    return file


def credentials(folder: Path, content: str) -> dict[str, str]:
    file = folder / secrets.CREDENTIAL
    file.write_text(content)
    file.chmod(0o444)
    return {"CREDENTIALS_DIRECTORY": str(folder)}


def revealed(found: Finding) -> str | None:
    return found.key.reveal() if found.key else None


@dataclasses.dataclass
class Holder:
    key: Secret


def test_a_secret_is_hidden_wherever_it_is_shown() -> None:
    secret = Secret("abc")
    holder = Holder(secret)
    shown = (f"{secret} {secret!r} {[secret]} {holder}", dataclasses.asdict(holder), vars(holder))
    assert "abc" not in repr(shown)
    assert secret.reveal() == "abc"


def test_secrets_are_equal_by_their_text() -> None:
    secret = Secret("abc")
    assert secret == Secret("abc") == copy.copy(secret)
    assert secret != Secret("abd")
    assert secret != "abc"
    assert len({secret, Secret("abc")}) == 1


def test_the_credential_comes_first(tmp_path: Path) -> None:
    environ = credentials(tmp_path, "key-of-the-system\n") | {secrets.VARIABLE: "another"}
    assert revealed(secrets.default(environ, key_file(tmp_path))) == "key-of-the-system"


def test_the_variable_comes_second(tmp_path: Path) -> None:
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), secrets.VARIABLE: "key-of-the-variable"}
    assert revealed(secrets.default(environ, key_file(tmp_path))) == "key-of-the-variable"


@pytest.mark.parametrize("environ", [{}, {secrets.VARIABLE: "", "CREDENTIALS_DIRECTORY": ""}])
def test_the_file_comes_last(environ: dict[str, str], tmp_path: Path) -> None:
    assert revealed(secrets.default(environ, key_file(tmp_path))) == "key-of-the-file"


def test_a_key_found_nowhere_is_missing_and_all_places_are_named() -> None:
    missing = secrets.default({}, None).missing
    assert "'pigment-api-key'" in missing
    assert "PIGMENT_API_KEY" in missing


def test_a_file_that_is_not_there_is_missing_with_its_name(tmp_path: Path) -> None:
    file = tmp_path / "gone"
    found = secrets.from_file(file)
    assert found.missing.startswith(f"no API key: {file}: No such file or directory; put the key")
    assert not found.problem


def test_a_broken_credential_is_not_passed_over(tmp_path: Path) -> None:
    environ = credentials(tmp_path, "two words") | {secrets.VARIABLE: "another"}
    assert secrets.default(environ, None).problem.startswith("the credential pigment-api-key must")


def test_an_empty_credential_gives_way_to_a_key_elsewhere(tmp_path: Path) -> None:
    environ = credentials(tmp_path, "")
    named = key_file(tmp_path)
    by_variable = secrets.default(environ | {secrets.VARIABLE: "another"}, named)
    by_file = secrets.default(environ, named)
    assert (by_variable.key, by_file.key) == (
        secrets.Secret("another"),
        secrets.from_file(named).key,
    )
    assert by_file.key is not None


@pytest.mark.parametrize("file", [None, "gone"])
def test_an_empty_credential_is_told_where_there_is_no_key_at_all(
    tmp_path: Path, file: str | None
) -> None:
    found = secrets.default(credentials(tmp_path, ""), tmp_path / file if file else None)
    assert found.missing == "the credential pigment-api-key is empty: put the API key into it"


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o666])
def test_a_file_that_everybody_may_read_or_change_is_a_problem(mode: int, tmp_path: Path) -> None:
    found = secrets.from_file(key_file(tmp_path, mode=mode))
    assert found.key is None
    assert f"(mode 0{mode:o})" in found.problem
    assert "chmod o=" in found.problem


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_a_file_for_its_owner_and_group_is_fine(mode: int, tmp_path: Path) -> None:
    assert revealed(secrets.from_file(key_file(tmp_path, mode=mode))) == "key-of-the-file"


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n"])
def test_line_ends_do_not_belong_to_the_key(end: str, tmp_path: Path) -> None:
    assert revealed(secrets.from_file(key_file(tmp_path, f"abc{end}"))) == "abc"


@pytest.mark.parametrize(
    "content",
    ["a b", "Bearer abc", " abc", "abc\ndef", "\ufeffabc", "äbc", b"a\xffb", "a\0", "a\t"],
)
def test_a_key_is_printable_ascii_without_blanks(content: str | bytes, tmp_path: Path) -> None:
    found = secrets.from_file(key_file(tmp_path, content))
    assert found.problem.endswith("one line of printable ASCII without blanks")


def test_an_empty_file_holds_no_key(tmp_path: Path) -> None:
    assert "is empty" in secrets.from_file(key_file(tmp_path, "\n")).missing


def test_a_key_of_the_old_dashed_format_is_refused_with_the_advice() -> None:
    key = "3jp2e232-9875-42f4-9fcf-63fe2ce568jp"
    problem = secrets.default({secrets.VARIABLE: key}, None).problem
    assert "which no longer works: generate a new key" in problem
    assert key not in problem


def test_a_folder_in_place_of_a_file_is_said_so(tmp_path: Path) -> None:
    assert "Is a directory" in secrets.from_file(tmp_path).missing


def test_a_pipe_without_a_writer_does_not_hold_us_up(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    assert "is empty" in secrets.from_file(tmp_path / "pipe").missing
