"""The output of a site into another folder of this machine.

It is written as a build writes its output: nothing foreign is touched, each file is the old or
the new one whole. With ``precompress`` each has a ``.gz`` beside it, for web servers that look
for one (``gzip_static`` of nginx).
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from feeds.config import Config
from feeds.destination import FolderDestination
from feeds.errors import ForeignFileError
from feeds.models import EPOCH, Document
from feeds.publish import Folder, alone, explained
from feeds.publishing.delivery import FORCE, Delivery, Options, gave_way, refuse_to_empty
from feeds.publishing.output import Output
from feeds.representation import gzipped
from feeds.state import knows_output, remember_output
from feeds.terminal import Progress

GZIP: Final = "application/gzip"


def publish_folder(
    output: Output, to: FolderDestination, config: Config, options: Options
) -> Delivery:
    """Bring the output into a folder. Raises as :class:`~feeds.publish.Folder` does."""
    if not options.dry_run:
        with explained(to.path):  # what does not exist cannot be held
            to.path.mkdir(parents=True, exist_ok=True)
    was_ours = functools.partial(knows_output, config.state, to.path)
    with alone(to.path, options.wait):
        folder = Folder(to.path, {}, config.site.url, was_ours, options.force)
        if not options.force:
            refuse_to_empty(f"{to.path}", folder.listed, output.files)
        theirs = _theirs(folder, output, options.force)
        output = output.without(theirs)
        kept = _kept(folder, output, config.publish.precompress)
        names = _names(output, config.publish.precompress)
        notes = gave_way(theirs)
        missing = [name for name in names if name not in kept]
        if options.dry_run:
            with _forcible():
                folder.refuse_foreign(missing)
            stale = folder.stale(names)
            findings = (*notes, *folder.edited(names))
            return Delivery(tuple(missing), stale, len(kept), findings)
        if folder.new_owner:
            remember_output(config.state, to.path)
        with _forcible():
            published = folder.publish(kept, _documents(output, names, missing, options.progress))
    findings = (*notes, *published.findings)
    return Delivery(published.written, published.removed, len(kept), findings)


def _theirs(folder: Folder, output: Output, force: bool) -> list[str]:
    """The pages that give way to files of the site."""
    if force:
        return []
    pages = {file.path: file.hash for file in output.files.values() if file.gives_way}
    return folder.give_way(folder.missing(pages))


def _names(output: Output, precompress: bool) -> dict[str, str]:
    """Every file that the folder has to hold, in order, and the feed that it is made from."""
    endings = ("", ".gz") if precompress else ("",)
    return {f"{path}{ending}": path for path in output.files for ending in endings}


def _kept(folder: Folder, output: Output, precompress: bool) -> dict[str, str]:
    """The files that are as they should be, and their hashes."""
    wanted = {path: file.hash for path, file in output.files.items()}
    missing = frozenset(folder.missing(wanted))
    kept = {path: hash for path, hash in wanted.items() if path not in missing}
    if precompress:
        # One that was packed from the file that is there need not be packed to be known.
        packed = {f"{path}.gz": folder.intact(f"{path}.gz") for path in kept}
        kept.update((name, hash) for name, hash in packed.items() if hash)
    return kept


def _documents(
    output: Output, names: Mapping[str, str], missing: Sequence[str], progress: Progress
) -> Iterator[Document]:
    files = output.files
    for number, name in enumerate(missing, 1):
        file = files[names[name]]
        body = output.read(file)
        if name == file.path:
            yield Document(name, file.media_type, body, EPOCH)
        else:
            yield Document(name, GZIP, gzipped(body), EPOCH)
        progress("publishing files", number, len(missing))


@contextlib.contextmanager
def _forcible() -> Iterator[None]:
    """Files in the way may be replaced, if that is what is meant."""
    try:
        yield
    except ForeignFileError as error:
        raise ForeignFileError(f"{error}; {FORCE}") from error
