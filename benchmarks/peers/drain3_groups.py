"""Group the lines of the standard input with drain3; prints the number of each line's group.

    python drain3_groups.py [--masked] < lines

Without `--masked` drain3 runs as it comes. With it, it has the masks that its own example
configuration names (addresses, numbers, hexadecimal numbers).
"""

import sys

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig

# From drain3.ini of the project's examples.
MASKS = (
    (r"((?<=[^A-Za-z0-9])|^)(([0-9a-f]{2,}:){3,}([0-9a-f]{2,}))((?=[^A-Za-z0-9])|$)", "ID"),
    (r"((?<=[^A-Za-z0-9])|^)(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})((?=[^A-Za-z0-9])|$)", "IP"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9a-f]{6,} ?){3,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)([0-9A-F]{4} ?){4,}((?=[^A-Za-z0-9])|$)", "SEQ"),
    (r"((?<=[^A-Za-z0-9])|^)(0x[a-f0-9A-F]+)((?=[^A-Za-z0-9])|$)", "HEX"),
    (r"((?<=[^A-Za-z0-9])|^)([\-\+]?\d+)((?=[^A-Za-z0-9])|$)", "NUM"),
)


def main() -> None:
    config = TemplateMinerConfig()
    if "--masked" in sys.argv[1:]:
        config.masking_instructions = [MaskingInstruction(*mask) for mask in MASKS]
    miner = TemplateMiner(config=config)
    lines = sys.stdin.read().splitlines()
    for line in lines:
        miner.add_log_message(line)
    # Its groups grow as lines come: what counts is where each line belongs at the end.
    for line in lines:
        found = miner.match(line)
        print(found.cluster_id if found else 0)


if __name__ == "__main__":
    main()
