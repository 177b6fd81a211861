"""What the Hugging Face hub answers to its own client, as far as one small model needs it."""

import base64
import hashlib
import json
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

COMMIT = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_" + "a" * 34


@contextmanager
def stand_in():
    """(its address, {repository: {file: bytes}}, which is filled by what is pushed)."""
    repositories = {}

    class Answers(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self):
            self.do_GET()

        def do_GET(self):
            path = self.path.partition("?")[0].removeprefix("/")
            owner_and_name, _, file = path.partition("/resolve/")
            if not path:
                return self.answer(200, b"")
            if path == "api/whoami-v2":
                known = self.headers.get("authorization") == f"Bearer {TOKEN}"
                return self.answer(200 if known else 401, json.dumps({"name": "me", "type": "user"}).encode())
            if file:
                return self.send_file(repositories.get(owner_and_name, {}).get(file.partition("/")[2]))
            name = "/".join(path.removeprefix("api/models/").split("/")[:2])
            if name not in repositories:
                return self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
            if "/tree/" in path:
                files = repositories[name].items()
                listed = [{"type": "file", "path": f, "size": len(b), "oid": digest(b)} for f, b in files]
                return self.answer(200, json.dumps(listed).encode())
            siblings = [{"rfilename": file} for file in repositories[name]]
            about = {"id": name, "modelId": name, "sha": COMMIT, "siblings": siblings, "private": False, "tags": []}
            return self.answer(200, json.dumps(about).encode())

        def do_POST(self):
            content = self.rfile.read(int(self.headers["content-length"]))
            name = "/".join(self.path.removeprefix("/api/models/").split("/")[:2])
            if self.path == "/api/repos/create":
                asked = json.loads(content)
                name = f"{asked.get('organization') or 'me'}/{asked['name']}"
                repositories.setdefault(name, {})
                return self.answer(200, json.dumps({"url": f"{address}/{name}", "name": name}).encode())
            if self.path == "/api/validate-yaml":
                return self.answer(200, b'{"warnings": [], "errors": []}')
            if "/preupload/" in self.path:
                asked = json.loads(content)["files"]
                files = [{"path": f["path"], "uploadMode": "regular", "shouldIgnore": False} for f in asked]
                return self.answer(200, json.dumps({"files": files}).encode())
            for line in map(json.loads, content.splitlines()):
                if line["key"] == "file":
                    repositories[name][line["value"]["path"]] = base64.b64decode(line["value"]["content"])
            url = f"{address}/{name}/commit/{COMMIT}"
            return self.answer(200, json.dumps({"commitUrl": url, "commitOid": COMMIT, "success": True}).encode())

        def send_file(self, content):
            if content is None:
                return self.answer(404, b"", {"X-Error-Code": "EntryNotFound"})
            return self.answer(200, content, {"ETag": f'"{digest(content)}"', "X-Repo-Commit": COMMIT})

        def answer(self, status, content, headers=None):
            self.send_response(status)
            for key, value in {**(headers or {}), "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    address = f"http://127.0.0.1:{server.server_port}"
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield address, repositories
    finally:
        server.shutdown()
        server.server_close()


def digest(content):
    return hashlib.sha1(content).hexdigest()
