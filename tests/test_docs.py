"""README and docs: their tables are those of the JSON files, their commands work, their links and names exist."""

import ast
import json
import os
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import space
from accelerate.commands.launch import launch_command_parser as launch_parser
from made_videos import moved, video
from programs import find_or_skip
from reliability import day, fuzz, load, many_runs, monkey
from reliability.faults.table import kills
from reliability.faults.table import table as faults
from serving import serve

from benchmarks import confidence, latency, live, motion_report
from benchmarks import video as video_files
from benchmarks.serve import sentence
from dtn_core import cli, config
from dtn_core.core.images import save
from dtn_core.evaluation import style_transfer, tables, upscaling
from dtn_core.evaluation.experiments import report
from dtn_core.evaluation.experiments.figures import read_figures
from dtn_core.networks import checkpoint
from dtn_core.networks.checkpoint import weights_hash
from dtn_core.ui.api import endpoints
from dtn_core.ui.components.catalogue import StyleInfo

ROOT = Path(__file__).parents[1]
DOCS = {path.name: path.read_text("utf-8") for path in [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]}
README, FACES, DIGITS = DOCS["README.md"], DOCS["results-faces.md"], DOCS["results-digits.md"]


def commands(text):
    """The lines of code blocks, and code between backticks, that call our command line."""
    found = re.findall(r"^python -m dtn_core .*$", text, re.MULTILINE)
    found += re.findall(r"`(python -m dtn_core [^`]+)`", text)
    return [line.split("#")[0].strip() for line in found]


COMMANDS = sorted({c for name, text in DOCS.items() if name != "tutorials.md" for c in commands(text)})  # those run


def read(name):
    return json.loads((ROOT / name).read_text("utf-8"))


def parse(line):
    return cli.build_parser().parse_args(shlex.split(line)[3:])


# --- tables ---


def test_tables_of_faces():
    metrics = read("checkpoints/emoji/metrics.json")
    assert weights_hash(ROOT / "checkpoints" / "emoji") in FACES
    assert tables.summary(metrics) in FACES
    assert upscaling.table(read("results/upscaling.json")) in FACES


def test_tables_of_style_transfer():
    figures, doc = read("results/style.json"), DOCS["results-style.md"]
    table = style_transfer.table(figures)
    card = (ROOT / "checkpoints" / "screen-print" / "README.md").read_text("utf-8")
    assert figures["hash"] == weights_hash(ROOT / "checkpoints" / "screen-print")
    for text in (doc, card):
        assert table in text
        assert figures["hash"] in text
        assert f"n = {figures['data']['n']}" in text
        assert f"{figures['data']['pairs']} pairs" in text


def test_table_of_spaces():
    report, doc = read("tests/reliability/results/space.json"), DOCS["spaces.md"]
    assert space.table(report) in doc
    assert report["errors"] == []
    assert report["memory_mb"] < space.MOST_MEMORY
    assert report["ready_s"] < 60


@pytest.mark.parametrize(
    "line", sorted({c for text in DOCS.values() for c in re.findall(r"^accelerate launch .*$", text, re.MULTILINE)})
)
def test_commands_for_several_processes_parse(line):
    launch, _, ours = line.partition(" -m dtn_core ")
    launch_parser().parse_args([*shlex.split(launch)[2:], "script"])
    assert cli.build_parser().parse_args(shlex.split(ours)).run


def test_the_dockerfile_is_clean():
    hadolint = find_or_skip("hadolint", "pip install -r requirements-dev.txt")
    subprocess.run([hadolint, ROOT / "Dockerfile"], check=True)
    for source in re.findall(r"^COPY (\S+)", (ROOT / "Dockerfile").read_text("utf-8"), re.MULTILINE):
        assert (ROOT / source).exists()


def test_tables_of_latency():
    report = read("results/latency.json")
    assert latency.table(report) in FACES
    assert all(ratio in FACES for ratio in latency.ratios(report).values())


def test_figures_of_live_video():
    text = " ".join(DOCS["live.md"].split())
    report, served, motion = (read(f"results/{name}.json") for name in ("live", "serve", "motion"))
    assert live.table(report) in DOCS["live.md"]
    assert all(one in text for one in [*live.sentences(report), sentence(served)])
    assert motion_report.table(motion) in DOCS["live.md"]
    assert motion["part"] == "test"
    assert f"{motion['n'] - 1} people" in text


