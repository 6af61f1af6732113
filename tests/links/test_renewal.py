"""What changed settings mean for answers that are known already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from feeds.config import Config, Links, Site
from feeds.links.fetch import Outcome
from feeds.links.renewal import NOT_GOOD, judged_anew, renew
from feeds.links.rules import Judged
from feeds.links.store import Answer, LinkStore, Occurrence
from feeds.links.urls import target_of
from feeds.models import Link, Role, Verdict

DAY = 86_400
NOW = 1_700_000_000
SITE = Site("https://news.example.org")
OF_REQUESTS = [Verdict.OK, Verdict.MOVED, Verdict.REDIRECTED, *sorted(NOT_GOOD)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LinkStore]:
    opened = LinkStore(tmp_path / "state", 0.05)
    yield opened
    opened.close()


def config(root: Path, **links: object) -> Config:
    return Config(root, SITE, links=Links(**links))  # type: ignore[arg-type]


def put(store: LinkStore, urls: Sequence[str]) -> None:
    links = [Judged(Link(Role.BODY, "", url, 1), None, "", target_of(url, "")) for url in urls]
    store.put_post("a.md", b"1", "https://news.example.org/a", 1, links)


def answered(store: LinkStore, outcomes: dict[str, Outcome], now: int = NOW) -> None:
    """Have addresses known by what they answered."""
    put(store, list(outcomes))
    for host in store.hosts():
        due = store.due(host, 0, 99, now + 999 * DAY)
        store.record([(each, outcomes[each.url]) for each in due], now)


def due(store: LinkStore) -> set[str]:
    """Addresses that are asked for, of such that were all believed a moment ago."""
    return {each.url for host in store.hosts() for each in store.due(host, 0, 99, NOW)}


def known(store: LinkStore, url: str) -> Occurrence:
    return next(each for each in store.occurrences() if each.target == url)


# --- what a host decides ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "value", "doubtful"),
    [
        ("ports", (80, 443, 8000), {Verdict.BLOCKED}),
        ("allow_addresses", ("10.0.0.0/8",), {Verdict.BLOCKED}),
        ("ca_file", "ca.pem", {Verdict.TLS}),
        ("timeout", 60.0, {Verdict.TIMEOUT, Verdict.DNS}),
        ("user_agent", "Ours/2", NOT_GOOD),
        ("headers", {"a.example": {"X": "y"}}, NOT_GOOD),
        ("remap", {"http://a.example/": "http://b.example/"}, NOT_GOOD),
        # How fast, and what is said of it, changes no answer.
        ("interval", 3.0, set()),
        ("per_host", 1, set()),
        ("concurrency", 1, set()),
        ("severity", {"gone": "good"}, set()),
        ("exclude", ("*",), set()),
    ],
)
def test_a_changed_setting_makes_due_what_it_has_to_do_with(
    store: LinkStore, tmp_path: Path, setting: str, value: object, doubtful: set[Verdict]
) -> None:
    answered(store, {f"http://a.example/{each}": Outcome(each) for each in OF_REQUESTS})
    renew(config(tmp_path), store)
    assert due(store) == set()
    renew(config(tmp_path, **{setting: value}), store)
    assert due(store) == {f"http://a.example/{each}" for each in doubtful}


def test_other_certificates_in_the_same_file_are_another_setting(
    store: LinkStore, tmp_path: Path
) -> None:
    answered(store, {"https://a.example/": Outcome(Verdict.TLS)})
    ours = config(tmp_path, ca_file="ca.pem")
    for content, expected in (("one", 0), ("one", 0), ("two", 1)):
        (tmp_path / "ca.pem").write_text(content, "utf-8")
        renew(ours, store)
        assert len(due(store)) == expected


def test_a_change_is_one_only_once(store: LinkStore, tmp_path: Path) -> None:
    url = "http://a.example/"
    answered(store, {url: Outcome(Verdict.GONE, status=404)})
    renew(config(tmp_path), store)
    other = config(tmp_path, user_agent="Ours/2", accept={"a.example": (403,)})
    renew(other, store)
    assert due(store) == {url}
    answered(store, {url: Outcome(Verdict.GONE, status=404)})
    renew(other, store)
    assert due(store) == set()


def test_what_may_not_be_asked_any_more_is_due_to_be_told(store: LinkStore, tmp_path: Path) -> None:
    refused = ["http://10.1.2.3/", "http://[fd00::1]:8000/", "http://a.example:8000/"]
    refused += ["http://a.example/", "http://10.1.2.3:8000/x"]
    fine = ["https://a.example/", "https://a.example:8001/"]
    answered(store, {url: Outcome(Verdict.OK, status=200) for url in (*refused, *fine)})
    wide = ("10.1.0.0/16", "fd00::/8")
    renew(config(tmp_path, allow_addresses=wide, ports=(80, 443, 8000, 8001)), store)
    assert due(store) == set()
    renew(config(tmp_path, ports=(443, 8001)), store)
    assert due(store) == set(refused)


# --- statuses that mean well --------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "status", "final", "accept", "now"),
    [
        (Verdict.GONE, 404, "", {404}, Verdict.OK),
        (Verdict.DENIED, 403, "", {403}, Verdict.OK),
        (Verdict.SERVER_ERROR, 503, "", {503}, Verdict.OK),
        (Verdict.DENIED, 403, "", {404}, Verdict.DENIED),
        (Verdict.OK, 403, "", {403}, Verdict.OK),
        (Verdict.OK, 403, "", set(), Verdict.DENIED),
        (Verdict.OK, 404, "", {403}, Verdict.GONE),
        (Verdict.MOVED, 404, "http://b.example/", set(), Verdict.GONE),
        (Verdict.TRUNCATED, 404, "", set(), Verdict.GONE),
        (Verdict.TRUNCATED, 404, "", {404}, Verdict.TRUNCATED),
        # For good or for now: the last answer does not say what led to it.
        (Verdict.GONE, 404, "http://b.example/", {404}, None),
        (Verdict.MOVED, 404, "http://b.example/", {404}, Verdict.MOVED),
        # Redirects that are an answer, or are none any more.
        (Verdict.OK, 302, "", {302}, Verdict.OK),
        (Verdict.OK, 302, "", set(), None),
        (Verdict.PROTOCOL, 302, "", set(), Verdict.PROTOCOL),
        (Verdict.PROTOCOL, 302, "", {302}, None),
        (Verdict.MOVED, 200, "http://b.example/", {301}, None),
        (Verdict.DNS, 0, "http://b.example/", {301}, None),
    ],
)
def test_an_answer_is_judged_anew_as_far_as_it_says_enough(
    before: Verdict, status: int, final: str, accept: set[int], now: Verdict | None
) -> None:
    answer = Answer(1, "http://a.example/", before, status, final, NOW)
    assert judged_anew(answer, accept) is now


def test_accepted_statuses_are_judged_anew_as_if_they_had_been_then(
    store: LinkStore, tmp_path: Path
) -> None:
    gone, fine = "http://a.example/gone", "http://a.example/fine"
    other, moved = "http://b.example/gone", "http://c.example/moved"
    for day in range(3):
        outcomes = {
            gone: Outcome(Verdict.GONE, status=404),
            other: Outcome(Verdict.GONE, status=404),
            fine: Outcome(Verdict.OK, status=200),
            moved: Outcome(Verdict.GONE, status=404, final_url="http://d.example/"),
        }
        answered(store, outcomes, NOW - day)
    renew(config(tmp_path), store)
    renew(config(tmp_path, accept={"A.example": (404,), "d.*": (404,)}), store)
    found = known(store, gone)
    assert (found.verdict, found.status, found.fails, found.since) == (Verdict.OK, 404, 0, 0)
    assert found.checked == NOW - 2
    assert known(store, other).verdict is Verdict.GONE
    assert known(store, other).fails == 3
    # A new request is made only where redirects led there.
    assert due(store) == {moved}
    renew(config(tmp_path, accept={"d.*": (404,)}), store)
    found = known(store, gone)
    assert (found.verdict, found.status, found.fails) == (Verdict.GONE, 404, 1)
    assert (found.since, found.checked) == (NOW - 2, NOW - 2)
    assert due(store) == {moved}


def test_whoever_is_asked_in_place_of_another_is_accepted(store: LinkStore, tmp_path: Path) -> None:
    url = "http://a.example/x"
    remap = {"http://a.example/": "http://b.example:8000/"}
    answered(store, {url: Outcome(Verdict.DENIED, status=403)})
    renew(config(tmp_path, remap=remap), store)
    renew(config(tmp_path, remap=remap, accept={"a.example": (403,)}), store)
    assert known(store, url).verdict is Verdict.DENIED
    renew(config(tmp_path, remap=remap, accept={"b.example:8000": (403,)}), store)
    assert known(store, url).verdict is Verdict.OK


def test_where_redirects_are_accepted_their_ends_are_asked_for(
    store: LinkStore, tmp_path: Path
) -> None:
    a, b, c = (f"http://{name}.example/" for name in "abc")
    outcomes = {
        a: Outcome(Verdict.REDIRECTED, status=200, final_url="http://a.example/login"),
        b: Outcome(Verdict.REDIRECTED, status=200, final_url="http://b.example/login"),
        c: Outcome(Verdict.OK, status=200),
    }
    answered(store, outcomes)
    renew(config(tmp_path), store)
    renew(config(tmp_path, accept={"a.example": (302,)}), store)
    assert due(store) == {a}
