"""What the OpenAPI description allows, and what it forbids, asked by chance of a real server."""

import json
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tests.serving.servers import Server

load_all_checks()


@schemathesis.serializer("application/x-ndjson")
def lines(_: Any, value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


@pytest.fixture(scope="module")
def described(server: Server) -> Any:
    return schemathesis.openapi.from_url(f"{server.address}/openapi.json")


schema = schemathesis.pytest.from_fixture("described")


@schema.parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_nothing_that_is_asked_makes_the_server_fail(case: schemathesis.Case):
    """No 5xx; statuses, content types and bodies are as described.

    That a request has too many words, its schema cannot say.
    """
    case.call_and_validate(excluded_checks=[positive_data_acceptance])