def test_table_of_video_files():
    assert video_files.table(read("results/video.json")) in DOCS["live.md"]


def test_table_of_hostile_input():
    report, text = read("tests/reliability/results/fuzz.json"), DOCS["reliability.md"]
    assert fuzz.table(report) in text
    cases = sum(target["cases"] for target in report["targets"].values())
    assert cases >= 50_000
    assert f"{cases:,}; {fuzz.harms(report)} crashed" in text
    assert report["targets"].keys() == fuzz.SHARES.keys()
    assert all((ROOT / "tests" / "reliability" / f"test_{name}.py").exists() for name in fuzz.SHARES)


def test_figures_of_load_and_long_life():
    crowd, frames, runs = (read(f"tests/reliability/results/{name}.json") for name in ("load", "day", "many_runs"))
    text = DOCS["reliability.md"]
    assert load.table(crowd) in text
    assert f"{crowd['minutes']:.0f} minutes | {load.sentence(crowd)} |" in text
    assert f"| {day.sentence(frames)} |" in text
    assert many_runs.table(runs) in text
    assert load.wrong(crowd) == [line for one in frames["sessions"] for line in day.wrong(one)] == []
    assert sum(one["frames"] for one in frames["sessions"]) == day.DAY
    assert crowd["queue"].keys() == crowd["batch"].keys() == {"taken", "busy"}


def test_figures_of_the_monkey_test():
    report = read("tests/reliability/results/monkey.json")
    assert f"| {monkey.sentence(report)} |" in DOCS["reliability.md"]
    assert monkey.wrong(report) == []


def test_table_of_faults():
    report, text = read("tests/reliability/results/faults.json"), DOCS["reliability.md"]
    assert faults(report) in text
    assert report["parts"]["training"]["kills"] >= 50
    assert f"{kills(report)} kills, {report['parts']['together']['actions']:,} actions: 0 saved steps lost" in text


def test_tables_of_confidence():
    report = read("results/confidence.json")
    assert confidence.table(report["people"]) in FACES
    assert confidence.by_label(report) in " ".join(FACES.split())


def test_tables_of_digits():
    assert report.markdown(read_figures(ROOT / "results" / "digits.json")).strip() in DIGITS


def test_readmes_few_figures_are_those_of_the_tables():
    drawn, rows = (read("checkpoints/emoji/metrics.json")[key] for key in ("drawn", "measure"))
    right = {key: f"{value['with_hair']:.1%}" for key, value in drawn["all_right"].items()}
    assert f"| {right['drawn']} | nearest of 6,000 avatars {right['nearest_avatar']}; f itself {right['f']} |" in README
    painted, ceiling = (f"{rows['rows'][key]['all_right']['with_hair']:.1%}" for key in ("emoji", "supervised_ceiling"))
    assert f"| emoji, painted | {painted} | supervised ceiling {ceiling} |" in README
    rows = re.findall(r"^\| \*\*(DTN|our best).*?\| ([\d.]+ ± [\d.]+) \(3\) \| ([\d.]*)", DIGITS, re.MULTILINE)
    for (_, ours, paper), words in zip(rows, ("the paper's DTN: judged correct", "our best"), strict=True):
        assert f"| SVHN → MNIST, {words} | {ours}% | {f'paper {paper}%' if paper else ''}" in README
    one = read("results/live.json")["ms"]["1"]
    assert f"| {one['live']['total']:.1f} ms | naive {one['naive']['total']:.0f} ms |" in README


# --- commands ---


def test_there_are_commands_to_check():
    result = {shlex.split(line)[3] for line in COMMANDS}
    assert result >= {"emojify", "digits", "train", "evaluate", "join", "gallery", "runs"}


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_are_understood(line):
    arguments = parse(line)
    if getattr(arguments, "preset", None):
        settings, _ = config.find(arguments.preset)
        config.parse_set(settings, arguments.set)
    for name in [getattr(arguments, "checkpoint", None) or []]:
        for one in [name] if isinstance(name, str) else name:
            if not one.startswith("runs/"):
                checkpoint.find(one)


RUN = [line for line in commands(README) if line.split()[3] in ("emojify", "draw", "digits")]


