"""What may go wrong because of what somebody gave."""

from __future__ import annotations

LONGEST = 1000
"""Characters of a message; what somebody gave may be quoted in it."""


class UserError(ValueError):
    """Bad input: one line that says what is wrong and how to mend it. The command line prints it and exits with 2, the
    app shows it; any other exception is a bug of ours and keeps its traceback."""

    def __init__(self, message: object = "") -> None:
        line = " ".join(str(message).splitlines())
        line = line.encode("utf-8", "backslashreplace").decode()  # names that aren't text
        super().__init__(line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} … {line[-LONGEST // 3 :]}")


def reason_of(error: Exception) -> str:
    """An error's reason in one line."""
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return reason.splitlines()[0]
