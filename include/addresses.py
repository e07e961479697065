"""Addresses of servers: logins that they must not show, and traffic that no proxy may carry."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import MutableMapping
from typing import Final
from urllib.parse import unquote, urlsplit

LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "::1")

_LOGIN: Final = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*://)[^\s/?#'\"<>]*@")


def without_login(text: str) -> str:
    """
    Return ``text`` without the user info of every URL in it.

    For whatever people or logs see: errors of libraries may hold the address that they were given.

    Examples
    --------
    >>> without_login("cannot reach http://ann:s3cr@t@mlflow:5000/api, nor https://b@c")
    'cannot reach http://mlflow:5000/api, nor https://c'
    """
    return _LOGIN.sub(r"\g<scheme>", text)


def split_login(url: str) -> tuple[str, str | None, str | None]:
    """
    Return ``url`` without its user info, the user and the password; None where it has none.

    Examples
    --------
    >>> split_login("http://ann:p%40ss@mlflow:5000/prefix")
    ('http://mlflow:5000/prefix', 'ann', 'p@ss')
    >>> split_login("http://mlflow:5000")
    ('http://mlflow:5000', None, None)
    """
    user_info, found, _ = urlsplit(url).netloc.rpartition("@")
    if not found:
        return url, None, None
    user, _, password = user_info.partition(":")
    return without_login(url), unquote(user), unquote(password)


def is_loopback(host: str) -> bool:
    """
    Return whether only this machine can reach ``host``, a name or an address.

    Examples
    --------
    >>> is_loopback("127.0.0.1"), is_loopback("[::1]"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False


def host_of(authority: str) -> str:
    """
    Return the host of ``host`` or ``host:port``, in small letters and without brackets.

    Examples
    --------
    >>> host_of("Localhost:8000"), host_of("[::1]:8000"), host_of("[::1]"), host_of("")
    ('localhost', '::1', '::1', '')
    """
    name = authority.strip().lower().rpartition("@")[2]
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].rstrip(".")


def host_and_port(host: str, port: int) -> str:
    """
    Return ``host:port`` as URLs and servers write it.

    Examples
    --------
    >>> host_and_port("::1", 8000), host_and_port("127.0.0.1", 8000)
    ('[::1]:8000', '127.0.0.1:8000')
    """
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def bypass_proxies(environment: MutableMapping[str, str], *hosts: str) -> None:
    """
    Except loopback and ``hosts`` from the proxies that ``environment`` names, in both spellings.

    A proxy's own loopback is another machine: requests to ours would fail or, worse, be answered.

    Examples
    --------
    >>> environment = {"no_proxy": "intranet"}
    >>> bypass_proxies(environment)
    >>> environment["NO_PROXY"]
    'intranet,localhost,127.0.0.1,::1'
    """
    known = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    names = [name.strip() for name in known.split(",") if name.strip()]
    if "*" not in names:
        names = list(dict.fromkeys((*names, *LOOPBACK_NAMES, *hosts)))
    environment["no_proxy"] = environment["NO_PROXY"] = ",".join(names)
