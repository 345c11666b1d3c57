#!/usr/bin/env python3
"""A little store of files: PUT, GET and DELETE of paths below a directory; GET of a path that ends with a slash lists what stands
there, a line "<seconds since 1970> <name>" each. Prints its port. For trials and tests: it asks nobody
who they are.

    store_server.py DIRECTORY [PORT]
"""

import http.server
import os
import pathlib
import shutil
import sys
import tempfile
import urllib.parse


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root = pathlib.Path()

    def _path(self):
        path = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path)
        return self.root / os.path.normpath(path).lstrip("/")

    def _answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _write(self, path, size):
        """Writes beside the path first: whoever reads it sees the old file or the new one."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            while size > 0:
                chunk = self.rfile.read(min(size, 1 << 20))
                if not chunk:
                    os.unlink(file.name)
                    raise ConnectionError("cut short")
                file.write(chunk)
                size -= len(chunk)
        os.replace(file.name, path)

    def do_PUT(self):
        try:
            self._write(self._path(), int(self.headers["Content-Length"]))
            self._answer(201)
        except OSError:
            self.close_connection = True
            self._answer(500)

    def _list(self, directory):
        lines = []
        with os.scandir(directory) as entries:
            for entry in entries:
                if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                    lines.append(f"{entry.stat().st_mtime} {entry.name}\n")
        text = "".join(lines).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self):
        if urllib.parse.urlsplit(self.path).path.endswith("/"):
            try:
                self._list(self._path())
            except OSError:
                self._answer(404)
            return
        try:
            file = open(self._path(), "rb")
        except OSError:
            self._answer(404)
            return
        with file:
            self.send_response(200)
            self.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            self.end_headers()
            if os.fstat(file.fileno()).st_size > 0:
                shutil.copyfileobj(file, self.wfile)

    def do_DELETE(self):
        try:
            self._path().unlink()
            self._answer(204)
        except OSError:
            self._answer(404)

    def log_message(self, *_):
        pass


def main():
    Handler.root = pathlib.Path(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
