"""What the OpenAPI description allows, and what it forbids, asked by chance of a real server."""

import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.serving.servers import Server

load_all_checks()


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def test_nothing_that_is_asked_makes_the_server_fail(server: Server):
    """No 5xx; statuses, content types and bodies are as described.

    That a request has too many words, its schema cannot say.
    """
    schema = schemathesis.openapi.from_url(f"{server.address}/openapi.json")
    operations = [result.ok() for result in schema.get_all_operations()]
    assert {"/v1/predict", "/v1/predict/stream", "/v2/models/{name}/infer"} <= {
        operation.path for operation in operations
    }
    for operation in operations:

        @settings(
            max_examples=25,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        ask()
