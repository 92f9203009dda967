"""A Hub of our own on this machine: as much of the Hugging Face Hub's interface as downloading and uploading a model
take, in memory. The real client (huggingface_hub) talks to it, by HF_ENDPOINT."""

import base64
import hashlib
import json
import re
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

SHA = "0123456789abcdef0123456789abcdef01234567"


class _Handler(BaseHTTPRequestHandler):
    def _answer(self, status, content, **headers):
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        for name, value in {"Content-Length": len(content), **headers}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _refuse(self, repo):
        """Answer for a repository that can't be had. Returns whether it did."""
        hub = self.server
        if repo in hub.gated and self.headers.get("Authorization") != "Bearer good":
            self._answer(403, {"error": "gated"}, X_Error_Code="GatedRepo")
        elif repo not in hub.repos:
            self._answer(401, {"error": "Invalid username or password."}, X_Error_Code="RepoNotFound")
        else:
            return False
        return True

    def do_GET(self):
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(/revision/.*|/tree/.*)?", path):
            if self._refuse(match[1]):
                return
            files = self.server.repos[match[1]]
            if match[2] and match[2].startswith("/revision/") and match[2][10:] not in ("main", SHA):
                self._answer(404, {"error": "no revision"}, X_Error_Code="RevisionNotFound")
            elif match[2] and match[2].startswith("/tree/"):
                tree = [{"type": "file", "path": k, "size": len(v), "oid": _etag(v)} for k, v in files.items()]
                self._answer(200, tree)
            else:
                self._answer(200, {"id": match[1], "sha": SHA, "siblings": [{"rfilename": name} for name in files]})
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/[^/]+/(.+)", path):
            if self._refuse(match[1]):
                return
            content = self.server.repos[match[1]].get(match[2])
            if content is None:
                self._answer(404, {"error": "no entry"}, X_Error_Code="EntryNotFound", X_Repo_Commit=SHA)
            else:
                self._answer(200, content, X_Repo_Commit=SHA, ETag=f'"{_etag(content)}"')
        else:
            self._answer(404, {"error": f"{path} isn't made here"})

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self):
        self.server.asked.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/api/validate-yaml":
            self._answer(200, {"errors": [], "warnings": []})
        elif self.headers.get("Authorization") != "Bearer good":
            self._answer(401, {"error": "Invalid credentials"})
        elif self.path == "/api/repos/create":
            made = json.loads(body)
            name = f"{made.get('organization', 'somebody')}/{made['name']}"
            self.server.repos.setdefault(name, {})
            self._answer(200, {"url": f"http://{self.headers['Host']}/{name}", "name": name, "id": name})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", self.path):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            self._answer(200, {"files": files})
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", self.path):
            repo = self.server.repos[match[1]]
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    repo[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "deletedFile":
                    del repo[value["path"]]
            url = f"http://{self.headers['Host']}/{match[1]}/commit/{SHA}"
            self._answer(200, {"commitUrl": url, "commitOid": SHA, "success": True})
        else:
            self._answer(404, {"error": f"{self.path} isn't made here"})

    def log_message(self, *_):
        pass


def _etag(content):
    return hashlib.sha1(content).hexdigest()


@contextmanager
def serve():
    """A Hub: `url`, `repos` (name → file name → content), `gated` (names), `asked` (paths so far)."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.repos, server.gated, server.asked = {}, set(), []
    server.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
