"""The data folder of a server: made by initdb once, copied from then on."""

import hashlib
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.postgres.account import Account
from tests.postgres.databases import USER
from tests.postgres.installation import PostgresUnavailable

_CACHE = Path(__file__).parents[2] / ".cache" / "postgres"
_OPTIONS = (
    f"--username={USER}",
    "--auth-local=trust",  # the socket's directory is closed to others
    "--auth-host=scram-sha-256",  # a loopback port is not
    "--encoding=UTF8",
    "--no-locale",
    "--no-sync",
)


def create_cluster(directory: Path, programs: Path, account: Account) -> str:
    """The superuser's password of a new data folder, ``directory / "data"``.

    Raises:
        PostgresUnavailable: initdb failed.

    """
    template = _CACHE / _fingerprint(programs, account)
    if not os.access(template, os.R_OK | os.X_OK):
        _initialize(directory, programs, account)
        with suppress(OSError):  # a read-only checkout has no cache
            _keep(directory, template)
    else:
        shutil.copytree(template, directory, dirs_exist_ok=True)
        account.own(directory)
    return (directory / "password").read_text(encoding="ascii")


def _fingerprint(programs: Path, account: Account) -> str:
    version = account.run(programs / "postgres", "--version").stdout
    return hashlib.sha256("\n".join((version, *_OPTIONS)).encode()).hexdigest()[:16]


def _initialize(directory: Path, programs: Path, account: Account) -> None:
    password = directory / "password"
    password.write_text(secrets.token_hex(16), encoding="ascii")
    password.chmod(0o600)
    account.own(directory)
    initdb = account.run(
        programs / "initdb", *_OPTIONS, f"--pwfile={password}", f"--pgdata={directory / 'data'}"
    )
    if initdb.returncode != 0:
        raise PostgresUnavailable(f"initdb failed: {initdb.stderr.strip()}")


def _keep(directory: Path, template: Path) -> None:
    """Copy to the cache in one step: other test runs see a whole folder or none."""
    template.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=template.parent) as unfinished:
        whole = Path(unfinished, template.name)
        whole.mkdir(mode=0o700)
        shutil.copytree(directory / "data", whole / "data")
        shutil.copy(directory / "password", whole / "password")
        whole.rename(template)
