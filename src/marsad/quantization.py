"""Fewer bits: fp16, and int8 with weights quantised ahead of time, activations when they are read.

Embeddings keep a scale for each row. Products that :mod:`marsad.smoothing` cannot make fit for 8
bits stay in fp32: those that lose most are found on real windows.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic
from onnxruntime.transformers.float16 import convert_float_to_float16

from marsad.graphs import inputs_read, replace_nodes, weighted_products, weights_of
from marsad.quiet import quiet
from marsad.text.batches import Batch

LEVELS = 255  # steps of an activation's scale
BYTE = 127  # the largest signed byte


def halve(source: Path, target: Path) -> None:
    """Write a graph that computes in fp16; what goes in and comes out stays as it is."""
    with quiet():
        onnx.save(convert_float_to_float16(onnx.load(source), keep_io_types=True), target)


def quantize(source: Path, target: Path, *, keep: Sequence[str] = ()) -> None:
    """Quantise matrix products and embeddings; the nodes named in ``keep`` stay in fp32.

    Weights are signed and take 7 bits: without VNNI, a CPU adds pairs of products of bytes in 16
    bits, which 8 bits overflow.
    """
    model = onnx.load(source)
    _quantize_embeddings(model)
    with quiet():
        quantize_dynamic(
            model,
            target,
            op_types_to_quantize=["MatMul"],
            weight_type=QuantType.QInt8,
            per_channel=True,
            reduce_range=True,
            nodes_to_exclude=list(keep),
        )


def _quantize_embeddings(model: onnx.ModelProto) -> None:
    """Replace each table of vectors by bytes and a scale for each row."""
    tables = weights_of(model)
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or table.ndim != 2:
            nodes.append(node)
            continue
        scales = np.abs(table).max(axis=1, keepdims=True) / BYTE
        scales[scales == 0] = 1
        rows = np.round(table / scales).astype(np.int8)
        (name, at), out = node.input, node.output[0]
        model.graph.initializer.append(numpy_helper.from_array(rows, f"{name}_rows"))
        model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
        nodes += [
            helper.make_node("Gather", [f"{name}_rows", at], [f"{out}_rows"]),
            helper.make_node("Gather", [f"{name}_scales", at], [f"{out}_scales"]),
            helper.make_node("Cast", [f"{out}_rows"], [f"{out}_cast"], to=onnx.TensorProto.FLOAT),
            helper.make_node("Mul", [f"{out}_cast", f"{out}_scales"], [out]),
        ]
    replace_nodes(model.graph, nodes)


def rank_by_error(source: Path, batches: Sequence[Batch]) -> list[str]:
    """Return the names of the matrix products with weights, the one that int8 hurts most first.

    Measured is how much of a product changes when its activations, read with the batches, are
    rounded to 8 bits under one scale.
    """
    model = onnx.load(source)
    weights = weights_of(model)
    products = weighted_products(model)
    errors = dict.fromkeys((node.name for node in products), 0.0)
    for activations in inputs_read(model, products, batches):
        for node in products:
            errors[node.name] += _error(activations[node.input[0]], weights[node.input[1]])
    return sorted(errors, key=lambda name: -errors[name])


def _error(activations: npt.NDArray[np.float32], weights: npt.NDArray[np.float32]) -> float:
    """Return the relative error of a product when its activations are rounded."""
    if not activations.any():
        return 0.0
    step = (max(activations.max(), 0) - min(activations.min(), 0)) / LEVELS
    rounded = np.round(activations / step) * step
    lost = np.linalg.norm((activations - rounded) @ weights)
    return float(lost / np.linalg.norm(activations @ weights))
