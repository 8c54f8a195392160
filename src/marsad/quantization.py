"""Int8: weights quantised per channel ahead of time, activations when they are read.

A few matrix products of an encoder read activations with outliers, second layers of feed-forward
blocks above all (Bondarenko et al. 2021, "Understanding and Overcoming the Challenges of Efficient
Transformer Quantization"). One scale for all of such a tensor drowns the rest of it, so the
products that lose most are found on real windows and stay in fp32.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import helper, numpy_helper
from onnxruntime.quantization import QuantType, quantize_dynamic

from marsad.text.batches import Batch

LEVELS = 255


def quantize(source: Path, target: Path, *, keep: Sequence[str] = ()) -> None:
    """Quantise matrix products and embeddings; the nodes named in ``keep`` stay in fp32.

    Weights are unsigned: CPUs without VNNI add products of signed ones in 16 bits, which overflows.
    """
    quantize_dynamic(
        source, target, weight_type=QuantType.QUInt8, per_channel=True, nodes_to_exclude=list(keep)
    )


def rank_by_error(source: Path, batches: Sequence[Batch]) -> list[str]:
    """Return the names of the matrix products with weights, the one that int8 hurts most first.

    Measured is how much of a product changes when its activations, read with the batches, are
    rounded to 8 bits under one scale.
    """
    model = onnx.load(source)
    weights = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    products = [
        node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in weights
    ]
    inputs = list(dict.fromkeys(node.input[0] for node in products))
    model.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in inputs)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_inputs()]
    errors = dict.fromkeys((node.name for node in products), 0.0)
    for batch in batches:
        values = session.run(inputs, {name: getattr(batch, name) for name in names})
        activations = dict(zip(inputs, values, strict=True))
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
