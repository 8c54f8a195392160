from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from marsad.quantization import halve, quantize, rank_by_error
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


def test_embeddings_have_a_scale_for_each_row(model: Path, tmp_path: Path):
    proto = onnx.load(model)
    table = proto.graph.initializer[0]
    rows = numpy_helper.to_array(table).copy()
    rows[7] *= 1000  # under one scale for the table, all other rows would vanish
    table.CopyFrom(numpy_helper.from_array(rows, table.name))
    onnx.save(proto, model)
    quantize(model, tmp_path / "int8.onnx", keep=["first", "second"])
    ids = np.array([[7, 8, 9]], dtype=np.int64)
    one, other = (read(path, ids) for path in (model, tmp_path / "int8.onnx"))
    for row in range(3):
        assert np.linalg.norm(one[0, row] - other[0, row]) < 0.02 * np.linalg.norm(one[0, row])


def test_halves_keep_types_outside(model: Path, tmp_path: Path):
    halve(model, tmp_path / "fp16.onnx")
    ids = np.arange(40, dtype=np.int64)[None]
    one, other = (read(path, ids) for path in (model, tmp_path / "fp16.onnx"))
    assert other.dtype == np.float32
    assert 0 < np.abs(one - other).max() < 0.01 * np.abs(one).max()
    assert (tmp_path / "fp16.onnx").stat().st_size < model.stat().st_size


def read(path: Path, ids: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["tags"], {"input_ids": ids})[0]
