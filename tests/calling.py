"""Direct calls to a running app, past its page: every handler by the component that fires it, as anybody could."""

from __future__ import annotations

import json
import secrets
from html import unescape

import httpx

from dtn_core.config import PRESETS
from dtn_core.ui.tabs.train.fields import FIELDS


class Caller:
    """Somebody with a session and cookies of their own. account: (user, password); headers: sent with every call."""

    def __init__(self, url, account=None, **headers):
        self.http = httpx.Client(base_url=url, headers=headers, timeout=60)
        self.session = secrets.token_hex(6)
        if account:
            self.http.post("/login", data=dict(zip(("username", "password"), account))).raise_for_status()
        self.http.get("/")  # whose cookie stays
        config = self.http.get("/config").json()
        self.parts = {part["id"]: part["props"] for part in config.get("components", [])}
        self.handlers = config.get("dependencies", [])

    def find(self, name, event):
        """The handlers of a component, by its elem_id or its words, that run on the server."""
        for handler in self.handlers:
            for part, fired in handler["targets"]:
                props = self.parts.get(part, {})
                if fired == event and name in (props.get("elem_id"), props.get("value")) and handler["backend_fn"]:
                    yield handler

    def call(self, name, event, *data):
        """What the handler answers, as text."""
        (handler,) = self.find(name, event)
        return self.run(handler, *data)

    def run(self, handler, *data):
        body = {"fn_index": handler["id"], "data": data, "session_hash": self.session}
        if handler["queue"] is False:
            return unescape(self.http.post("/gradio_api/run/predict", json=body).text)
        joined = self.http.post("/gradio_api/queue/join", json=body)
        if joined.status_code != 200:
            return joined.text
        with self.http.stream("GET", "/gradio_api/queue/data", params={"session_hash": self.session}) as stream:
            for line in stream.iter_lines():
                if line.startswith("data:") and (message := json.loads(line[5:]))["msg"] == "process_completed":
                    return unescape(json.dumps(message["output"]))
        raise AssertionError("no answer")

    def page(self):
        """What the page is filled with when it is opened."""
        found = [h for h in self.handlers if any(fired == "load" for _, fired in h["targets"]) and h["backend_fn"]]
        return "".join(self.run(handler, *self.given(handler)) for handler in found)

    def given(self, handler, values=()):
        """What the components of a handler hold; values: by elem_id, in place of those."""
        named = dict(values)
        parts = [self.parts[part] for part in handler["inputs"]]
        return [named.get(part.get("elem_id"), part.get("value")) for part in parts]

    def form(self, button, **values):
        """Press *Check* or *Start* with these values in the form."""
        *_, handler = self.find(f"train-{button}", "click")  # Check says first that it looks
        if button == "check":
            handler = self.handlers[self.handlers.index(handler) + 1]
        preset = PRESETS[values["preset"]]
        own = {field.name: getattr(preset, field.name, None) for field in FIELDS}
        fields = {f"train-{name}": value for name, value in {**own, **values}.items()}
        return self.run(handler, *self.given(handler, fields))

    def press(self, what, run, *more):
        """Press one of the buttons below a run."""
        words = {"stop": "Stop and save", "resume": "Resume", "sample": "Sample now", "save": "Save now", "set": "Set"}
        words |= {"note": "Save the note", "zip": "train-zip"}
        if what in ("delete", "force"):
            self.call(f"train-{what}", "click", run)
            return self.call("train-yes", "click", None)
        return self.call(words[what], "click", run, *more)
