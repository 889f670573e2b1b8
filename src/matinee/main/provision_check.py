"""`matinee provision check URL`: the go-live probe on a developer's own machine, without a server or a database."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn
from urllib.parse import urlsplit

import click
import msgspec

from matinee.kernel.errors import Invalid
from matinee.kernel.ids import new_id
from matinee.platform.http.egress import EgressPolicy, with_scheme
from matinee.platform.secrets import SecretBox
from matinee.provisions.gateway.exchange import AiohttpBillingGateway
from matinee.provisions.gateway.sealing import seal_secret
from matinee.provisions.kit.settings import usual_settings
from matinee.provisions.probe import OnStep, ProbeAccounts, run_probe
from matinee.provisions.rules import call_url, provision_class, secret_names, validated_config
from matinee.provisions.types import (
    BillingTarget,
    OAuth2Auth,
    PlatformValue,
    ProbeReport,
    ProbeStep,
    ProvisionConfig,
    Verdict,
)

PROVED_LESS: Final = 1
UNUSABLE: Final = 2

ACCOUNT: Final[Mapping[PlatformValue, str]] = {
    PlatformValue.USERID: "probe",
    PlatformValue.CONTENT_ID: "probe-film",
    PlatformValue.CONTENT_NAME: "Probe film",
    PlatformValue.CONTENT_PRICE: "1.00",
    PlatformValue.CURRENCY: "EUR",
    PlatformValue.CONTENT_TYPE: "movie",
    PlatformValue.RULE_NAME: "48 hours",
    PlatformValue.REQUESTED_AT: "2026-01-01T12:00:00+00:00",
}
"""What is sent unless --account says otherwise. The kit's samples charge `probe` and refuse `probe-declined`."""

_PROMISES: Final = {
    "A": "never a double charge",
    "B": "a duplicate is found and given back",
    "C": "an unclear outcome ends quickly",
    "D": "nothing is proved; an unclear outcome waits for a person",
}
_MARKS: Final = {
    Verdict.PASSED: ("ok", "green"),
    Verdict.FAILED: ("FAILED", "red"),
    Verdict.NOT_CHECKED: ("-", "yellow"),
}


@click.group()
def provision() -> None:
    """Try a billing system."""


@provision.command()
@click.argument("url")
@click.option(
    "--config",
    "settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Settings of the provision as JSON; URL takes the place of their base URL. Without it: those of the kit.",
)
@click.option(
    "--account", multiple=True, metavar="KEY=VALUE", help="A value of the test account, such as userid=anna."
)
@click.option(
    "--declined", multiple=True, metavar="KEY=VALUE", help="What differs for an account that billing refuses."
)
@click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME[=@FILE|=env:VARIABLE]",
    help="A secret that the settings name: from a file, from the environment, or asked for.",
)
@click.option(
    "--require",
    type=click.Choice(["A", "B", "C"]),
    default="A",
    show_default=True,
    help="The class to reach.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--verbose", is_flag=True, help="Show every request and answer, not only the failed ones.")
def check(
    url: str,
    settings: Path | None,
    account: tuple[str, ...],
    declined: tuple[str, ...],
    secrets: tuple[str, ...],
    require: str,
    as_json: bool,
    verbose: bool,
) -> None:
    """Make real calls to the billing at URL with a test account, and say what they prove.

    Runs on your machine alone: no server, no database. It may call any address, also without TLS.
    The test account is charged about six times; what can be given back is.

    Exit status: 0 when the class is reached, 1 when less was proved, 2 when billing could not be called.
    """
    config = _config(url, settings)
    good = {**ACCOUNT, **_values(account, "--account")}
    poor = _values(declined, "--declined")
    if not poor and settings is None and not account:
        poor = {PlatformValue.USERID: "probe-declined"}
    target, box = _target(config, _texts(secrets, secret_names(config)))
    show = None if as_json else _printer(verbose=verbose)
    report = asyncio.run(_probe(target, box, ProbeAccounts(good, {**good, **poor} if poor else None), show))
    reached = provision_class(report.capabilities)
    if as_json:
        click.echo(_json(url, report, require))
    else:
        _conclude(report, require)
    if not report.reached:
        sys.exit(UNUSABLE)
    if reached > require:
        sys.exit(PROVED_LESS)


def own_machine(config: ProvisionConfig) -> EgressPolicy:
    """Return the rules for a developer's own machine: every address, with or without TLS, on the ports in use."""
    calls = (config.status, config.refund, config.cancel)
    urls = [config.base_url, *(call_url(config.base_url, call.url) for call in calls if call is not None)]
    if isinstance(config.auth, OAuth2Auth):
        urls.append(config.auth.token_url)
    parts = [urlsplit(with_scheme(url)) for url in urls]
    ports = sorted({part.port or (80 if part.scheme == "http" else 443) for part in parts})
    return EgressPolicy.parse(",".join(f"http://0.0.0.0/0:{port},http://[::/0]:{port}" for port in ports))


