from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from marsad.quantization import quantize, rank_by_error
from marsad.text.batches import Batch


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Two matrix products: the activations of the second have an outlier."""
    rng = np.random.default_rng(0)
    spread = np.ones(16, dtype=np.float32)
    spread[3] = 500
    tensors = {
        "table": rng.normal(size=(50, 16)).astype(np.float32),
        "calm": rng.normal(size=(16, 16)).astype(np.float32),
        "spread": spread,
        "wild": rng.normal(size=(16, 16)).astype(np.float32),
    }
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["x"], name="embed"),
        helper.make_node("MatMul", ["x", "calm"], ["y"], name="first"),
        helper.make_node("Mul", ["y", "spread"], ["z"], name="scale"),
        helper.make_node("MatMul", ["z", "wild"], ["tags"], name="second"),
    ]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "length"])],
        [helper.make_tensor_value_info("tags", TensorProto.FLOAT, ["rows", "length", 16])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    path = tmp_path / "model.onnx"
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(proto, path)
    return path


def test_products_over_outliers_come_first(model: Path):
    ids = np.arange(40, dtype=np.int64)[None]
    batch = Batch(ids, np.ones_like(ids), np.ones((1, 1, 40), dtype=np.float32))
    assert rank_by_error(model, [batch]) == ["second", "first"]


def test_kept_products_stay_in_fp32(model: Path, tmp_path: Path):
    quantize(model, tmp_path / "int8.onnx", keep=["second"])
    kinds = [node.op_type for node in onnx.load(tmp_path / "int8.onnx").graph.node]
    assert kinds.count("MatMul") == 1
    assert kinds.count("MatMulInteger") == 1
