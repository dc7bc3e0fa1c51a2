"""The office as one process: doorkeeper, cashier, mailer, and purchaser if there is a retailer to tell.

Each runs in a thread with helpers.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from aisle_core.errors import AisleError
from aisle_core.store import load_store

from .cashier import Cashier
from .doorkeeper import Doorkeeper
from .journal import Journal
from .links import Links
from .mail import Mailer, Smtp
from .money import Money
from .payment import PaymentProvider
from .payment.sandbox import Sandbox
from .readers import Readers
from .settings import Retailer, load_office
from .wallet import Wallet
from .worker import Worker

if TYPE_CHECKING:
    from .connectors import Connector

POLL_S = 0.05
HELPERS = 4
"""Calls to the outside that each worker makes at a time."""


def run(workers: Sequence[Callable[[ThreadPoolExecutor], Worker | Readers]], stop: threading.Event) -> None:
    """Run workers until told to stop; what is under way is finished."""
    with ExitStack() as stack:
        threads = []
        for make in workers:
            pool = stack.enter_context(ThreadPoolExecutor(HELPERS))
            worker = make(pool)
            threads.append(threading.Thread(target=worker.run, args=(stop, POLL_S), name=worker.NAME))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def main(arguments: Sequence[str] | None = None) -> None:
    """The process. Secrets come by the environment, so that no list of processes shows them.

    AISLE_OFFICE_SECRET keys the cards' fingerprints, AISLE_STRIPE_KEY, AISLE_SMTP_PASSWORD, AISLE_RETAILER_KEY_ID
    and AISLE_RETAILER_KEY are those of the servers.
    """
    parser = argparse.ArgumentParser(prog="aisle office", description=__doc__)
    parser.add_argument("site", type=Path, help="site folder with office.yaml")
    parser.add_argument("--database", required=True, help="URL, such as sqlite:///office.db")
    parser.add_argument("--provider", required=True, help="'stripe', or the URL of the sandbox's database")
    parser.add_argument("--stripe-address", help="base address of the API; without it Stripe's own")
    parser.add_argument("--smtp", required=True, metavar="HOST:PORT")
    parser.add_argument("--smtp-security", choices=("none", "starttls", "tls"), default="starttls")
    parser.add_argument("--smtp-user", default="")
    given = parser.parse_args(arguments)
    store = load_store(given.site)
    office = load_office(given.site, store)
    clock = time.time_ns
    journal = Journal.open(given.database, clock)
    secret = secret_named("AISLE_OFFICE_SECRET")
    wallet = Wallet.open(given.database, secret)
    links = Links(secret, office.web.address)
    provider: PaymentProvider
    terminal = None
    if given.provider == "stripe":
        from .payment.terminal import Stripe, Terminal  # a second's work that the sandbox does not need

        patience_s = office.entry.decide_s
        provider = Stripe(secret_named("AISLE_STRIPE_KEY"), timeout_s=patience_s, base_address=given.stripe_address)
        terminal = Terminal(provider)
    else:
        provider = Sandbox.open(given.provider)
    host, _, port = given.smtp.rpartition(":")
    if not (host and port.isdecimal()):
        raise AisleError(f"--smtp '{given.smtp}': give HOST:PORT, such as localhost:587")
    password = secret_named("AISLE_SMTP_PASSWORD") if given.smtp_user else ""
    transport = Smtp(host, int(port), given.smtp_security, 30.0, given.smtp_user, password)
    connector = _connector(office.retailer) if office.retailer is not None else None
    workers: list[Callable[[ThreadPoolExecutor], Worker | Readers]] = [
        lambda pool: Doorkeeper(journal, provider, wallet, office, store.currency, clock, pool, connector),
        lambda pool: Cashier(journal, provider, wallet, store, office, clock, pool),
        lambda pool: Mailer(journal, transport, wallet, store, office, links, clock, pool),
    ]
    if office.retailer is not None and connector is not None:
        workers.append(_purchaser(office.retailer, connector, journal, clock))
    if office.readers:
        if terminal is None:
            raise AisleError("office.yaml has readers, and the provider has none; give --provider stripe")
        held, asks = Money(office.entry.authorise_minor, store.currency), terminal
        workers.append(lambda _: Readers(journal, asks, provider, wallet, office.readers, held, clock))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    run(workers, stop)


def _connector(retailer: Retailer) -> Connector:
    from .connectors import Connector, Credentials  # httpx, which a store of its own does not need

    key_id, secret = (secret_named(f"AISLE_RETAILER_{name}") for name in ("KEY_ID", "KEY"))
    once = retailer.retry.model_copy(update={"attempts": 1})
    credentials = Credentials(key_id, secret, retailer.region)
    return Connector(retailer.address, retailer.store_id, credentials, once, retailer.timeout_s)


def _purchaser(
    retailer: Retailer, connector: Connector, journal: Journal, clock: Callable[[], int]
) -> Callable[[ThreadPoolExecutor], Worker]:
    from .connectors import Purchaser

    return lambda pool: Purchaser(journal, connector, retailer.retry, clock, pool)


def secret_named(name: str) -> str:
    """A secret of the environment. Raises AisleError when it is not there."""
    try:
        return os.environ[name]
    except KeyError:
        raise AisleError(f"the environment has no {name}; set it to the secret") from None


if __name__ == "__main__":
    try:
        main()
    except AisleError as error:
        sys.exit(f"aisle office: {error}")
