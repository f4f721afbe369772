"""What broke on the way, when no answer arrived."""

from __future__ import annotations

import errno
import socket
import ssl
import zlib

import pytest

from chattool.chaterror import classify
from tests.unit.chaterror.shapes import answered, coded, raised, row

CLASSES = [
    *("PoolTimeout", "ReadTimeout", "ConnectTimeoutError", "TimeoutException", "ConnectError", "ReadError"),
    *("WriteError", "NetworkError", "RemoteProtocolError", "ProxyError", "APIConnectionError"),
    *("EndpointConnectionError", "ConnectionClosedError", "ClientConnectorError", "ClientOSError"),
    *("ServerDisconnectedError", "ClientPayloadError", "ModelConnectionError"),
]
MISTAKES = ["LocalProtocolError", "InvalidURL", "UnsupportedProtocol", "TooManyRedirects"]
ERRNOS = ["ECONNRESET", "ECONNREFUSED", "ECONNABORTED", "ETIMEDOUT", "EPIPE", "EHOSTUNREACH", "ENETUNREACH"]
RELAYED = [
    *ERRNOS,
    "UND_ERR_SOCKET",
    "UND_ERR_CONNECT_TIMEOUT",
    "UND_ERR_HEADERS_TIMEOUT",
    "UND_ERR_BODY_TIMEOUT",
]


def _below(cause: BaseException, name: str = "APIConnectionError") -> BaseException:
    outer, middle = raised(name, "Connection error."), raised("ConnectError", "m")
    outer.__cause__, middle.__context__ = middle, cause
    return outer


def test_a_host_that_is_not_resolved_is_a_matter_of_settings() -> None:
    found = classify(_below(socket.gaierror(socket.EAI_NONAME, "unknown")))
    assert (found.kind, found.retryable, found.code) == ("config", False, "ENOTFOUND")
    assert found.message.startswith("The host name of the AI provider could not be resolved.")


def test_a_lookup_that_should_be_tried_again_is_tried_again() -> None:
    found = classify(_below(socket.gaierror(socket.EAI_AGAIN, "later")))
    assert (found.kind, found.retryable, found.code) == ("timeout", True, "EAI_AGAIN")


@pytest.mark.parametrize("error", [ssl.SSLError(1, "refused"), ssl.SSLCertVerificationError(1, "expired")])
def test_a_refused_certificate_or_protocol_is_a_matter_of_settings(error: BaseException) -> None:
    found = classify(_below(error))
    assert (found.kind, found.retryable, found.evidence) == ("config", False, "E5:tls_refused")
    assert found.message.startswith("No trusted connection to the AI provider could be made.")


@pytest.mark.parametrize("error", [ssl.SSLEOFError(8, "eof"), ssl.SSLZeroReturnError(6, "closed")])
def test_a_connection_that_ended_early_inside_tls_is_tried_again(error: BaseException) -> None:
    found = classify(_below(error, "SSLError"))
    assert (found.kind, found.retryable) == ("timeout", True)


@pytest.mark.parametrize("name", ERRNOS)
def test_an_errno_of_a_broken_connection_is_tried_again(name: str) -> None:
    found = classify(_below(OSError(getattr(errno, name), "m")))
    assert (found.kind, found.retryable, found.code) == ("timeout", True, name)


@pytest.mark.parametrize("name", RELAYED)
def test_a_name_that_a_gateway_relays_is_tried_again(name: str) -> None:
    for error in (
        RuntimeError(f"read {name}"),
        raised("FetchError", "m", code=name),
        answered(0, coded(name)),
    ):
        found = classify(error)
        assert (found.kind, found.retryable, found.code) == ("timeout", True, name)


def test_a_relayed_name_of_an_unknown_host_is_a_matter_of_settings() -> None:
    assert classify(RuntimeError("getaddrinfo ENOTFOUND api.example.com")).evidence == "E5:host_not_resolved"


@pytest.mark.parametrize("error", [zlib.error("bad"), raised("DecodingError", "bad")])
def test_an_answer_that_cannot_be_unpacked_is_tried_again(error: BaseException) -> None:
    found = classify(error)
    assert (found.kind, found.retryable) == ("timeout", True)


@pytest.mark.parametrize("name", CLASSES)
def test_a_class_of_a_broken_transport_is_tried_again(name: str) -> None:
    found = classify(raised(name, "m"))
    assert (found.kind, found.retryable, found.evidence) == ("timeout", True, f"E5:{name}")


def test_a_cause_that_is_only_an_argument_of_a_transport_error_is_found() -> None:
    lookup = socket.gaierror(socket.EAI_NONAME, "unknown")
    cut = type("ConnectError", (Exception,), {})(lookup)
    wrapper = raised("ConnectError", "m")
    wrapper.__cause__ = cut
    assert classify(wrapper).code == "ENOTFOUND"


def test_an_argument_of_another_error_is_not_looked_into() -> None:
    assert row(RuntimeError(ConnectionResetError(104, "odd"))) == "E27"


def test_urllib3s_protocol_error_is_one_and_another_librarys_is_not() -> None:
    foreign = raised("ProtocolError", "m")
    ours = type("ProtocolError", (Exception,), {"__module__": "urllib3.exceptions"})("m")
    assert (row(ours), row(foreign)) == ("E5", "E27")


@pytest.mark.parametrize("error", [ConnectionResetError(), BrokenPipeError(), ConnectionAbortedError()])
def test_a_built_in_connection_error_is_tried_again(error: BaseException) -> None:
    assert classify(error).retryable


@pytest.mark.parametrize("text", ["socket hang up", " Premature Close ", "Socket Hang Up."])
def test_a_whole_text_of_a_javascript_gateway_is_tried_again(text: str) -> None:
    assert row(RuntimeError(text)) == "E5"


def test_the_name_of_a_system_error_beside_a_status_in_the_text_says_nothing() -> None:
    assert row(RuntimeError("read ECONNRESET")) == "E5"
    assert row(RuntimeError("read ECONNRESET, tried again: status 401")) == "E17"


def test_such_a_text_inside_a_longer_one_says_nothing() -> None:
    assert row(RuntimeError("there was a socket hang up somewhere")) == "E27"


@pytest.mark.parametrize("name", MISTAKES)
def test_our_own_mistake_is_a_matter_of_settings(name: str) -> None:
    found = classify(raised(name, "m"))
    assert (found.kind, found.retryable) == ("config", False)


def test_our_own_mistake_is_more_specific_than_the_wrapper_around_it() -> None:
    wrapper = raised("APIConnectionError", "Connection error.")
    wrapper.__cause__ = raised("UnsupportedProtocol", "m")
    assert classify(wrapper).kind == "config"


def test_the_most_specific_finding_of_the_chain_decides() -> None:
    error = raised("ClientConnectorError", "m")
    error.__cause__ = ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    assert classify(error).code == "ECONNREFUSED"


@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOENT])
def test_another_errno_is_a_local_fault(number: int) -> None:
    assert row(OSError(number, "m")) == "E27"


def test_an_answer_beats_the_transport() -> None:
    error = raised("ReadError", "m", response=type("R", (), {"text": "busy", "status_code": 503})())
    assert row(error) == "E24"


def test_a_stream_that_ended_early_names_its_provider() -> None:
    found = classify(RuntimeError("anthropic stream closed before message_stop"))
    assert found.message == "Anthropic stream closed unexpectedly before the response completed."
