# SPDX-License-Identifier: GPL-2.0-or-later
"""An archive for `--archives`: the plugin in a HOME layout and, unless told otherwise, tshark itself.

It serves machines of the same kind: the C library is the cluster's own. In it lie `bin/tshark` (a script), `lib/`
(tshark and the libraries that it is linked with) and `.local/lib/wireshark/plugins/` (the plugin).
"""

import argparse
import re
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from .inputs import Refused

_SCRIPT = """\
#!/bin/sh
here=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
LD_LIBRARY_PATH=$here/lib exec "$here/lib/tshark" "$@"
"""

_LEVEL = 3
"""Of gzip: libraries of 100 MB and more, sent once."""

_OF_THE_C_LIBRARY = re.compile(r"^(ld-linux|libc|libm|libdl|libpthread|librt|libresolv|libnss_\w+)[.-]")


def bundle(words: Sequence[str]) -> None:
    """The command `wechat-frames bundle`."""
    parser = argparse.ArgumentParser("wechat-frames bundle", description=__doc__)
    parser.add_argument("archive", metavar="ARCHIVE.tar.gz")
    parser.add_argument("--plugin", metavar="FOLDER", default=str(Path.home()), help="HOME that has the plugin")
    parser.add_argument("--tshark", metavar="PROGRAM", default="tshark", help="another tshark")
    parser.add_argument("--plugin-only", action="store_true", help="the machines have tshark")
    arguments = parser.parse_args(words)
    if not arguments.archive.endswith((".tar.gz", ".tgz")):
        # By its name Spark knows how to unpack it; and no capture is overwritten by mistake.
        raise Refused(f"{arguments.archive} is no name for the archive: it has to end in .tar.gz or .tgz")
    below = Path(".local/lib/wireshark/plugins")
    plugins = sorted(Path(arguments.plugin).glob(f"{below}/*/epan/wechat.so"))
    if not plugins:
        raise Refused(f"there is no WeChat plugin in {Path(arguments.plugin) / below}")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        for plugin in plugins:
            target = folder / plugin.relative_to(arguments.plugin)
            target.parent.mkdir(parents=True)
            shutil.copyfile(plugin, target)
        if not arguments.plugin_only:
            _add_tshark(folder, arguments.tshark)
        try:
            with tarfile.open(arguments.archive, "w:gz", compresslevel=_LEVEL) as archive:
                archive.add(folder, ".", filter=_of_nobody)
        except OSError as error:
            raise Refused(f"{arguments.archive} cannot be written: {error.strerror}") from error


def _of_nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Readable for all, and of nobody in particular."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _add_tshark(folder: Path, program: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise Refused(f"there is no program {program}")
    listed = subprocess.run(["ldd", found], capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        raise Refused(f"{found} is no program with libraries: {listed.stderr.strip()}")
    (folder / "lib").mkdir()
    shutil.copy(Path(found).resolve(), folder / "lib" / "tshark")
    for name, path in re.findall(r"^\s*(\S+) => (/\S+)", listed.stdout, re.MULTILINE):
        if not _OF_THE_C_LIBRARY.match(name):
            shutil.copyfile(path, folder / "lib" / name)
    script = folder / "bin" / "tshark"
    script.parent.mkdir()
    script.write_text(_SCRIPT)
    script.chmod(0o755)
