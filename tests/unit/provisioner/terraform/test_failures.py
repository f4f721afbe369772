"""Refusals of providers are told by their codes, and by nothing else."""

import pytest

from db.states import LogLevel
from provisioner.errors import ProvisionerError
from provisioner.provisioners.terraform.diagnostics import Diagnostic
from provisioner.provisioners.terraform.failures import REFUSALS, Refusal, provider_of, refusal
from provisioner.terminal import FailureReason, failure_detail

TEXTS = {
    "terraform": "{code}",
    "aws": "creating EC2 Instance: operation error EC2: RunInstances, https response error"
    " StatusCode: 400, RequestID: 1-2, api error {code}: upstream says why",
    "azurerm": "creating Virtual Machine: unexpected status 409 (409 Conflict) with error: {code}: why",
    "google": "Error creating instance: googleapi: Error 403: upstream says why, {code}",
}
ADDRESSES = {"terraform": "", "aws": "aws_instance.dev", "azurerm": "module.vm[0].azurerm_linux_machine.a"}


def error(summary: str, *, address: str = "", detail: str = "", context: str = "") -> Diagnostic:
    return Diagnostic(
        severity=LogLevel.ERROR, summary=summary, detail=detail, address=address, context=context
    )


def raised(diagnostic: Diagnostic) -> ProvisionerError | None:
    return refusal([diagnostic], str)


def of_row(row: Refusal) -> Diagnostic:
    address = ADDRESSES.get(row.provider, f"{row.provider}_thing.x")
    return error(TEXTS[row.provider].format(code=row.code), address=address)


@pytest.mark.parametrize("row", REFUSALS, ids=lambda row: f"{row.provider}-{row.code}")
def test_every_row_is_recognised(row: Refusal) -> None:
    found = raised(of_row(row))

    assert found is not None
    if isinstance(row.means, FailureReason):
        detail = failure_detail(found)
        assert detail is not None
        assert detail.reason is row.means
        assert detail.detail.startswith(row.code)
    else:
        assert type(found) is row.means
        assert found.retryable


@pytest.mark.parametrize("provider", TEXTS)
def test_an_unlisted_code_stays_an_ordinary_failure(provider: str) -> None:
    assert raised(of_row(Refusal(provider=provider, code="SomethingNew", means=FailureReason(4)))) is None


@pytest.mark.parametrize("row", [r for r in REFUSALS if r.provider != "terraform"], ids=lambda r: r.code)
def test_a_code_of_another_provider_says_nothing(row: Refusal) -> None:
    diagnostic = error(TEXTS[row.provider].format(code=row.code), address="docker_container.x")

    assert raised(diagnostic) is None


@pytest.mark.parametrize(
    "text",
    [
        "insufficient quota",
        "https response error StatusCode: 403",
        "api error UnauthorizedOperationX: no",
        "mentions UnauthorizedOperation without being it",
        "api error ServiceUnavailable: later",
    ],
)
def test_words_alone_say_nothing(text: str) -> None:
    assert raised(error(text, address="aws_instance.dev")) is None


def test_a_final_refusal_outweighs_one_that_heals() -> None:
    busy = error("api error RequestLimitExceeded: slow down", address="aws_instance.a")
    refused = error("api error VcpuLimitExceeded: no more", address="aws_instance.b")

    found = refusal([busy, refused], str)

    detail = failure_detail(found)
    assert detail is not None
    assert detail.reason is FailureReason.LICENSE_EXHAUSTED


def test_secrets_do_not_reach_the_detail() -> None:
    diagnostic = error("api error AccessDenied: key hunter22", address="aws_instance.a")

    found = refusal([diagnostic], lambda text: text.replace("hunter22", "***"))

    assert "hunter22" not in str(found)


@pytest.mark.parametrize(
    ("address", "context", "provider"),
    [
        ("aws_instance.dev", "", "aws"),
        ('module.my_mod["a.b"].module.x.data.google_compute_image.y[0]', "", "google"),
        ("terraform_data.x", "", "terraform"),
        ("", 'provider "azurerm"', "azurerm"),
        ("", 'variable "aws_region"', "terraform"),
    ],
)
def test_the_provider_is_read_from_address_or_block(address: str, context: str, provider: str) -> None:
    assert provider_of(error("", address=address, context=context)) == provider


SAID = (
    "Error running command './grant.sh': exit status 1. Output: asking\n"
    "chattool: {reason}: HR-412: on leave\n"
)


@pytest.mark.parametrize("reason", [r for r in FailureReason if r > 0], ids=lambda r: r.name)
def test_a_script_of_the_template_may_say_every_reason(reason: FailureReason) -> None:
    detail = SAID.format(reason=reason.name)

    found = failure_detail(raised(error("local-exec provisioner error", detail=detail)))

    assert found is not None
    assert (found.reason, found.detail) == (reason, "HR-412: on leave")


@pytest.mark.parametrize(
    "detail",
    [
        SAID.format(reason="UNSPECIFIED"),
        SAID.format(reason="NO_SUCH_REASON"),
        "Error running command 'x || {\nchattool: VALIDATION_FAILURE: not run\n}': exit status 1. Output: ",
        "Error running command 'x': exit status 1. Output: it said chattool: VALIDATION_FAILURE: no",
    ],
)
def test_a_script_that_does_not_say_so_fails_ordinarily(detail: str) -> None:
    assert raised(error("local-exec provisioner error", detail=detail, address="terraform_data.x")) is None
