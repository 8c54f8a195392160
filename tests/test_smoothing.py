from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from marsad.quantization import quantize
from marsad.smoothing import NEURONS, smooth
from marsad.text.batches import Batch

WIDTH, INNER, WORDS = 16, 64, 50


def a_block(activation: str, *, bias_first: bool = False, shared: bool = False) -> onnx.ModelProto:
    """Embeddings with a wide channel, and a feed-forward block with a few wide neurons."""
    rng = np.random.default_rng(0)
    table = rng.normal(size=(WORDS, WIDTH))
    table[:, 3] *= 200
    inward = rng.normal(size=(WIDTH, INNER)) / WIDTH
    inward[:, [5, 40]] *= 100
    tensors = {
        "table": table,
        "inward": inward,
        "shift": rng.normal(size=INNER),
        "outward": rng.normal(size=(INNER, WIDTH)),
        "last": rng.normal(size=WIDTH),
    }
    add = ["shift", "a"] if bias_first else ["a", "shift"]
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["x"], name="embed"),
        helper.make_node("MatMul", ["x", "inward"], ["a"], name="in"),
        helper.make_node("Add", add, ["b"], name="shift_in"),
        helper.make_node(activation, ["b"], ["c"], name="activation"),
        helper.make_node("MatMul", ["c", "outward"], ["d"], name="out"),
        helper.make_node("Add", ["d", "last"], ["e"], name="shift_out"),
        helper.make_node("Add", ["e", "x"], ["tags"], name="residual"),
    ]
    if shared:  # somebody else reads the neurons
        nodes.append(helper.make_node("Neg", ["c"], ["neurons"], name="other"))
    outputs = [("tags", WIDTH), *([("neurons", INNER)] if shared else [])]
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["rows", "length"])],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", "length", size])
            for name, size in outputs
        ],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in tensors.items()],
    )
    opsets = [helper.make_opsetid("", 20)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def a_batch() -> Batch:
    ids = np.arange(WORDS, dtype=np.int64)[None]
    return Batch(ids, np.ones_like(ids), np.ones((1, 1, WORDS), dtype=np.float32))


def run(path: Path) -> np.ndarray:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.run(["tags"], {"input_ids": a_batch().input_ids})[0]


@pytest.mark.parametrize("bias_first", [False, True])
@pytest.mark.parametrize("activation", ["Gelu", "Relu", "Tanh"])
def test_a_smoothed_graph_computes_the_same(tmp_path: Path, activation: str, bias_first: bool):
    plain, smoothed = tmp_path / "plain.onnx", tmp_path / "smoothed.onnx"
    onnx.save(a_block(activation, bias_first=bias_first), plain)
    kept = smooth(plain, smoothed, [a_batch()])
    onnx.checker.check_model(onnx.load(smoothed))
    assert len(kept) == (0 if activation == "Tanh" else 2)
    assert run(smoothed) == pytest.approx(run(plain), rel=1e-4, abs=1e-3)


def test_the_neurons_that_reach_furthest_are_parted(tmp_path: Path):
    plain, smoothed = tmp_path / "plain.onnx", tmp_path / "smoothed.onnx"
    onnx.save(a_block("Gelu"), plain)
    kept = smooth(plain, smoothed, [a_batch()])
    graph = onnx.load(smoothed).graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    small = next(node for node in graph.node if node.name == kept[0])
    columns = constants[small.input[1]]
    original = numpy_helper.to_array(onnx.load(plain).graph.initializer[1])
    assert columns.shape == (WIDTH, NEURONS)
    for neuron in (5, 40):
        assert any(np.array_equal(original[:, neuron], column) for column in columns.T)


def test_neurons_that_others_read_stay_together(tmp_path: Path):
    plain, smoothed = tmp_path / "plain.onnx", tmp_path / "smoothed.onnx"
    onnx.save(a_block("Gelu", shared=True), plain)
    assert smooth(plain, smoothed, [a_batch()]) == []
    assert run(smoothed) == pytest.approx(run(plain), rel=1e-4, abs=1e-3)


def test_smoothing_saves_what_int8_loses(tmp_path: Path):
    plain, smoothed = tmp_path / "plain.onnx", tmp_path / "smoothed.onnx"
    onnx.save(a_block("Gelu"), plain)
    kept = smooth(plain, smoothed, [a_batch()])
    lost = {}
    for source, keep in ((plain, []), (smoothed, kept)):
        quantize(source, tmp_path / "int8.onnx", keep=keep)
        lost[source] = np.abs(run(tmp_path / "int8.onnx") - run(plain)).mean()
    assert lost[smoothed] < lost[plain] / 2
