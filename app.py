"""DTN Studio in the browser: ``python app.py``, then open the address it prints."""

import sys

from dtn_core.core.errors import UserError
from dtn_core.core.processes import return_freed_memory
from dtn_core.ui.flags import parse_flags


def main(argv: list[str] | None = None) -> int:
    """Parse the flags, load the checkpoints and serve the app until it is interrupted.

    Returns:
        The exit code: 2 after one line on stderr if a flag or a checkpoint is invalid.
    """
    flags = parse_flags(argv)
    return_freed_memory()
    print("Loading DTN Studio ...", flush=True)  # importing gradio and torch takes seconds
    from dtn_core.ui.app import serve

    try:
        serve(flags)
    except UserError as error:
        print(f"app.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
