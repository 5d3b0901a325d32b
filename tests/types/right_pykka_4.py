"""A typed program as it was written for Pykka 4, with which it checks as well.

mypy --strict and pyright (strict) find nothing wrong with it, with Pykka 4.0.2 and here.
"""

from __future__ import annotations

import logging
import queue
import threading  # noqa: TC003
from collections.abc import Iterable  # noqa: TC003
from dataclasses import dataclass
from types import TracebackType  # noqa: TC003
from typing import Any, cast

import pykka
from pykka import (
    ActorDeadError,
    ActorProxy,
    ActorRef,
    ActorRegistry,
    Future,
    ThreadingActor,
    Timeout,
)
from pykka.messages import ProxyCall
from pykka.typing import ActorMemberMixin, proxy_field, proxy_method

logger = logging.getLogger(__name__)


@dataclass
class Track:
    uri: str
    length: int = 0


@pykka.traversable
class Mixer:
    volume: int = 100

    def mute(self) -> bool:
        return True


class Backend(ThreadingActor):
    use_daemon_thread = True
    schemes: list[str] = ["file"]  # noqa: RUF012
    mixer = Mixer()

    def __init__(self, config: dict[str, Any], audio: ActorRef[Audio] | None = None) -> None:
        super().__init__()
        self.config = config
        self.audio = audio
        self.tracks: dict[str, Track] = {}

    def on_start(self) -> None:
        logger.info("started %s", self.actor_urn)

    def on_stop(self) -> None:
        logger.info("stopped")

    def on_failure(
        self,
        exception_type: type[BaseException] | None,
        exception_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        logger.error("failed: %r", exception_value)

    def on_receive(self, message: Any) -> Any:
        if isinstance(message, Track):
            self.tracks[message.uri] = message
            return message.length
        return super().on_receive(message)

    def lookup(self, uri: str, *, exact: bool = False) -> list[Track]:
        return [track for name, track in self.tracks.items() if name == uri or not exact]

    def length(self) -> int:
        return len(self.tracks)


class Audio(ThreadingActor):
    def __init__(self, results: queue.Queue[str]) -> None:
        super().__init__()
        self.results = results

    def play(self, track: Track) -> str:
        self.results.put(track.uri)
        return track.uri

    def again(self) -> None:
        self.actor_ref.tell({"again": True})
        me = self.actor_ref.proxy()
        me.play(Track("again"))


class BackendProxy(ActorMemberMixin, ActorProxy[Backend]):
    schemes = proxy_field(Backend.schemes)
    lookup = proxy_method(Backend.lookup)
    length = proxy_method(Backend.length)


def find(backends: Iterable[BackendProxy], uri: str) -> list[Track]:
    futures: list[Future[list[Track]]] = [backend.lookup(uri) for backend in backends]
    found: list[Track] = []
    for tracks in pykka.get_all(futures, timeout=5):
        found.extend(tracks)
    return found


def first_length(future: Future[list[Track]]) -> int:
    lengths: Future[int] = future.map(len)
    return lengths.get(timeout=1)


def lookup_later(ref: ActorRef[Backend], uri: str) -> Future[Any]:
    return ref.ask(ProxyCall(attr_path=("lookup",), args=(uri,), kwargs={}), block=False)


def main() -> int:
    results: queue.Queue[str] = queue.Queue()
    audio: ActorRef[Audio] = Audio.start(results)
    refs: list[ActorRef[Backend]] = [Backend.start({}, audio=audio) for _ in range(3)]
    proxies = [cast("BackendProxy", ref.proxy()) for ref in refs]
    length: int = refs[0].ask(Track("file:1", 3), block=True)
    pending = refs[1].ask(Track("file:2"), block=False)
    try:
        total = length + pending.get(timeout=1)
        print(total, find(proxies, "file:1"), first_length(proxies[0].lookup("x", exact=True)))
        print(proxies[0].schemes.get(), lookup_later(refs[0], "file").get())
        stopped: threading.Event = refs[0].actor_stopped
        print(stopped.is_set(), refs[0].actor_class.use_daemon_thread)
    except (ActorDeadError, Timeout):
        return 1
    finally:
        ok: bool = audio.stop(block=True)
        everyone = ActorRegistry.stop_all(block=True, timeout=5)
        print(ok, all(everyone), ActorRegistry.get_by_class(Backend))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
