"""A PostgreSQL server of one's own, from Debian's package: a temporary cluster on the loopback.

Belongs here: making, starting and stopping it. Does not belong here: what is stored in it.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cup_assets_tests.end_to_end.harness import free_port
from cup_assets_tests.end_to_end.watching import wait_for


def postgres_programs() -> Path:
    """Return the folder of the newest server's programs; skip the test where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.skip("needs PostgreSQL's server programs (Debian: apt-get install postgresql)")
    return found[-1].parent


def _as_server_user() -> list[str]:
    """Return what goes before a command: the server refuses to run as root."""
    if os.geteuid() != 0:
        return []
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("PostgreSQL does not run as root, and there is no user `postgres` to run it as")
    return ["runuser", "-u", "postgres", "--"]


@contextmanager
def postgres_server() -> Iterator[str]:
    """Run a server with an empty database ``dagster``; yield its address with the password."""
    programs, prefix = postgres_programs(), _as_server_user()
    folder = Path(tempfile.mkdtemp(prefix="cup-postgres-"))
    password = secrets.token_hex(8)
    try:
        (folder / "password").write_text(password)
        if prefix:
            for path in (folder, folder / "password"):
                shutil.chown(path, "postgres")
        _run(
            [
                *(*prefix, programs / "initdb", "-D", folder / "cluster", "-U", "cup"),
                *("-E", "UTF8", "--locale=C", "--auth=scram-sha-256", "--no-sync"),
                f"--pwfile={folder / 'password'}",
            ]
        )
        port = free_port()
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {folder} -c fsync=off"
        control = [*prefix, programs / "pg_ctl", "-D", folder / "cluster", "-w"]
        _run([*control, "-l", folder / "log", "-o", options, "start"])
        try:
            address = f"postgresql://cup:{password}@127.0.0.1:{port}"
            _make_database(address)
            yield f"{address}/dagster".replace("://", "+psycopg2://")
        finally:
            _run([*control, "-m", "fast", "stop"])
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_database(address: str) -> None:
    import psycopg2

    def answers() -> bool:
        try:
            psycopg2.connect(f"{address}/postgres").close()
        except psycopg2.OperationalError:
            return False
        return True

    wait_for(answers, "the server answers", 30)
    connection = psycopg2.connect(f"{address}/postgres")
    connection.autocommit = True
    connection.cursor().execute("CREATE DATABASE dagster")
    connection.close()


def _run(command: list[str | Path]) -> None:
    # Nothing is piped: the server keeps what it inherits open.
    done = subprocess.run(
        command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=False
    )
    assert done.returncode == 0, command
