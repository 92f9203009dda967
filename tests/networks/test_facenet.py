"""facenet's weights: downloaded only where the user asks for facenet by name, and read without running pickled code."""

import json
import pickle
import socket

import pytest
import torch

from dtn_core.core.errors import UserError
from dtn_core.networks import dlib_models as weights
from dtn_core.networks import encoders
from dtn_core.networks.hub import find
from dtn_core.pipeline import model
from dtn_core.training.feature_cache import make_encoder

FACENET = {"name": "facenet"}


@pytest.fixture(autouse=True)
def torch_home(tmp_path, monkeypatch):
    """Weights of this test's own; none at first."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))


@pytest.fixture
def attempts(monkeypatch):
    """Every attempt to reach the network, all of which fail."""
    made = []

    def refuse(*arguments, **_):
        made.append(arguments)
        raise OSError("no network")

    for name in ("getaddrinfo", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    return made


@pytest.fixture(scope="module")
def state():
    from facenet_pytorch import InceptionResnetV1

    torch.manual_seed(0)
    net = InceptionResnetV1(pretrained=None)
    return {**net.state_dict(), "logits.weight": torch.zeros(2, 512), "logits.bias": torch.zeros(2)}


def store(content):
    path = weights.facenet_path()
    path.parent.mkdir(parents=True)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "change",
    [
        {"encoder": FACENET},
        {"encoder": {"name": "side-by-side", "parts": [{"name": "side-by-side", "parts": [FACENET]}]}},
        {"generator": {"name": "from-picture", "encoder": FACENET, "g": {}}},
        {"encoder": {**FACENET, "pretrained": "vggface2"}},
    ],
)
def test_a_checkpoint_never_downloads_weights(make_checkpoint, tmp_path, attempts, change):
    directory = make_checkpoint(tmp_path / "foreign")
    info = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(json.dumps({**info, **change}))
    with pytest.raises(UserError, match=r"downloads nothing|no such settings") as caught:
        model.load(find(directory))
    assert "\n" not in str(caught.value)
    assert attempts == []
    assert not weights.facenet_path().exists()


def test_facenet_weights_are_loaded_on_request(state, tmp_path, monkeypatch):
    asked = []

    def download(url, path, **_):
        asked.append(url)
        torch.save(state, path)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    f = make_encoder("facenet")
    assert f(torch.zeros(1, 3, 64, 64)).shape == (1, 512)
    assert torch.equal(f.net.last_linear.weight, state["last_linear.weight"])
    assert encoders.build(f.config).dim == 512  # a checkpoint may use what is here
    make_encoder("facenet")
    assert asked == [weights.FACENET_URL]


def test_offline_the_remedy_is_named(attempts):
    with pytest.raises(UserError, match="work offline") as caught:
        make_encoder("dlib+facenet")
    assert "\n" not in str(caught.value)
    assert attempts
    assert not weights.facenet_path().exists()


class Exploit:
    """Unpickled, it would write a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize(
    "save", [lambda value, path: torch.save(value, path), lambda v, p: p.write_bytes(pickle.dumps(v))]
)
def test_pickled_code_in_the_weights_is_not_run(tmp_path, save):
    trace, file = tmp_path / "trace", tmp_path / "weights"
    save({"last_linear.weight": Exploit(trace)}, file)
    store(file.read_bytes())
    with pytest.raises(UserError, match="damaged, or not facenet's weights"):
        encoders.build(FACENET)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"no weights"])
def test_damaged_weights_are_reported_in_one_line(content):
    store(content)
    with pytest.raises(UserError, match="Delete it and download them again"):
        encoders.build(FACENET)


def test_weights_of_another_network_are_reported_in_one_line(tmp_path):
    torch.save({"a": torch.zeros(2)}, tmp_path / "weights")
    store((tmp_path / "weights").read_bytes())
    with pytest.raises(UserError, match="not facenet's weights"):
        encoders.build(FACENET)
