"""The exception for bad input, and the reason of any exception as one line."""

from __future__ import annotations

MAX_CHARACTERS = 1000
"""Longest message, which may quote user input."""


class UserError(Exception):
    """Bad input, or a request that cannot be fulfilled: one line with the problem and the remedy.

    The command line prints the line and exits with 2; the app displays it. Any other exception is a bug and keeps its
    traceback. Code decides by `code`, never by the text.

    Args:
        message: The line. Where it is empty, the line is composed of subject, reason and remedy.
        code: A short stable identifier, such as "busy", "disk_full" or "unknown_setting".
        subject: The file, the checkpoint or the setting that the error is about.
        reason: What is wrong with it, without a full stop. By default the whole line.
        remedy: What to do about it, as a sentence.
    """

    def __init__(
        self, message: object = "", *, code: str = "", subject: object = "", reason: str = "", remedy: str = ""
    ) -> None:
        line = _one_line(message) or _compose(_one_line(subject), _one_line(reason), _one_line(remedy))
        super().__init__(
            line if len(line) <= MAX_CHARACTERS else f"{line[: MAX_CHARACTERS // 2]} … {line[-MAX_CHARACTERS // 3 :]}"
        )
        self.code = code
        self.subject = _one_line(subject)
        self.reason = _one_line(reason) or line.removesuffix(".")
        self.remedy = _one_line(remedy)

    def to_dict(self) -> dict[str, str]:
        """The error as JSON: the line for people, and the code for programs."""
        return {"error": str(self), "code": self.code}

    def with_subject(self, subject: object) -> UserError:
        """The same error with another subject, such as a key instead of a path that remote users must not see."""
        return UserError(code=self.code, subject=subject, reason=self.reason, remedy=self.remedy)


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line and without the path that the text of an `OSError` contains."""
    if isinstance(error, UserError):
        return error.reason
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0]


def _one_line(text: object) -> str:
    line = " ".join(str(text).splitlines())
    return line.encode("utf-8", "backslashreplace").decode()  # file names may hold undecodable bytes


def _compose(subject: str, reason: str, remedy: str) -> str:
    problem = f"{subject}: {reason}" if subject else reason
    if not problem:
        return remedy
    return f"{problem}. {remedy}".rstrip()