def _config(url: str, settings: Path | None) -> ProvisionConfig:
    """Return the settings to probe, valid."""
    try:
        if settings is None:
            config = usual_settings(with_scheme(url))
        else:
            config = msgspec.json.decode(settings.read_bytes(), type=ProvisionConfig)
            config = msgspec.structs.replace(config, base_url=with_scheme(url))
        return validated_config(config, policy=own_machine(config))
    except Invalid as problem:
        _unusable("\n".join(f"{field}: {text}" for field, text in problem.fields.items()))
    except (msgspec.DecodeError, UnicodeDecodeError, OSError, ValueError) as problem:
        _unusable(f"The settings cannot be read: {problem}")


def _values(given: tuple[str, ...], option: str) -> dict[PlatformValue, str]:
    """Return KEY=VALUE options by platform value."""
    found: dict[PlatformValue, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or name not in list(PlatformValue):
            known = ", ".join(one.value for one in PlatformValue)
            _unusable(f"{option} {text}: write KEY=VALUE, with one of these keys: {known}.")
        found[PlatformValue(name)] = value
    return found


def _texts(given: tuple[str, ...], needed: frozenset[str]) -> dict[str, str]:
    """Return the texts of the secrets; one that is needed and was not given is asked for at a terminal."""
    texts: dict[str, str] = {}
    for option in given:
        name, sign, source = option.partition("=")
        texts[name] = _from_source(name, source) if sign else _asked(name)
    for name in sorted(needed - texts.keys()):
        texts[name] = _asked(name)
    return texts


def _from_source(name: str, source: str) -> str:
    if source.startswith("@"):
        try:
            return Path(source[1:]).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as problem:
            _unusable(f"--secret {name}: {problem}")
    variable = source.removeprefix("env:")
    if variable == source or not os.environ.get(variable):
        _unusable(
            f"--secret {name}: write {name}=@FILE or {name}=env:VARIABLE; a command line is no place for it."
        )
    return os.environ[variable]


def _asked(name: str) -> str:
    if not sys.stdin.isatty():
        _unusable(f"The settings need the secret {name}: give --secret {name}=@FILE or {name}=env:VARIABLE.")
    text: str = click.prompt(f"Secret {name}", hide_input=True)
    return text


def _target(config: ProvisionConfig, texts: Mapping[str, str]) -> tuple[BillingTarget, SecretBox]:
    """Seal the secrets with a key that ends with this process: the gateway knows no other way to get them."""
    box, operator_id, provision_id = SecretBox(os.urandom(32)), new_id(), new_id()
    sealed = {
        name: seal_secret(box, text, operator_id=operator_id, provision_id=provision_id, name=name)
        for name, text in texts.items()
    }
    target = BillingTarget(
        operator_id=operator_id, provision_id=provision_id, version=1, config=config, sealed_secrets=sealed
    )
    return target, box


async def _probe(
    target: BillingTarget, box: SecretBox, accounts: ProbeAccounts, show: OnStep | None
) -> ProbeReport:
    async with AiohttpBillingGateway(policy=own_machine(target.config), box=box) as gateway:
        return await run_probe(
            gateway, target, accounts, on_step=show, new_reference=lambda: f"check-{new_id()}"
        )


def _printer(*, verbose: bool) -> OnStep:
    """Return what prints each step as soon as it has ended."""

    def show(step: ProbeStep) -> None:
        mark, colour = _MARKS[step.verdict]
        click.echo(f"{click.style(f'{mark:>6}', fg=colour)}  {step.title}: {step.detail}")
        if step.request and (verbose or step.verdict is Verdict.FAILED):
            for line in [*step.request.splitlines(), *step.answer.splitlines()]:
                click.echo(f"        | {line}")

    return show


def _conclude(report: ProbeReport, require: str) -> None:
    if not report.reached:
        click.echo("\nBilling could not be called; see the first line above.")
        return
    reached = provision_class(report.capabilities)
    proved = ", ".join(sorted(report.capabilities)) or "nothing"
    click.echo(f"\nClass {reached}: {_PROMISES[reached]}. Proved: {proved}.")
    if reached > require:
        click.echo(f"Class {require} was asked for.")


def _json(url: str, report: ProbeReport, require: str) -> str:
    """Return the report for a machine: the class, what was asked for, and every step."""
    reached = provision_class(report.capabilities)
    document = {
        "url": with_scheme(url).partition("?")[0],
        "reached": report.reached,
        "class": reached,
        "required": require,
        "passed": report.reached and reached <= require,
        "capabilities": sorted(report.capabilities),
        "steps": report.steps,
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def _unusable(message: str) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    sys.exit(UNUSABLE)
