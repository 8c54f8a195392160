"""The roofline: what share of the machine's own matrix products an encoder reaches.

Williams et al. 2009, "Roofline: An Insightful Visual Performance Model for Multicore
Architectures".
"""

import json
import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnxruntime
from onnx import TensorProto, helper

from marsad.model_folder import ModelFolder
from marsad.runtime import read_tokenizer

_ROWS, _INNER, _COLUMNS = 512, 1536, 1536
_SECONDS = 1.0


def int8_peak() -> float:
    """Return the multiply-adds a second of one large product, as onnxruntime does it.

    Bytes by signed bytes of 7 bits, as in a model's int8 file.
    """
    shapes = {"a": (_ROWS, _INNER), "b": (_INNER, _COLUMNS)}
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["a", "b"], ["c"])],
        "peak",
        [helper.make_tensor_value_info("a", TensorProto.UINT8, shapes["a"])],
        [helper.make_tensor_value_info("c", TensorProto.INT32, (_ROWS, _COLUMNS))],
        [
            helper.make_tensor(
                "b", TensorProto.INT8, shapes["b"], _random(shapes["b"]).tobytes(), raw=True
            )
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    feed = {"a": _random(shapes["a"])}
    session.run(None, feed)
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < _SECONDS:
        start = time.perf_counter()
        session.run(None, feed)
        best = min(best, time.perf_counter() - start)
    return _ROWS * _INNER * _COLUMNS / best


def _random(shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 63, shape, dtype=np.uint8)


def work(folder: ModelFolder, texts: Sequence[str]) -> int:
    """Return the multiply-adds with weights of an encoder of BERT's shape that reads texts."""
    config = json.loads(folder["config"].read_text(encoding="utf-8"))
    width, inner = config["hidden_size"], config["intermediate_size"]
    a_token: int = config["num_hidden_layers"] * (4 * width * width + 2 * width * inner)
    tokenizer = read_tokenizer(folder["tokenizer"])
    return a_token * sum(len(encoding.ids) for encoding in tokenizer.encode_batch(list(texts)))
