"""Smoothing: a graph rewritten so that 8 bits bear its activations; what it computes stays.

A few channels of an encoder's activations reach tens of times as far as the others, and one scale
for a tensor then drowns the rest (Bondarenko et al. 2021, "Understanding and Overcoming the
Challenges of Efficient Transformer Quantization"). Two exact rewritings, by how far the channels
reach on real windows:

- the channels of a product's input are divided by factors, the rows of its weights multiplied by
  them (Xiao et al. 2023, "SmoothQuant");
- a feed-forward block is a sum over its neurons, so the few that reach furthest become a small
  block of their own, which stays in fp32.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import NodeProto, helper, numpy_helper

from marsad.graphs import Floats, inputs_read, replace_nodes, weighted_products, weights_of
from marsad.text.batches import Batch

ACTIVATIONS = ("Gelu", "Relu")  # those that let a neuron reach far

NEURONS = 8  # of a block that stay in fp32
STRENGTH = 0.6  # of the smoothing: 0 leaves activations as they are, 1 makes all channels equal


def smooth(source: Path, target: Path, batches: Sequence[Batch]) -> list[str]:
    """Write a smoothed graph; return the names of the small products that stay in fp32.

    Args:
        source: an fp32 graph.
        target: the file to write.
        batches: windows as the model will read them; they say how far channels reach.
    """
    model = onnx.load(source)
    products = weighted_products(model)
    reach = _reach(model, products, batches)
    graph = _Graph(model)
    kept, rest = [], []
    for product in products:
        block = graph.block(product)
        if block and len(reach[product.input[0]]) > NEURONS:
            kept += graph.split(block, np.argsort(-reach[product.input[0]])[:NEURONS])
        else:
            rest.append(product)
    for name in dict.fromkeys(product.input[0] for product in rest):
        readers = [product for product in rest if product.input[0] == name]
        matrices = [graph.constants[product.input[1]] for product in readers]
        graph.divide(name, readers, _factors(reach[name], matrices))
    graph.save(target)
    return kept


def _reach(
    model: onnx.ModelProto, products: Sequence[NodeProto], batches: Sequence[Batch]
) -> Mapping[str, Floats]:
    """Return how far each channel of each product's input gets from 0."""
    reach: dict[str, Floats] = {}
    for values in inputs_read(model, products, batches):
        for name, value in values.items():
            own = np.abs(value).reshape(-1, value.shape[-1]).max(axis=0)
            reach[name] = np.maximum(own, reach.get(name, 0))
    return reach


def _factors(reach: Floats, matrices: Sequence[Floats]) -> Floats:
    """Return what the channels are divided by; 1 where nothing was read or nothing is weighed."""
    weight = np.max([np.abs(matrix).max(axis=1) for matrix in matrices], axis=0)
    used = (reach > 0) & (weight > 0)
    factors = np.ones_like(reach)
    factors[used] = reach[used] ** STRENGTH / weight[used] ** (1 - STRENGTH)
    return factors


@dataclass(frozen=True)
class _Block:
    """A feed-forward block: two products, each with its bias, and an activation between them."""

    first: NodeProto
    first_bias: NodeProto
    activation: NodeProto
    second: NodeProto
    second_bias: NodeProto


class _Graph:
    """A graph under rewriting: new constants, and new nodes behind those that they wait for."""

    def __init__(self, model: onnx.ModelProto) -> None:
        self.model = model
        self.constants = weights_of(model)
        self.producers = {name: node for node in model.graph.node for name in node.output}
        self.readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self.readers.setdefault(name, []).append(node)
        self.behind: dict[str, list[NodeProto]] = {}  # by the tensor that they wait for

    def block(self, second: NodeProto) -> _Block | None:
        """Return the feed-forward block that a product ends, if it ends one."""
        activation = self.producers.get(second.input[0])
        if activation is None or activation.op_type not in ACTIVATIONS:
            return None
        first_bias = self.producers.get(activation.input[0])
        first, second_bias = self._biased(first_bias), self._only_reader(second)
        if not (first_bias and first and second_bias and self._biased(second_bias) is second):
            return None
        if not all(self._only_reader(node) for node in (first, first_bias, activation)):
            return None
        return _Block(first, first_bias, activation, second, second_bias)

    def split(self, block: _Block, neurons: npt.NDArray[np.intp]) -> list[str]:
        """Make neurons a block of their own; return the names of its products."""
        bias = next(i for i, name in enumerate(block.first_bias.input) if name in self.constants)
        inward = self.constants[block.first.input[1]]
        shift = self.constants[block.first_bias.input[bias]]
        outward = self.constants[block.second.input[1]]
        others = np.setdiff1d(np.arange(len(shift)), neurons)
        block.first.input[1] = self._constant(inward[:, others])
        block.first_bias.input[bias] = self._constant(shift[others])
        block.second.input[1] = self._constant(outward[others])
        total = block.second_bias.output[0]
        rest = block.second_bias.output[0] = f"{total}_rest"
        small = [
            self._insert(rest, "MatMul", block.first.input[0], self._constant(inward[:, neurons])),
            self._insert(rest, "Add", "", self._constant(shift[neurons])),
            self._insert(rest, block.activation.op_type, ""),
            self._insert(rest, "MatMul", "", self._constant(outward[neurons])),
            self._insert(rest, "Add", "", rest),
        ]
        for before, after in itertools.pairwise(small):
            after.input[0] = before.output[0]
        small[2].attribute.extend(block.activation.attribute)
        small[-1].output[0] = total
        return [small[0].name, small[3].name]

    def divide(self, name: str, products: Sequence[NodeProto], factors: Floats) -> None:
        """Divide the channels that products read, and multiply the rows of their weights."""
        divided = self._insert(name, "Mul", name, self._constant(np.reciprocal(factors))).output[0]
        for product in products:
            rows = self.constants[product.input[1]] * factors[:, None]
            product.input[0], product.input[1] = divided, self._constant(rows)

    def save(self, target: Path) -> None:
        """Write the graph: nodes in order, no constant that nothing reads."""
        graph = self.model.graph
        nodes = [node for value in graph.input for node in self.behind.get(value.name, ())]
        for node in graph.node:
            nodes.append(node)
            nodes += [new for name in node.output for new in self.behind.get(name, ())]
        replace_nodes(graph, nodes)
        onnx.save(self.model, target)

    def _only_reader(self, node: NodeProto) -> NodeProto | None:
        readers = self.readers.get(node.output[0], [])
        return readers[0] if len(readers) == 1 else None

    def _biased(self, node: NodeProto | None) -> NodeProto | None:
        """Return the product to which a node adds a constant, if that is what it does."""
        if node is None or node.op_type != "Add":
            return None
        activations = [name for name in node.input if name not in self.constants]
        product = self.producers.get(activations[0]) if len(activations) == 1 else None
        return product if product and product.op_type == "MatMul" else None

    def _constant(self, value: Floats) -> str:
        name = f"smoothed_{len(self.constants)}"
        self.constants[name] = value
        self.model.graph.initializer.append(
            numpy_helper.from_array(np.ascontiguousarray(value, dtype=np.float32), name)
        )
        return name

    def _insert(self, behind: str, operator: str, *inputs: str) -> NodeProto:
        """Put a new node behind the one that makes a tensor."""
        nodes = self.behind.setdefault(behind, [])
        name = f"{behind}_smoothed_{len(nodes)}"
        nodes.append(helper.make_node(operator, list(inputs), [name], name=name))
        return nodes[-1]
