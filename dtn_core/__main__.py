from .cli import main
from .core.processes import interrupt_on_break

interrupt_on_break()
raise SystemExit(main())
