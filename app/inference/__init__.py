"""The encoders. onnxruntime reports its use to its maker unless told not to before it is loaded: here it is told."""

import os

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