@pytest.fixture
def desk(tmp_path, monkeypatch, hopper_path, hopper):
    """A folder with the pictures that README's commands name."""
    (tmp_path / "portrait.jpg").write_bytes(hopper_path.read_bytes())
    save(tmp_path / "number.png", hopper[:64, :64])
    (tmp_path / "clip.mp4").write_bytes(video(moved(hopper, 5)))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_readmes_commands_run(desk):
    assert len(RUN) == 4
    for line in RUN:
        arguments = shlex.split(line)[3:]
        assert cli.main(arguments) == 0, line
        for flag, name in zip(arguments, arguments[1:]):
            if flag in ("-o", "--parameters"):
                assert Path(name).stat().st_size > 0


def test_readmes_python_runs(desk):
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert (desk / "emoji-0.png").stat().st_size > 0


def test_the_live_pages_python_runs(desk):
    (code,) = re.findall(r"```python\n(.*?)```", DOCS["live.md"], re.DOTALL)
    exec(compile(code, "live.md", "exec"), {})
    assert (desk / "emoji.mp4").stat().st_size > 0


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with serve("emoji", tmp_path_factory.mktemp("home"), "--mcp") as running:
        yield running


@pytest.mark.parametrize(
    ("number", "made"),
    [(0, {"emoji.svg", "sticker.webp"}), (1, {"emoji.png"}), (2, {f"try-{n}.svg" for n in range(6)} | {"toon.png"})],
)
def test_the_api_pages_python_runs(desk, number, made, request):
    code = re.findall(r"```python\n(.*?)```", DOCS["api.md"], re.DOTALL)[number]
    names = {"URL": request.getfixturevalue("app").url} if "URL" in code else {}
    exec(compile(code, "api.md", "exec"), names)
    assert made <= {path.name for path in desk.iterdir() if path.stat().st_size > 0}


@pytest.mark.parametrize(
    ("language", "program", "made"),
    [("bash", ("bash", "-eu"), "faces.json"), ("js", ("node", "--input-type=module"), "emoji.svg")],
)
def test_the_api_pages_other_languages_run(desk, language, program, made, request):
    path = find_or_skip(program[0], "it is optional")
    (code,) = re.findall(rf"```{language}\n(.*?)```", DOCS["api.md"], re.DOTALL)
    environment = {**os.environ, "URL": request.getfixturevalue("app").url}
    subprocess.run([path, *program[1:]], input=code, text=True, cwd=desk, env=environment, check=True, timeout=120)
    text = (desk / made).read_text("utf-8")
    assert text.startswith("<svg") if made.endswith("svg") else json.loads(text)[0]["faces"][0]["svg"]


def test_the_api_page_names_every_field():
    for kind in (endpoints.MadeFace, endpoints.DrawnAvatar, endpoints.Written, StyleInfo):
        for field in kind.__annotations__.keys() - {"kind"}:
            assert re.search(rf"\b{field}\b", DOCS["api.md"]), field


@pytest.mark.parametrize(
    "line", sorted({c for text in DOCS.values() for c in re.findall(r"python -m (benchmarks\.\w+[^`\n]*)", text)})
)
def test_benchmarks_exist(line):
    module, _, options = line.partition(" ")
    source = (ROOT / f"{module.replace('.', '/')}.py").read_text("utf-8")
    for option in re.findall(r"(?<!\S)--?[a-z-]+", options):
        assert f'"{option}"' in source, f"{module} has no {option}"


# --- links and names ---


@pytest.mark.parametrize("name", DOCS)
def test_links_lead_somewhere(name):
    folder = ROOT if (ROOT / name).exists() else ROOT / "docs"
    for target in re.findall(r"\]\((?!http)([^)#]+)", DOCS[name]):
        assert (folder / target).exists(), target


def test_names_in_the_architecture_exist():
    """`path.py`: `name`, … : every name is defined there."""
    found = re.findall(r"`([\w/.]+\.py)`: ((?:`\w+`(?:, )?)+)", DOCS["architecture.md"])
    assert len(found) >= 8
    for path, names in found:
        tree = list(ast.walk(ast.parse((ROOT / path).read_text("utf-8"))))
        defined = {node.name for node in tree if hasattr(node, "name")}
        defined |= {node.id for node in tree if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        assert set(re.findall(r"`(\w+)`", names)) <= defined, path


@pytest.mark.parametrize("name", ["architecture.md", "CONTRIBUTING.md"])
def test_paths_in_the_text_exist(name):
    for path in re.findall(r"`((?:dtn_core|tests|benchmarks)/[\w/.]+)`", DOCS[name]):
        assert (ROOT / path).exists() or (ROOT / f"{path}.py").exists(), path
