"""The exception for bad input, and the reason of any exception in one line."""

from __future__ import annotations

LONGEST = 1000
"""Characters of a message; it may quote what the user gave."""


class UserError(Exception):
    """Bad input, or a request that cannot be met: one line that says what is wrong and what to do about it.

    The command line prints the line and exits with 2; the app shows it. Any other exception is a bug of ours and keeps
    its traceback. Code decides by `code`, never by the text.

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
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 3 :]}")
        self.code = code
        self.subject = _one_line(subject)
        self.reason = _one_line(reason) or line.removesuffix(".")
        self.remedy = _one_line(remedy)

    def to_dict(self) -> dict[str, str]:
        """What an answer in JSON says of it: the line for people, and the code for programs."""
        return {"error": str(self), "code": self.code}

    def about(self, subject: object) -> UserError:
        """The same error with another subject: a key in place of a path that the viewer must not see."""
        return UserError(code=self.code, subject=subject, reason=self.reason, remedy=self.remedy)


def reason_of(error: BaseException) -> str:
    """Why something failed, in one line and without the path: the text of an `OSError` names it once more."""
    if isinstance(error, UserError):
        return error.reason
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text.splitlines()[0]


def _one_line(text: object) -> str:
    line = " ".join(str(text).splitlines())
    return line.encode("utf-8", "backslashreplace").decode()  # file names may hold bytes that are no text


def _compose(subject: str, reason: str, remedy: str) -> str:
    problem = f"{subject}: {reason}" if subject else reason
    if not problem:
        return remedy
    return f"{problem}. {remedy}".rstrip()
