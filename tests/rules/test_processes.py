"""What a serving process loads, and which routes answer without a key."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "transformers", "sentence_transformers", "onnx", "scipy", "sklearn", "matplotlib")


def test_a_serving_process_never_imports_torch():
    code = (
        "import sys, importlib\n"
        "for name in ('app.main', 'app.cli', 'workers.app'): importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
