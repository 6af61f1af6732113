"""What changed settings of ``[links]`` mean for answers that are known already.

In: a configuration, and the link store with what was found under another one. Out: the store
in line with it. What settings alone decide is decided anew; where a host decides, what was
good is believed until its time is over, and whatever else a setting has to do with is due.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Mapping
from typing import Final

from feeds.config import Config
from feeds.fingerprint import digest
from feeds.links.client import accepted, gate_of
from feeds.links.fetch import REDIRECTS, Manners, Outcome
from feeds.links.schedule import Asked
from feeds.links.store import Answer, LinkStore
from feeds.links.urls import DEFAULT_PORTS, InvalidURLError, host_of
from feeds.links.verdict import Page, standing, verdict
from feeds.models import Standing, Verdict

SETTINGS: Final = "settings"  # JSON: the settings that answers were found under, as hashes

NOT_GOOD: Final = frozenset(each for each in Verdict if standing(each) is not Standing.GOOD)
# Whom a setting lets through, or how long something may take, changes one kind of answers; who
# asks and for what may change all.
DOUBTFUL: Final[Mapping[str, frozenset[Verdict]]] = {
    "allow_addresses": frozenset((Verdict.BLOCKED,)),
    "ports": frozenset((Verdict.BLOCKED,)),
    "ca_file": frozenset((Verdict.TLS,)),
    "timeout": frozenset((Verdict.TIMEOUT, Verdict.DNS)),
    "headers": NOT_GOOD,
    "remap": NOT_GOOD,
    "user_agent": NOT_GOOD,
}
ACCEPT: Final = "accept"
GATE: Final = frozenset(("allow_addresses", "ports"))


def renew(config: Config, store: LinkStore) -> None:
    """Bring what is known in line with the settings."""
    settings = _hashes(config)
    before = json.loads(store.meta(SETTINGS) or "{}")
    changed = {name for name in settings if name in before and before[name] != settings[name]}
    if doubtful := frozenset[Verdict]().union(*(DOUBTFUL.get(name, ()) for name in changed)):
        store.doubt(sorted(doubtful))
    if changed & GATE:
        _doubt_refused_hosts(config, store)
    if ACCEPT in changed:
        _judge_anew(config, store)
    store.set_meta(SETTINGS, json.dumps(settings, sort_keys=True))


def _hashes(config: Config) -> dict[str, str]:
    values = {name: getattr(config.links, name) for name in (*DOUBTFUL, ACCEPT)}
    found = {name: digest(value).hex() for name, value in values.items()}
    if config.links.ca_file:
        with contextlib.suppress(OSError):
            authorities = (config.root / config.links.ca_file).read_bytes()
            found["ca_file"] = digest(config.links.ca_file, authorities).hex()
    return found


def _doubt_refused_hosts(config: Config, store: LinkStore) -> None:
    """Ask again where nobody may be asked any more: it makes no request, and then it is said."""
    gate = gate_of(config)
    for name in store.hosts():
        for scheme, usual in DEFAULT_PORTS.items():
            host, port = _host_and_port(name, usual)
            if gate.refuses(host, port):
                store.doubt_host(name, scheme)


def _host_and_port(name: str, usual: int) -> tuple[str, int]:
    host, colon, port = name.rpartition(":")
    if not colon or name.endswith("]"):
        host, port = name, str(usual)
    return host.strip("[]"), int(port)


# --- statuses that mean well --------------------------------------------------------------


def _judge_anew(config: Config, store: LinkStore) -> None:
    """Judge answers by statuses that are accepted now, or not any more."""
    how = Manners("", accept=accepted(config), remap=config.links.remap)
    redirects = any(not REDIRECTS.isdisjoint(codes) for codes in how.accept.values())
    for answer in store.answers(redirects):
        accept = _accepted(answer.url, how) | _accepted(answer.final_url or answer.url, how)
        found = judged_anew(answer, accept)
        if found is None:
            store.doubt_address(answer.id)
        elif found is not answer.verdict:
            outcome = Outcome(found, "", answer.status, answer.final_url)
            store.record([(Asked(answer.id, answer.url), outcome)], answer.checked)


def _accepted(url: str, how: Manners) -> frozenset[int]:
    with contextlib.suppress(InvalidURLError):
        url = how.asked_for(url)
    return how.accepted(host_of(url))


def judged_anew(answer: Answer, accept: Collection[int]) -> Verdict | None:
    """What an answer means where other statuses mean well; ``None`` if it has to be asked for.

    It says its last status and where that was, not which redirects led there.
    """
    if answer.final_url and not REDIRECTS.isdisjoint(accept):
        return None
    refused = verdict(answer.url, answer.status, (), Page()).verdict
    if answer.status in REDIRECTS:
        meant_well = standing(answer.verdict) is Standing.GOOD
    else:
        meant_well = answer.verdict is not refused
    if meant_well == (answer.status in accept):
        return answer.verdict
    if answer.status in REDIRECTS or (answer.final_url and not meant_well):
        return None
    return refused if meant_well else Verdict.OK
