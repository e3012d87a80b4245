# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m wechat_frames`, and the file that spark-submit is given."""

import sys
from pathlib import Path

if __name__ == "__main__":
    if not __package__:
        # Started as a file: the package is the folder it lies in.
        sys.path[0] = str(Path(__file__).resolve().parent.parent)
    from wechat_frames.main import main

    sys.exit(main())
