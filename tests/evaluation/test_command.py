"""`mneme eval` from end to end with BM25, without any service: tables, figures, plot."""

import importlib
import io
import json
from xml.etree import ElementTree as ET

import pytest
from rich.console import Console

from app.cli.root import run
from app.errors import UnavailableError
from app.evaluation import curves, report
from app.evaluation.baseline import Bm25
from app.evaluation.report import Report, ablation_table, curve_table, figures_table
from app.evaluation.running import Fed, feed
from app.evaluation.synthetic import generate


def rendered(*renderables):
    console = Console(width=200, record=True, file=io.StringIO())
    for renderable in renderables:
        console.print(renderable)
    return console.export_text()


def test_synthetic_from_end_to_end(tmp_path, capsys):
    out, plot = tmp_path / "new" / "figures.json", tmp_path / "curve"
    arguments = ["eval", "synthetic", "--system", "bm25", "--users", "2", "--size", "60", "--seed", "5"]
    with pytest.raises(SystemExit) as ended:
        run([*arguments, "--out", str(out), "--curve", str(plot)])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    assert "recall@10" in told
    assert "Evidence in context" in told
    found = json.loads(out.read_text())
    assert (found["dataset"], found["system"], found["events"]) == ("synthetic", "bm25", 120)
    assert found["figures"]["purchase"]["recall@5"] == 1.0
    assert found["counts"]["overall"]["questions"] > 20
    points = found["curve"]
    assert [p["max_tokens"] for p in points] == list(curves.BUDGETS)
    assert all(p["tokens"] <= p["max_tokens"] and p["all"] <= p["any"] for p in points)
    assert plot.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert ET.fromstring(plot.with_suffix(".svg").read_bytes()).tag.endswith("svg")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["synthetic", "--system", "other"], "unknown system"),
        (["synthetic", "--system", "bm25", "--ablate"], "needs --system mneme"),
        (["synthetic", "--system", "file:nowhere.jsonl"], "nowhere.jsonl"),
    ],
)
def test_wrong_lines_are_refused(arguments, said, capsys):
    assert run(["eval", *arguments]) == 1
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_plot_without_matplotlib_says_what_to_install(monkeypatch, capsys, tmp_path):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(UnavailableError, match=r"mneme-server\[eval\]"):
        curves.need_matplotlib()


@pytest.mark.parametrize("name", ["curve", "curve.png", "run-1.5"])
def test_a_plot_is_written_as_png_and_svg(name, tmp_path):
    points = [{"max_tokens": 100.0, "any": 0.5, "all": 0.25}]
    stem = name.removesuffix(".png")
    assert curves.draw(points, tmp_path / name, "t") == [tmp_path / f"{stem}.png", tmp_path / f"{stem}.svg"]
    assert (tmp_path / f"{stem}.svg").stat().st_size > 0


def test_more_tokens_hold_more_evidence():
    conversations = generate(seed=2, users=1, size=80)
    system = Bm25()
    feed(system, conversations)
    points = curves.curve(system, conversations, limit=20, budgets=(20, 200, 2_000))
    assert [p["any"] for p in points] == sorted(p["any"] for p in points)
    assert points[0]["any"] < points[-1]["any"]


def test_tables_show_shares_tokens_and_milliseconds():
    rows = [
        ("temporal", {"recall@5": 1.0, "tokens": 90.0, "ms": 10.0}),
        ("overall", {"recall@5": 1.0, "tokens": 90.0, "ms": 10.0}),
        ("overall", {"recall@5": 0.0, "tokens": 110.0, "ms": 30.0}),
        ("adversarial", {"refused": 0.25, "ms": 1.0}),
    ]
    figures, counts = report.summarise(rows)
    assert list(figures) == ["adversarial", "temporal", "overall"]
    assert figures["overall"] == {"recall@5": 0.5, "tokens": 100.0, "ms p50": 10.0, "ms p95": 30.0}
    assert counts["overall"] == {"recall@5": 2, "tokens": 2, "questions": 2}
    found = Report("locomo", "mneme", figures, counts, Fed(100, 1.0, 4.0))
    found.ablation = {"dense": {"recall@5": 0.25, "tokens": 90.0}, "odd": None}
    found.curve = [{"max_tokens": 100, "tokens": 95.4, "any": 0.5, "all": 0.25, "questions": 4}]
    text = rendered(figures_table(found), ablation_table(found), curve_table(found))
    for part in (" .500", "100", "30.0", ".250", "-.250", "-10", "refuses 0", "95"):
        assert part in text
    assert found.as_json()["events_per_s"] == {"accepted": 100.0, "processed": 25.0}


@pytest.mark.parametrize(
    ("name", "value", "full", "told"),
    [
        ("mrr", 0.25, 0.5, "-.250"),
        ("size", 12.05, 2.0, "+10.050"),
        ("tokens", 90.0, 80.0, "+10"),
        ("mrr", None, 0.5, "-"),
    ],
)
def test_differences_carry_their_sign(name, value, full, told):
    assert report.difference(name, value, full) == told


def test_a_figure_that_does_not_exist_is_null(tmp_path):
    report.write(tmp_path / "f.json", {"a": float("nan"), "b": [{"c": 1.0}]})
    assert json.loads((tmp_path / "f.json").read_text()) == {"a": None, "b": [{"c": 1.0}]}
