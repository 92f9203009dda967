"""The page's JavaScript: ES modules in assets/js, served at /modules/ and mounted by the components that use them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse
from starlette.routing import Route

from ...core.files import distribution_folder

MODULES = distribution_folder("assets") / "js"

# behind a proxy, the app may have a path
_ADDRESS = '(window.gradio_config?.root || location.origin + location.pathname).replace(/\\/?$/, "/")'


def component_script(name: str, events: Sequence[str] = (), **options: Any) -> str:
    """Return the `js_on_load` of a component, which calls `mount` of assets/js/``name``.js.

    Args:
        name: of the module.
        events: custom events that the module fires: gradio accepts only those that this script names.
        options: second argument of `mount`, as JSON.
    """
    component = "{ element, props, trigger, watch, server }"
    arguments = json.dumps({**options, "events": list(events)})
    return f"{_import(name)}.then(({{ mount }}) => mount({component}, {arguments}));"


def page_script(name: str) -> str:
    """Return a function for the page's load event, which calls `mount` of assets/js/``name``.js."""
    return f"() => {{ {_import(name)}.then(({{ mount }}) => mount()); }}"


def _import(name: str) -> str:
    return f'import({_ADDRESS} + "modules/{name}.js")'


async def _serve(request: Request) -> FileResponse:
    path = MODULES / f"{request.path_params['name']}.js"
    if path.name not in {module.name for module in MODULES.glob("*.js")}:
        raise HTTPException(404)
    # browsers ask whether it has changed, so that an update of the app takes effect at once
    return FileResponse(path, media_type="text/javascript", headers={"Cache-Control": "no-cache"})


ROUTES = [Route("/modules/{name}.js", _serve)]
"""The routes of the modules."""
