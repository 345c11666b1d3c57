"""What log_writer.cc does, under torchrun: numbered lines to stdout as fast as they are taken; says on stderr how long it took."""

import os
import sys
import time

LINES_PER_WRITE = 819
megabytes = int(sys.argv[1])
tail = "." * 67 + "\n"
blocks = megabytes * 1_000_000 // (LINES_PER_WRITE * 80) + 1
started = time.perf_counter()
for block in range(blocks):
    first = block * LINES_PER_WRITE
    data = "".join([f"{number:012d}{tail}" for number in range(first, first + LINES_PER_WRITE)]).encode()
    while data:
        data = data[os.write(1, data):]
seconds = time.perf_counter() - started
with open(sys.argv[2], "w", encoding="ascii") as result:
    result.write(f"{blocks * LINES_PER_WRITE * 80 / seconds / 1e6}")
