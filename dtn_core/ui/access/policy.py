"""Who may do what. The person at this computer owns everything on it; what others may do beyond looking and drawing was
switched on by name when the app was started. `guard` finds out who calls; nothing here touches the network."""

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
"""Which trainings somebody may start and see: all; tiny presets without paths of the server's own; none."""

UNKNOWN = "unknown"
"""`Viewer.id` of a call that shows no session: it owns nothing."""

_FORWARDED = ("forwarded", "x-real-ip", "via", "x-client-ip", "true-client-ip", "cf-connecting-ip")


class Viewer(NamedTuple):
    """Whose call it is. id: "" for the person at this computer, else an account or a session, by which runs are owned;
    training: what may be trained; paths: whether folders and files of the server may be named; address: where the call
    comes from, for rates."""

    id: str = ""
    training: Policy = "all"
    paths: bool = True
    address: str = ""

    @property
    def is_local(self) -> bool:
        """Whether this is the person at this computer."""
        return not self.id

    def owns(self, owner: str) -> bool:
        """Whether what belongs to somebody is this viewer's to change; owner: "" for the person at this computer."""
        return self.is_local or (self.id == owner != UNKNOWN)


def local_viewer() -> Viewer:
    """The person at this computer."""
    return Viewer()


ANONYMOUS = Viewer(UNKNOWN, "off", paths=False)


@dataclass(frozen=True)
class AccessPolicy:
    """What was switched on at the start. public: others than the people at this computer can reach the app by its own
    address; training: as named, None where nothing was said; paths: others may name the server's folders; accounts:
    (user, password) of those who may use the app at all, () for everybody."""

    public: bool = False
    training: Policy | None = None
    paths: bool = False
    accounts: tuple[tuple[str, str], ...] = ()

    @property
    def at_most(self) -> Policy:
        """What anybody may train here: what the page is made for."""
        return self.training or ("off" if self.public else "all")

    def viewer(self, local: bool, who: str, address: str) -> Viewer:
        """local: whether the call comes from this computer, by no proxy (`is_local_request`); who: see `Viewer.id`."""
        if local and not self.public:
            return Viewer("", self.at_most, True, address)
        training = self.training or "off"
        return Viewer(who, training, self.paths and training == "all", address)

    def startup_lines(self) -> list[str]:
        """For whoever starts the app: who can reach it, and what they may do; a line each."""
        who = "Whoever reaches it" if self.public else "Whoever reaches it through a proxy"
        if self.public:
            if self.accounts:
                lines = [f"Others can reach it; they need a password ({len(self.accounts)} in all)."]
            else:
                lines = ["Others can reach it, without a password: --auth USER:PASSWORD asks for one."]
        else:
            lines = ["Only this computer can reach it, unless a proxy or tunnel here leads to it."]
        if self.training == "all":
            paths = ", and read its folders of pictures by their paths (--server-paths)" if self.paths else ""
            lines.append(f"Warning: {who.lower()} may start trainings on this computer (training is all){paths}.")
        elif self.training == "tiny":
            lines.append(f"{who} may start tiny trainings (training is tiny), and name none of its folders.")
        else:
            lines.append(f"{who} may neither train nor name folders (see --training, --server-paths).")
        return lines


def is_public(host: str | None, share: bool = False) -> bool:
    """Whether others than the people at this computer can reach the app by its own address."""
    if share or os.environ.get("SPACE_ID"):
        return True
    return not (host is None or is_local_name(host))


def is_local_name(host: str) -> bool:
    """Whether a name, with or without a port, is this computer's own: ``localhost``, ``127.0.0.1:7860``, ``[::1]``."""
    name = host[1:].partition("]")[0] if host.startswith("[") else host if host.count(":") > 1 else host.split(":")[0]
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        name = name.lower().rstrip(".")
        return name == "localhost" or name.endswith(".localhost")


def is_local_request(peer: str, http_version: str, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from a program on this computer and through no proxy. Proxies give themselves away by
    their headers, by a name that isn't this computer's, or, without either, by HTTP/1.0 (nginx's default)."""
    if http_version == "1.0" or any(name in _FORWARDED or name.startswith("x-forwarded") for name in headers):
        return False
    return is_local_name(peer) and is_local_name(headers.get("host", ""))


def parse_training(flag: str | None) -> Policy | None:
    """What was named by --training, or DTN_TRAINING in the environment. Raises UserError for another word."""
    word = (flag or os.environ.get("DTN_TRAINING", "")).strip()
    if word and word not in get_args(Policy):
        raise UserError(f"DTN_TRAINING={word}: write all, tiny or off.")
    return word or None  # type: ignore[return-value]


def accounts(flags: Sequence[str] = (), file: str | None = None) -> tuple[tuple[str, str], ...]:
    """USER:PASSWORD of --auth, of the lines of a file, and of DTN_AUTH in the environment, where a list of processes
    doesn't show them. Raises UserError for what is none, without repeating it."""
    lines = [*flags, *os.environ.pop("DTN_AUTH", "").splitlines()]  # trainings have no use for it
    if file:
        try:
            lines += Path(file).read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--auth-file {file}: cannot be read ({getattr(error, 'strerror', 'no text')}).") from None
    found = {}
    for line in filter(None, (line.strip() for line in lines)):
        user, colon, password = line.partition(":")
        if not (colon and user.strip() and password):
            raise UserError("--auth, --auth-file and DTN_AUTH take USER:PASSWORD, neither of them empty.")
        found[user.strip()] = password
    if file and not found:
        raise UserError(f"--auth-file {file}: holds no USER:PASSWORD, one a line.")
    return tuple(found.items())


def digest(secret: str) -> str:
    """What is kept of a session's secret, or of an account's name: enough to know it again, too little to pass for
    it."""
    return hashlib.blake2b(secret.encode(), digest_size=16).hexdigest()
