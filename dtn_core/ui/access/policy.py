"""Permissions. The local user owns everything on the computer; what remote users may do beyond viewing and drawing is
switched on by flags of the app. `middleware` identifies the caller; nothing here accesses the network."""

from __future__ import annotations

import hashlib
import ipaddress
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple, get_args

from ...core.errors import UserError

Policy = Literal["all", "tiny", "off"]
"""Trainings that a viewer may start and see: all, tiny presets without paths on the server, or none."""

UNKNOWN = "unknown"
"""`Viewer.id` of a call without a session: it owns nothing."""

_FORWARDED = ("forwarded", "x-real-ip", "via", "x-client-ip", "true-client-ip", "cf-connecting-ip")


class Viewer(NamedTuple):
    """The caller of a request.

    Attributes:
        id: account or session that owns runs; "" for the local user.
        training: trainings that they may start.
        paths: whether they may name folders and files of the server.
        address: network address, for rate limits.
    """

    id: str = ""
    training: Policy = "all"
    paths: bool = True
    address: str = ""

    @property
    def is_local(self) -> bool:
        """Whether this is the local user."""
        return not self.id

    def owns(self, owner: str) -> bool:
        """Whether this viewer may change what belongs to an owner ("" for the local user)."""
        return self.is_local or (self.id == owner != UNKNOWN)


def local_viewer() -> Viewer:
    """Return the local user."""
    return Viewer()


ANONYMOUS = Viewer(UNKNOWN, "off", paths=False)


@dataclass(frozen=True)
class AccessPolicy:
    """The permissions that the flags of the app grant.

    Attributes:
        public: whether remote users can reach the app by its own address.
        training: trainings that were allowed by a flag; None without the flag.
        paths: whether remote users may name the server's folders.
        accounts: (user, password) of those who may use the app; empty for everybody.
    """

    public: bool = False
    training: Policy | None = None
    paths: bool = False
    accounts: tuple[tuple[str, str], ...] = ()

    @property
    def max_training(self) -> Policy:
        """The most that any viewer may train, which the page is built for."""
        return self.training or ("off" if self.public else "all")

    def viewer(self, local: bool, who: str, address: str) -> Viewer:
        """Return the caller of a request with their permissions.

        Args:
            local: whether the request comes from this computer and through no proxy, see `is_local_request`.
            who: as `Viewer.id`.
            address: as `Viewer.address`.
        """
        if local and not self.public:
            return Viewer("", self.max_training, True, address)
        training = self.training or "off"
        return Viewer(who, training, self.paths and training == "all", address)

    def startup_lines(self) -> list[str]:
        """Return lines for the terminal that say who can reach the app and what they may do."""
        who = "Anyone who can reach it" if self.public else "Anyone who reaches it through a proxy"
        if self.public:
            if self.accounts:
                lines = [f"Others can reach it; they need a password (accounts: {len(self.accounts)})."]
            else:
                lines = ["Others can reach it, without a password: --auth USER:PASSWORD requires one."]
        else:
            lines = ["Only this computer can reach it, unless a proxy or tunnel on it forwards requests."]
        if self.training == "all":
            paths = ", and read its folders of pictures by their paths (--server-paths)" if self.paths else ""
            lines.append(
                f"Warning: {who[0].lower()}{who[1:]} may start trainings on this computer (training is all){paths}."
            )
        elif self.training == "tiny":
            lines.append(f"{who} may start tiny trainings (training is tiny), without access to its folders.")
        else:
            lines.append(f"{who} may neither train nor name folders (see --training, --server-paths).")
        return lines


def is_public(host: str | None, share: bool = False) -> bool:
    """Whether remote users can reach the app by its own address."""
    if share or os.environ.get("SPACE_ID"):
        return True
    return not (host is None or is_local_name(host))


def is_local_name(host: str) -> bool:
    """Whether a host, with or without a port, is a loopback name: ``localhost``, ``127.0.0.1:7860``, ``[::1]``."""
    if host.startswith("["):
        name = host[1:].partition("]")[0]
    elif host.count(":") > 1:  # IPv6 without brackets
        name = host
    else:
        name = host.partition(":")[0]
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        name = name.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def is_local_request(peer: str, http_version: str, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a program on this computer and through no proxy.

    Proxies are recognised by their headers, by a host that isn't a loopback name, or by HTTP/1.0 (nginx's default).
    """
    if http_version == "1.0" or any(name in _FORWARDED or name.startswith("x-forwarded") for name in headers):
        return False
    return is_local_name(peer) and is_local_name(headers.get("host", ""))


def parse_training(flag: str | None) -> Policy | None:
    """Return the value of --training, or of DTN_TRAINING without the flag. Raises UserError for an invalid value."""
    value = (flag or os.environ.get("DTN_TRAINING", "")).strip()
    if value and value not in get_args(Policy):
        raise UserError(f"DTN_TRAINING={value}: write all, tiny or off.")
    return value or None  # type: ignore[return-value]


def accounts(flags: Sequence[str] = (), file: str | None = None) -> tuple[tuple[str, str], ...]:
    """Collect the accounts of --auth, --auth-file and DTN_AUTH; the last two are hidden from the process list.

    Args:
        flags: USER:PASSWORD of each --auth.
        file: one USER:PASSWORD a line, or None.

    Returns:
        (user, password) of each account.

    Raises:
        UserError: if a line is invalid, without repeating it, or the file can't be read.
    """
    lines = [*flags, *os.environ.pop("DTN_AUTH", "").splitlines()]  # training processes don't inherit it
    if file:
        try:
            lines += Path(file).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", "not UTF-8 text")
            raise UserError(f"--auth-file {file}: cannot be read ({reason}).") from None
    passwords = {}
    for line in filter(None, (line.strip() for line in lines)):
        user, colon, password = line.partition(":")
        if not (colon and user.strip() and password):
            raise UserError("--auth, --auth-file and DTN_AUTH take USER:PASSWORD; neither may be empty.")
        passwords[user.strip()] = password
    if file and not passwords:
        raise UserError(f"--auth-file {file}: contains no line USER:PASSWORD.")
    return tuple(passwords.items())


def digest(secret: str) -> str:
    """Hash a session's secret or an account's name: enough to recognise it, too little to impersonate it."""
    return hashlib.blake2b(secret.encode(), digest_size=16).hexdigest()
