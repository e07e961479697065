"""One hash for a folder of files: the served model is verified to be the promoted one."""

import hashlib
from pathlib import Path


def folder_sha256(folder: Path) -> str:
    """
    Return the SHA-256 of every file's relative path and content, in hexadecimal.

    File times, owners and the order of writing do not affect it.
    """
    digest = hashlib.sha256()
    files = sorted(
        (path.relative_to(folder).as_posix(), path) for path in folder.rglob("*") if path.is_file()
    )
    for name, path in files:
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{name}\0{content}\n".encode())
    return digest.hexdigest()
