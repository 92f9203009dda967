from .cli import main
from .processes import interrupt_on_break

interrupt_on_break()
raise SystemExit(main())
