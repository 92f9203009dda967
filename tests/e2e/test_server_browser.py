"""What docs/server.md says, tried: the app behind a real nginx, in a real headless Chromium."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from contextlib import contextmanager
from types import SimpleNamespace

import httpx
import pytest
from browsing import SCRIPTS_RUN, SECONDS, watched
from programs import find
from serving import ROOT, serve
from test_browser import DRAWN, PAINTED
from test_live_browser import LIVE, start

OPENSSL = find("openssl")
NGINX = find("nginx")

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not NGINX, reason="nginx is not installed (apt-get install nginx-light)"),
]

PRINTED = re.search(r"```nginx\n(.*?)```", (ROOT / "docs/server.md").read_text(), re.DOTALL)[1]
WITHOUT_SOCKETS = re.sub(r".*(http_version|_upgrade;).*\n", "", PRINTED.partition("\n\n")[2])
UNDER_A_PATH = PRINTED.replace("location /", "location /emoji/").replace(":7860;", ":7860/;")

TEMPORARY = "client_body", "proxy", "fastcgi", "uwsgi", "scgi"

AROUND = """
user root;  # if root starts it: all is under a folder that only the caller may enter
daemon off; pid {home}/pid; error_log {home}/error.log;
events {{}}
http {{ access_log off; {temporary}
        {server} }}
"""


@contextmanager
def nginx(server, app, home):
    """nginx before the app; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    home.mkdir()
    server = server.replace("listen 80", f"listen 127.0.0.1:{port}").replace("http://127.0.0.1:7860", app)
    temporary = " ".join(f"{name}_temp_path {home}/{name};" for name in TEMPORARY)
    (home / "nginx.conf").write_text(AROUND.format(home=home, temporary=temporary, server=server))
    process = subprocess.Popen([NGINX, "-e", home / "error.log", "-c", home / "nginx.conf"], cwd=home)
    try:
        for _ in range(100):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        assert process.poll() is None, (home / "error.log").read_text()
        for temporary in TEMPORARY:  # a picture that nginx wants to lay down there is an error from now on
            (home / temporary).rmdir()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(20)


def over_https(home):
    """What is printed, as certbot would change it, with a certificate that is made here."""
    key = ["-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost", "-days", "1"]
    files = ["-keyout", home / "key.pem", "-out", home / "cert.pem"]
    subprocess.run([OPENSSL, "req", "-x509", *key, *files], check=True, capture_output=True)
    return PRINTED.replace(
        "listen 80;", f"listen 80 ssl; ssl_certificate {home}/cert.pem; ssl_certificate_key {home}/key.pem;"
    )


def photo(page, path):
    page.wait_for_selector(".photo-stage")
    page.wait_for_function(SCRIPTS_RUN)
    page.set_input_files("#photo .photo-file", path)
    page.wait_for_selector(f"{PAINTED}, {DRAWN}")


def login(page):
    page.get_by_label("username").fill("ann")
    page.get_by_label("password").fill("secret")
    page.get_by_role("button", name="Login").click()


@contextmanager
def opened(browser, address, *allowed, **options):
    """The page at an address, watched for errors."""
    options |= {"permissions": ["camera"], "allowed": allowed}
    with watched(browser, SimpleNamespace(url=address), **options) as page:
        page.set_default_timeout(30 * SECONDS)
        yield page


def goes_live(page, way):
    start(page)
    page.wait_for_function(f"{LIVE}.stats.tracked > 0")
    assert page.evaluate(f"{LIVE}.stats.way") == way


def test_photo_and_live_video_by_what_is_printed(browser, server, tmp_path, hopper_path):
    with nginx(PRINTED, server.url, tmp_path / "nginx") as address, opened(browser, address) as page:
        photo(page, hopper_path)
        goes_live(page, "socket")


def test_what_the_app_refuses_is_not_a_bad_gateway(server, tmp_path):
    large = b"{}" + b" " * (40 << 20)  # more than the sockets on the way hold
    with nginx(PRINTED, server.url, tmp_path / "nginx") as address:
        for _ in range(3):
            answer = httpx.post(f"{address}/config", content=large, headers={"Origin": "https://elsewhere.example"})
            assert answer.status_code == 403
            assert "a page of another site" in answer.text


def test_visitors_do_not_choose_the_apps_name(server, tmp_path):
    with nginx(PRINTED, server.url, tmp_path / "nginx") as address:
        config = httpx.get(f"{address}/config", headers={"X-Forwarded-Host": "elsewhere.example"}).json()
        assert config["root"] == address


def test_without_websockets_live_works_and_video_explains(browser, server, tmp_path, hopper_path):
    result = "/live/ws", "/live/video"  # by the browser, of what nginx refused
    with nginx(WITHOUT_SOCKETS, server.url, tmp_path / "nginx") as address, opened(browser, address, *result) as page:
        photo(page, hopper_path)
        goes_live(page, "http")
        page.get_by_role("tab", name="Video", exact=True).click()
        page.set_input_files("#video .photo-file", hopper_path)
        page.locator("#video .photo-note", has_text="A proxy must forward WebSockets").wait_for()


def test_under_a_path_with_a_password(browser, drawing_checkpoint, tmp_path, hopper_path):
    flags = {"auth": ("ann", "secret"), "DTN_AUTH": "ann:secret", "GRADIO_ROOT_PATH": "/emoji"}
    with (
        serve(drawing_checkpoint, tmp_path, "--behind-proxy", **flags) as app,
        nginx(UNDER_A_PATH, app.url, tmp_path / "nginx") as address,
        opened(browser, address + "/emoji", "404") as page,  # gradio's page asks for its manifest at the root
    ):
        login(page)
        photo(page, hopper_path)
        goes_live(page, "socket")


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_over_https_with_a_password(browser, drawing_checkpoint, tmp_path, hopper_path):
    flags = {"auth": ("ann", "secret"), "DTN_AUTH": "ann:secret"}
    with (
        serve(drawing_checkpoint, tmp_path, "--behind-proxy", **flags) as app,
        nginx(over_https(tmp_path), app.url, tmp_path / "nginx") as address,
        opened(browser, address.replace("http", "https"), ignore_https_errors=True) as page,
    ):
        login(page)
        photo(page, hopper_path)
        goes_live(page, "socket")
        (cookie,) = page.context.cookies()
        assert cookie["name"].startswith("__Host-access-token-")
        assert (cookie["secure"], cookie["httpOnly"], cookie["sameSite"]) == (True, True, "Lax")
        page.reload()
        page.wait_for_selector(".photo-stage")  # still logged in
        page.goto("data:text/html,<a href=" + address.replace("http", "https") + ">link</a>")
        page.get_by_text("link").click()
        page.wait_for_selector(".photo-stage")
