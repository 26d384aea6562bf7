# SPDX-License-Identifier: Apache-2.0
"""Serves a text to those who ask for /metrics by HTTP.

Requests are answered in threads of their own, so that a client that says
nothing keeps nobody waiting, but the text is made by one at a time.
"""

import http.server
import re
import signal
import socket
import sys
import threading

CONTENT_TYPE = 'text/plain; version=0.0.4; charset=utf-8'
PATIENCE = 10       # Seconds for a client to say what it wants.
MAX_CLIENTS = 16


class Server(http.server.ThreadingHTTPServer):
    """Serves what 'make_text' returns."""

    def __init__(self, family, address, make_text):
        self.address_family = family
        self.make_text = make_text
        self.lock = threading.Lock()
        self.clients = threading.BoundedSemaphore(MAX_CLIENTS)
        super().__init__(address, Handler)

    def text(self):
        with self.lock:
            return self.make_text()

    def process_request(self, request, client_address):
        if self.clients.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request, client_address):
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.clients.release()

    def handle_error(self, request, client_address):
        """A client that goes away is no error of ours."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class Handler(http.server.BaseHTTPRequestHandler):
    timeout = PATIENCE
    server_version = 'ovs-chain'
    sys_version = ''

    def do_GET(self):
        if self.path.split('?')[0] != '/metrics':
            self.send_error(404)
            return
        body = self.server.text().encode()
        self.send_response(200)
        self.send_header('Content-Type', CONTENT_TYPE)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        """Says nothing: a scrape is no news."""


def parse_address(text):
    """Returns the family and address of "[ADDRESS:]PORT", ADDRESS being that
    of the host itself by default, and in brackets if it has colons."""
    found = re.match(r'(?:(\[[^\]]*\]|[^:]+):)?(\d+)$', text)
    if not found or int(found[2]) > 65535:
        sys.exit("ovs-chain metrics: '%s' is no address to listen at: write "
                 "PORT, ADDRESS:PORT or [ADDRESS]:PORT" % text)
    host = (found[1] or '127.0.0.1').strip('[]')
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, int(found[2]), type=socket.SOCK_STREAM,
            flags=socket.AI_PASSIVE)[0]
    except OSError as e:
        sys.exit('ovs-chain metrics: %s: %s' % (text, e.strerror))
    return family, address


def serve(where, make_text):
    """Serves what make_text() returns until the process is ended."""
    family, address = parse_address(where)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        with Server(family, address, make_text) as server:
            host, port = server.server_address[:2]
            print('Metrics are at http://%s:%d/metrics' % (
                '[%s]' % host if ':' in host else host, port), flush=True)
            server.serve_forever()
    except KeyboardInterrupt:
        pass
    except OSError as e:
        sys.exit('ovs-chain metrics: %s: %s' % (where, e.strerror))
