"""What may go wrong because of what somebody gave."""

from __future__ import annotations


class UserError(ValueError):
    """Bad input: one line that says what is wrong and how to mend it. The command line prints it and exits with 2, the
    app shows it; any other exception is a bug of ours and keeps its traceback."""
