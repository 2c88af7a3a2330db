"""What a cold start loads: neither sympy, trimesh nor scipy.optimize."""

from __future__ import annotations

import subprocess
import sys

CODE = """
import sys
import torch
from onet_core.models.build import build_network
from onet_core.models.description import ModelDescription
from onet_core.models.prepared import prepare
import onet_core.pipeline.job, onet_core.pipeline.reconstructor, onet_core.mesh.files

sizes = {"channels": 4, "hidden": 4, "plane_resolution": 8, "unet_depth": 2, "unet_width": 4}
network = build_network(ModelDescription("a", "A", "convolutional", "points", sizes)).eval()
with torch.no_grad():
    code = network.encode_inputs(torch.rand(1, 50, 3) - 0.5)
field = prepare(network, torch.zeros(1, 0), code)
field.with_gradient(torch.rand(20, 3) - 0.5)
print(sorted({"sympy", "trimesh", "networkx", "scipy.optimize"} & set(sys.modules)))
"""


def test_neither_imports_nor_gradients_load_what_they_do_not_need() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
