# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes docs/pipelines.png from generated captures: `cargo xtask pipelines -- plot`."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import plot

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> None:
    """Captures of all kinds, some with keys, to tables, and a picture of them."""
    with tempfile.TemporaryDirectory(prefix="wechat-docs-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for seed in range(1, 9):
            for words in (["sample"], ["exchanges"]):
                generate(*words, folder / f"{words[0]}{seed}.pcap", "--seed", seed)
        for case in ("phone", "tickets", "refused", "resumed", "two-phones", "ages", "given-up"):
            for seed in (1, 2):
                generate("mmtls", case, folder / f"{case}{seed}.pcap", "--seed", seed, "--keylog", folder / "keys")
                if seed == 1:
                    with (folder / "all.keys").open("ab") as keys:
                        keys.write((folder / "keys").read_bytes())
        log = folder / "all.keys"
        log.chmod(0o644)
        words = ["--plugin", os.environ["WECHAT_PLUGIN_HOME"], "-2", "-o", f"mmtls.keylog_file:{log}"]
        subprocess.run([sys.executable, "-m", "wechat_frames", *words, folder / "out", folder], check=True)
        plot.main(str(folder / "out"), str(REPOSITORY / "docs" / "pipelines.png"))


def generate(*words: object) -> None:
    subprocess.run([os.environ["WECHAT_TRAFFIC"], *map(str, words)], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
