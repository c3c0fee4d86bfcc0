"""Prints every message of DLT files with pydlt, or only counts them.

python pydlt_text.py FILE…          each message as a line of text
python pydlt_text.py --count FILE…  a line a file: the file, messages, how it ended
"""

from __future__ import annotations

import sys

from pydlt import DltFileReader


def main() -> None:
    count_only = sys.argv[1] == "--count"
    for path in sys.argv[2 if count_only else 1 :]:
        messages, ending = 0, "end"
        try:
            with DltFileReader(path) as reader:
                for message in reader:
                    messages += 1
                    if not count_only:
                        print(message)
        except Exception as error:
            if not count_only:
                raise
            ending = type(error).__name__
        if count_only:
            print(path, messages, ending, sep="\t")


if __name__ == "__main__":
    main()
