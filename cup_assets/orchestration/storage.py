"""Where Dagster keeps its runs and events: SQLite files beside the data, or a PostgreSQL database.

Belongs here: which of them ``dagster.yaml`` says, its address, and whether it answers. Does not
belong here: making the instance (`cup_assets.orchestration.instance`), copying what is stored
(`cup_assets.orchestration.dagster_backup`).

No password is ever written to a file: ``dagster.yaml`` names the environment variable that holds
the address.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from cup_assets.settings import Settings

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

POSTGRES_VARIABLE = "CUP_DAGSTER_POSTGRES_URL"
POSTGRES_BLOCK = f"""\
# Runs, events and ticks in PostgreSQL; the address with its password is in the environment.
storage:
  postgres:
    postgres_url:
      env: {POSTGRES_VARIABLE}
"""

_FORM = "postgresql+psycopg2://USER:PASSWORD@HOST:PORT/DATABASE"
_PARTS = ("scheme", "username", "password", "hostname", "port", "db_name")
_TIMEOUT = 5  # seconds


class StorageError(ValueError):
    """Dagster's storage cannot be used as it is configured; the message says what to do."""


@dataclass(frozen=True)
class Storage:
    """Dagster's storage as ``dagster.yaml`` configures it.

    Attributes
    ----------
    kind
        ``sqlite``, ``postgres``, or the name that ``dagster.yaml`` gives to another one.
    home
        The instance folder.
    address
        Of a PostgreSQL database, None otherwise; prints without its password.
    """

    kind: str
    home: Path
    address: URL | None = None

    def __str__(self) -> str:
        """Say what it is in a phrase, without any secret."""
        if self.kind == "sqlite":
            return f"SQLite files in {self.home}"
        if self.address is None:
            return f"{self.kind}, as {self.home / 'dagster.yaml'} says"
        url = self.address
        where = f"{url.host or url.query.get('host', 'the local socket')}:{url.port or 5432}"
        return f"PostgreSQL, database {url.database} at {where} (user {url.username})"


def find_storage(settings: Settings) -> Storage:
    """Return the storage that the instance's ``dagster.yaml`` configures, without connecting.

    Raises
    ------
    StorageError
        If the file cannot be read, contradicts the environment, or needs what is not there.
    """
    return read_storage(settings.dagster_home / "dagster.yaml", settings.dagster_home)


def read_storage(config: Path, home: Path) -> Storage:
    """Return the storage that a ``dagster.yaml`` configures for an instance folder.

    Raises
    ------
    StorageError
        As `find_storage`.
    """
    block = _storage_block(config)
    kind = next(iter(block), "sqlite")
    if kind != "postgres":
        if os.environ.get(POSTGRES_VARIABLE):
            raise StorageError(
                f"{POSTGRES_VARIABLE} is set, but {config} keeps runs in {kind}: write"
                f" `storage: {{postgres: {{postgres_url: {{env: {POSTGRES_VARIABLE}}}}}}}` into it"
                " (the history so far stays behind), or unset the variable"
            )
        return Storage(kind, home)
    if find_spec("dagster_postgres") is None:
        raise StorageError(f"{config} asks for PostgreSQL: pip install 'cup-assets[postgres]'")
    return Storage(kind, home, _address(block["postgres"] or {}, config))


def refuse_silence(storage: Storage) -> None:
    """Connect to a PostgreSQL storage once.

    Raises
    ------
    StorageError
        With what the server or the network says, and no password.
    """
    if storage.address is None:
        return
    import psycopg2

    try:
        psycopg2.connect(
            storage.address.set(drivername="postgresql").render_as_string(hide_password=False),
            connect_timeout=_TIMEOUT,
        ).close()
    except psycopg2.Error as error:
        said = " ".join(str(error).split())
        if secret := storage.address.password:
            said = said.replace(str(secret), "***")
        raise StorageError(
            f"Dagster's storage does not answer ({storage}): {said}: start the server, or correct"
            f" {POSTGRES_VARIABLE}"
        ) from None


def _storage_block(config: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load(config.read_text(encoding="utf-8")) if config.exists() else {}
    except yaml.YAMLError as error:
        raise StorageError(f"{config} is no YAML: {' '.join(str(error).split())}") from error
    block = (content or {}).get("storage") if isinstance(content, dict) else None
    return block if isinstance(block, dict) else {}


def _address(block: Mapping[str, Any], config: Path) -> URL:
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if written := block.get("postgres_url"):
        try:
            return _usable(make_url(_value(written, config)))
        except ArgumentError:
            raise StorageError(
                f"the address of Dagster's storage in {config} is not of the form"
                f" {_FORM} (it is not shown here: it may hold"
                " a password)"
            ) from None
    given = dict(block.get("postgres_db", {}))
    parts = {name: _value(given[name], config) for name in _PARTS if name in given}
    return _usable(
        URL.create(
            parts.get("scheme", "postgresql"),
            username=parts.get("username"),
            password=parts.get("password"),
            host=parts.get("hostname"),
            port=int(parts.get("port", 5432)),
            database=parts.get("db_name"),
        )
    )


def _usable(url: URL) -> URL:
    """Refuse an address whose driver is not installed: SQLAlchemy's default is not Dagster's."""
    from sqlalchemy.exc import NoSuchModuleError

    try:
        url.get_dialect().import_dbapi()
    except (ImportError, NoSuchModuleError) as error:
        raise StorageError(
            f"Dagster's storage cannot be reached as {url.drivername}:// ({error}): begin the"
            f" address with postgresql+psycopg2://, as in {_FORM}"
        ) from None
    return url


def _value(written: object, config: Path) -> str:
    """Return a value of ``dagster.yaml``: itself, or what an environment variable holds."""
    if not isinstance(written, dict):
        return str(written)
    name = str(written.get("env"))
    if not os.environ.get(name):
        raise StorageError(
            f"{config} takes the address of Dagster's storage from {name}, which is not set: set"
            f" it to {_FORM}"
        )
    return os.environ[name]
