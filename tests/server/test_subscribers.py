"""What User-Agents tell: those that are really sent, and those that somebody makes up."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from feeds.sketch import estimate
from server.subscribers import LONGEST_NAME, MOST_SUBSCRIBERS, Told, audience, told
from server.tally import LONGEST_AGENT

SAFARI = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 "
    "(KHTML, like Gecko) Version/14.0.1 Safari/605.1.15"
)

AGGREGATORS = {
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 265 subscribers; like FeedFetcher-Google)": (
        "Feedly",
        265,
    ),
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; 1 subscriber; )": ("Feedly", 1),
    "Feedbin feed-id:1373711 - 142 subscribers": ("Feedbin feed-id:1373711", 142),
    "Mozilla/5.0 (compatible; Feedbin feed-id:1 - 3 subscribers)": ("Feedbin feed-id:1", 3),
    f"NewsBlur Feed Fetcher - 27 subscribers - https://newsblur.com/site/7/x ({SAFARI})": (
        "NewsBlur Feed Fetcher",
        27,
    ),
    "NewsBlur Feed Fetcher - 1 subscriber - http://www.newsblur.com/site/0/12-readers": (
        "NewsBlur Feed Fetcher",
        1,
    ),
    "Mozilla/5.0 (compatible; inoreader.com; 114 subscribers)": ("inoreader.com", 114),
    "Inoreader/1.0 (+http://www.inoreader.com/feed-fetcher; 26 subscribers; )": ("Inoreader", 26),
    "Mozilla/5.0 (compatible; theoldreader.com; 1 subscribers; feed-id=cead6c3a837650eeefd8fe4a)": (
        "theoldreader.com feed-id:cead6c3a837650eeefd8fe4a",
        1,
    ),
    "Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 6 subscribers)": (
        "BazQux",
        6,
    ),
    "Mozilla 5.0 (compatible; BazQux/2.4 +http://bazqux.com/fetcher; 2 subscribers)": ("BazQux", 2),
    "Bloglovin/1.0 (http://www.bloglovin.com; 12 subscribers)": ("Bloglovin", 12),
    "Feed Wrangler/1.0 (1 subscriber; feed-id=68; http://feedwrangler.net; Allow like Gecko)": (
        "Feed Wrangler feed-id:68",
        1,
    ),
    "FeedHQ/1.0.2 (https://github.com/feedhq/feedhq; 1 subscriber; like FeedFetcher-Google)": (
        "FeedHQ",
        1,
    ),
    "Feedfetcher-Google; (+http://google.com/feedfetcher.html; 167 subscribers; feed-id=17945)": (
        "Feedfetcher-Google feed-id:17945",
        167,
    ),
    "Netvibes (http://www.netvibes.com; 13 subscribers; feedID: 4711)": (
        "Netvibes feed-id:4711",
        13,
    ),
    "NewsGatorOnline/2.0 (http://www.newsgator.com; 20 subscribers)": ("NewsGatorOnline", 20),
    "Dreamwidth Studios (webmaster@dreamwidth.org; for https://x.example/users/1/; 2 readers)": (
        "Dreamwidth Studios",
        2,
    ),
    "LiveJournal.com (webmaster@livejournal.com; for https://x.example/; 1 readers)": (
        "LiveJournal.com",
        1,
    ),
    "ThePort Web/1.0; subscribers 7": ("ThePort Web", 7),
    "YahooFeedSeeker/2.0 (compatible; Mozilla 4.0; MSIE 5.5; http://x.example; users 3; views 5)": (
        "YahooFeedSeeker",
        3,
    ),
    "Rojo 1.0 (http://x.example; Aggregating on behalf of 15 subscriber(s) online)": ("Rojo", 15),
    "SomeReader/2.1 (1,204 readers)": ("SomeReader", 1_204),
    "Ein Leser/2.1 (1.204.000 subscribers)": ("Ein Leser", 1_204_000),
    "Some Reader/2.1 (subscribers=41)": ("Some Reader", 41),
    "Reader v3 (900+ subscribers)": ("Reader v3", 900),
    "阅读器/2.0 (12 subscribers)": ("阅读器", 12),
    "Empty/1.0 (0 subscribers)": ("Empty", 0),
}

READERS = [
    "FreshRSS/1.23.1 (Linux; https://freshrss.org)",
    "Mozilla/5.0 (compatible; Miniflux/2.0.30; +https://miniflux.app)",
    "NetNewsWire (RSS Reader; https://netnewswire.com/)",
    "Tiny Tiny RSS/21.05 (https://tt-rss.org/)",
    "NextCloud-News/1.0",
    "Reeder/5.3 CFNetwork/1494 Darwin/23.4.0",
    "SimplePie/1.5.6 (Feed Parser; http://simplepie.org; Allow like Gecko)",
    "Liferea/1.13.5 (Linux; en_US; https://lzone.de/liferea/)",
    "Akregator/5.22.3; syndication",
    "Mozilla/5.0 (X11; Linux x86_64; rv:115.0) Gecko/20100101 Thunderbird/115.6.1",
    "Feedly/1.0 (+http://www.feedly.com/fetcher.html; like FeedFetcher-Google)",
    "Blogtrottr/2.0",
    "curl/7.88.1",
    SAFARI,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0",
    "Reader of 3 (subscriber)",
    "Subscriber/4.2",
    "Feed/2.0 readers of the world",
]

MACHINES = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "Mozilla/5.0 (compatible; Baiduspider/2.0; +http://www.baidu.com/search/spider.html)",
    "Mozilla/5.0 (compatible; Yahoo! Slurp; http://help.yahoo.com/help/us/ysearch/slurp)",
    "UptimeRobot/2.0; https://uptimerobot.com/",
    "Slackbot 1.0 (+https://api.slack.com/robots)",
    "W3C_Validator/1.3 http://validator.w3.org/services",
    "FeedValidator/1.3",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/119.0.0.0 Safari/537.36",
    "DuckDuckBot-Https/1.1; (+https://duckduckgo.com/duckduckbot)",
]


@pytest.mark.parametrize(("agent", "expected"), AGGREGATORS.items())
def test_aggregators_are_understood(agent: str, expected: tuple[str, int]) -> None:
    assert told(agent) == Told(*expected)


@pytest.mark.parametrize("agent", [*READERS, *MACHINES])
def test_who_speaks_for_himself_tells_no_number(agent: str) -> None:
    assert told(agent) is None


@pytest.mark.parametrize(
    ("agent", "readers"), [*((a, 1) for a in READERS), *((a, 0) for a in MACHINES)]
)
def test_machines_that_read_for_nobody_are_no_readers(agent: str, readers: int) -> None:
    found = audience([("feed.atom", agent.encode(), "192.0.2.1")])
    assert found.subscribers == {}
    assert sum(map(estimate, found.readers.values())) == readers


def test_the_most_that_an_aggregator_told_counts_and_its_ids_are_apart() -> None:
    visits = [
        ("feed.atom", f"Feedbin feed-id:{id} - {number} subscribers".encode(), "192.0.2.1")
        for id, number in [(1, 5), (1, 9), (1, 7), (2, 3)]
    ]
    visits.append(("feed.rss", b"Feedbin feed-id:1 - 4 subscribers", "192.0.2.2"))
    assert audience(visits).subscribers == {
        ("feed.atom", "Feedbin feed-id:1"): 9,
        ("feed.atom", "Feedbin feed-id:2"): 3,
        ("feed.rss", "Feedbin feed-id:1"): 4,
    }
    assert audience(visits).readers == {}


def test_readers_are_told_apart_by_address_and_agent() -> None:
    visits = [
        ("feed.atom", agent, f"192.0.2.{number}")
        for agent in (b"One/1.0", b"Two/1.0")
        for number in range(3)
        for _ in range(2)
    ]
    assert {path: estimate(s) for path, s in audience(visits).readers.items()} == {"feed.atom": 6}


# --- made up ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "expected"),
    [
        (b"X/1 (99999999999999999999999 subscribers)", Told("X", MOST_SUBSCRIBERS)),
        (b"X/1 (" + b"9" * 400 + b" subscribers)", Told("X", MOST_SUBSCRIBERS)),
        (b"X/1 (-5 subscribers)", None),
        (b"X/1 (1e9 subscribers)", None),
        (b"X/1 (0x10 subscribers)", None),
        (b"X/1 (1.5 subscribers)", None),
        (b"X/1 (12,34 subscribers)", None),
        ("X/1 (１２ subscribers)".encode(), None),
        (b"5 subscribers", Told("unnamed", 5)),
        (b"(5 subscribers)", Told("unnamed", 5)),
        (b"192.0.2.7 - 5 subscribers", Told("unnamed", 5)),
        (b"E\x1b[31mvil\r\n\x00\x9b/1 (5 subscribers)", Told("E[31mvil\ufffd", 5)),
        ("A\u202eB\u200b/1 (5 subscribers)".encode(), Told("AB", 5)),
        (b"N" * 300 + b" (5 subscribers)", Told("N" * LONGEST_NAME, 5)),
        (b"X/1 (5 subscribers; feed-id=" + b"7" * 300 + b")", Told("X feed-id:" + "7" * 64, 5)),
        (b"X/1 (5 subscribers; feed-id=../../etc)", Told("X feed-id:../../etc", 5)),
        (b"\xff\xfe/1 (5 subscribers)", Told("\ufffd\ufffd", 5)),
    ],
)
def test_what_is_made_up_is_kept_within_bounds(agent: bytes, expected: Told | None) -> None:
    found = audience([("feed.atom", agent, "192.0.2.1")]).subscribers
    assert found == ({("feed.atom", expected.agent): expected.number} if expected else {})


@given(st.binary(max_size=LONGEST_AGENT), st.integers(0, 10**15))
def test_no_agent_is_too_much(noise: bytes, number: int) -> None:
    for agent in (noise, noise + b" %d subscribers" % number, b"%d subscribers " % number + noise):
        found = audience([("feed.atom", agent, "2001:db8::1")])
        for (_, name), told_number in found.subscribers.items():
            assert name
            assert name.isprintable()
            assert len(name) <= LONGEST_NAME + len(" feed-id:") + 64
            assert 0 <= told_number <= MOST_SUBSCRIBERS
        assert len(found.subscribers) + len(found.readers) <= 1


@pytest.mark.parametrize(
    "part",
    [
        "1,",
        "1.000",
        "9",
        "1 ",
        "feed-id",
        "feed-id=",
        "Mozilla/",
        "(compatible; ",
        " - ",
        "users ",
        "\t",
    ],
)
def test_no_agent_takes_long(part: str) -> None:
    """What the tally keeps of one, and sixteen times that."""
    agent = part * (8_192 // len(part))
    started = time.perf_counter()
    told(agent)
    told(f"Mozilla/5.0 (compatible; {agent} 5 subscribers; feed-id={agent}")
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("word", ["users", "feed-id", "9", "a", "Mozilla/5.0 (compatible;"])
def test_a_run_of_spaces_takes_no_agent_long(word: str) -> None:
    """Each visit is looked at while others are answered."""
    for agent in (f"{word}{' ' * 8_000}x", f"a 5 subscribers {word}{' ' * 8_000}"):
        started = time.perf_counter()
        told(agent)
        assert time.perf_counter() - started < 0.1


def test_nobody_without_a_name_is_counted() -> None:
    found = audience([("feed.atom", b"", "192.0.2.1"), ("feed.atom", b"\x00\x1f", "192.0.2.1")])
    assert (found.subscribers, found.readers) == ({}, {})
