"""ONNX graphs: their matrix products with weights, and what these read on real windows."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import GraphProto, NodeProto, helper, numpy_helper

from marsad.text.batches import Batch

Floats = npt.NDArray[np.float32]


def weights_of(model: onnx.ModelProto) -> dict[str, Floats]:
    """Return the float constants of a graph by name."""
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }


def weighted_products(model: onnx.ModelProto) -> list[NodeProto]:
    """Return the nodes that multiply an activation by a matrix of weights."""
    matrices = {tensor.name for tensor in model.graph.initializer if len(tensor.dims) == 2}
    return [
        node for node in model.graph.node if node.op_type == "MatMul" and node.input[1] in matrices
    ]


def inputs_read(
    model: onnx.ModelProto, products: Sequence[NodeProto], batches: Sequence[Batch]
) -> Iterator[dict[str, Floats]]:
    """Yield, for each batch, what the products read, by the name of the tensor."""
    names = list(dict.fromkeys(node.input[0] for node in products))
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in names)
    session = onnxruntime.InferenceSession(
        watched.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feeds = [value.name for value in session.get_inputs()]
    for batch in batches:
        values = session.run(names, {name: getattr(batch, name) for name in feeds})
        yield dict(zip(names, values, strict=True))


def replace_nodes(graph: GraphProto, nodes: Iterable[NodeProto]) -> None:
    """Give a graph other nodes, and drop the constants that none of them reads or gives out."""
    copies = [NodeProto.FromString(node.SerializeToString()) for node in nodes]
    read = {name for node in copies for name in node.input}
    read |= {output.name for output in graph.output}  # a CRF's transitions are one as they are
    unread = [i for i, tensor in enumerate(graph.initializer) if tensor.name not in read]
    for i in reversed(unread):
        del graph.initializer[i]
    graph.ClearField("node")
    graph.node.extend(copies)
    graph.ClearField("value_info")  # shapes of tensors that may be others now
