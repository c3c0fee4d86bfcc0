"""Folders for sockets, and, as root, the other user that Postgres has to run as."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import re
import stat
import subprocess
from pathlib import Path
from typing import Final

from argus_pipeline.errors import Unavailable

# Postgres refuses to run as root; this is the name that the wheel's own launcher uses as well.
SYSTEM_USER: Final = "pgserver"
SOCKET_NAME: Final = ".s.PGSQL.5432"
# sockaddr_un.sun_path holds 108 bytes, a zero among them.
_SOCKET_PATH_LIMIT: Final = 107
_PLAIN_PATH: Final = re.compile(r"[A-Za-z0-9/._-]+")


def socket_folder(folder: Path) -> Path:
    """Where the socket lies: in `folder`, or in a short path where that one would be too long.

    libpq also splits `host` at commas, so only a path of plain characters is used.
    """
    own = folder / "socket"
    if _PLAIN_PATH.fullmatch(str(own)) and len(str(own / SOCKET_NAME)) <= _SOCKET_PATH_LIMIT:
        return own
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path("/tmp") / f"argus-{os.getuid()}-{digest}"


def claim_private_folder(path: Path) -> None:
    """Make a folder for oneself, or make sure that the one which is there is one's own.

    Raises:
        Unavailable: it belongs to somebody else, who could answer in the server's place.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    trusted = {os.geteuid()}
    if os.geteuid() == 0:
        trusted.add(system_user().pw_uid)
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in trusted:
        raise Unavailable(
            "this folder for the socket belongs to somebody else",
            where=str(path),
            hint="Set ARGUS_HOME to a shorter path",
        )
    path.chmod(0o700)


def let_pass(path: Path) -> list[Path]:
    """Let other users pass through the folders above `path`, without seeing what is in them.

    Needed as root only, where Postgres runs as another user.

    Returns:
        The folders whose mode was changed.
    """
    changed = []
    for folder in path.parents:
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
            changed.append(folder)
    return changed


def let_read(folder: Path) -> None:
    """Let other users read and run what an installation with a strict umask kept to itself."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = stat.S_IMODE(path.stat().st_mode)
            path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def system_user() -> pwd.struct_passwd:
    """The user that Postgres runs as when we are root; made where it is not there.

    Raises:
        Unavailable: it cannot be made.
    """
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(SYSTEM_USER)
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", SYSTEM_USER],
            check=True,
            capture_output=True,
            text=True,
        )
        return pwd.getpwnam(SYSTEM_USER)
    except (OSError, KeyError, subprocess.CalledProcessError) as error:
        raise Unavailable(
            f"Postgres does not run as root, and the user {SYSTEM_USER!r} cannot be made: {error}",
            hint=f"Run `useradd --system {SYSTEM_USER}`, or run Argus as another user",
        ) from error
