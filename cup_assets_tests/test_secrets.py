"""No key, token or password stands in a file of the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[1]

# Forms that only a real secret has; a variable named PASSWORD is none.
SECRETS = {
    "private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "cloud access key": rb"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b",
    "token of a forge": rb"\b(?:gh[pousr]_[0-9A-Za-z]{36}|glpat-[0-9A-Za-z_-]{20})\b",
    "token of a registry": rb"\b(?:pypi-AgEIcHlwaS5v[c]mc|npm_[0-9A-Za-z]{36})",
    "token of a service": rb"\b(?:xox[abprs]-[0-9A-Za-z-]{10,}|sk-[0-9A-Za-z]{32,})\b",
    "signed token": rb"\beyJ[0-9A-Za-z_-]{10,}\.eyJ[0-9A-Za-z_-]{10,}\.[0-9A-Za-z_-]{10,}",
    "password in an address": rb"[a-z+0-9]://[A-Za-z0-9._-]+:(?!PASSWORD@)[A-Za-z0-9._%-]+@[a-z0-9]",
    "password that is set": rb"(?im)^\s*[A-Z_]*(?:PASSWORD|SECRET|TOKEN|API_KEY)\s*[=:]\s*"
    rb"[\"']?[A-Za-z0-9/+_-]{8,}[\"']?\s*$",
}


def found_in(content: bytes) -> list[str]:
    return [name for name, pattern in SECRETS.items() if re.search(pattern, content)]


def test_no_tracked_file_holds_a_secret() -> None:
    if shutil.which("git") is None or not (CHECKOUT / ".git").exists():
        pytest.skip("needs the git checkout, to know which files are tracked")
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, check=True
    ).stdout.split(b"\0")
    files = [CHECKOUT / name.decode() for name in listed if name]
    assert len(files) > 100
    leaks = {
        str(file): found
        for file in files
        if file.is_file() and (found := found_in(file.read_bytes()))
    }
    assert leaks == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("private key", "-----BEGIN " + "RSA PRIVATE KEY-----"),
        ("cloud access key", "key = 'AKIA" + "ABCDEFGHIJKLMNOP'"),
        ("token of a forge", "ghp_" + "a1" * 18),
        ("password in an address", "postgresql://cup:" + "tumour7@localhost/dagster"),
        ("password that is set", "PGPASSWORD=" + "tumour7tumour"),
    ],
)
def test_a_secret_would_be_found(name: str, text: str) -> None:
    assert name in found_in(text.encode())


def test_names_and_placeholders_are_no_secrets() -> None:
    assert found_in(b"PGPASSWORD=$PASSWORD\npostgresql://USER:PASSWORD@HOST:PORT/DATABASE") == []
