"""The page's head: what link previews show, and the modules that load early."""

import io
import re

import gradio as gr
import pytest
from PIL import Image as PILImage
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from dtn_core.ui import app as application
from dtn_core.ui.components.scripts import MODULES
from dtn_core.ui.index_page import DESCRIPTION, HEADLINE, PICTURE, ROUTES, IndexPage

GRADIO_PAGE = """<html><head><meta property="og:title" content="Gradio" />
<meta name="twitter:description"
    content="Click to try out the app!" />
<meta name="viewport" content="width=device-width"><script>window.gradio_config = {"title": "x"}</script>
</head></html>"""


@pytest.fixture
def client():
    routes = [
        Route("/", lambda request: HTMLResponse(GRADIO_PAGE)),
        Route("/config", lambda request: JSONResponse({"html": GRADIO_PAGE})),
        *ROUTES,
    ]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(IndexPage)]))


def test_link_previews_describe_the_app(client):
    page = client.get("/").text
    assert f'<meta property="og:title" content="{HEADLINE}">' in page
    assert f'<meta name="description" content="{DESCRIPTION}">' in page
    assert "Gradio" not in page
    assert "Click to try out" not in page
    assert 'name="viewport"' in page
    assert page.endswith("</html>")


def test_the_preview_has_a_picture_at_an_absolute_address(client):
    address = f'<meta property="og:image" content="http://testserver/{PICTURE.name}">'
    assert address in client.get("/").text
    behind_proxy = client.get("/", headers={"x-forwarded-proto": "https", "host": "studio.example"}).text
    assert f'<meta name="twitter:image" content="https://studio.example/{PICTURE.name}">' in behind_proxy
    picture = client.get(f"/{PICTURE.name}")
    assert picture.headers["content-type"] == "image/png"
    assert PILImage.open(io.BytesIO(picture.content)).size == (1200, 630)


def test_a_hostile_host_cannot_add_markup(client):
    page = client.get("/", headers={"host": '"><script>x</script>'}).text
    assert "<script>x" not in page


def test_all_modules_are_preloaded(client):
    names = re.findall(r'modulepreload" href="modules/([\w-]+\.js)"', client.get("/").text)
    assert names == sorted(path.name for path in MODULES.glob("*.js"))


def test_other_answers_are_unchanged(client):
    assert client.get("/config").json() == {"html": GRADIO_PAGE}
    assert client.head("/").headers["content-length"] == str(len(GRADIO_PAGE))


def test_the_app_starts_where_it_answers_itself_slowly(monkeypatch, capsys):
    monkeypatch.setattr("gradio.networking.url_ok", lambda url: False)
    monkeypatch.setattr(gr.Blocks, "block_thread", lambda self: None)
    with gr.Blocks() as demo:
        gr.Markdown("x")
    try:
        application.launch(application.Page(demo, [], None))
    finally:
        demo.close()
    assert "listens on" in capsys.readouterr().out
