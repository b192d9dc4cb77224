#!/usr/bin/env python3
"""A sink in Python: appends the events that DataFlowKit hands it to a file.

    a1.sinks.k1.type = exec
    a1.sinks.k1.command = /usr/local/bin/exec-sink.py /var/spool/orders.txt
    a1.sinks.k1.channel = c1

A commit comes on stdin: `commit NUMBER COUNT`, then COUNT lines (the bodies; with `format = json` one object each, with
`headers`, `body` or `bodyBase64`, and `id`). The answer goes to stdout, and must go out at once (`flush`):

    ok NUMBER             all of them are safe, also from the end of this program
    fail NUMBER WHY       none of them is there; they come again after `retryDelay`, as a commit of another number
    refuse NUMBER WHY     they will never be taken; they go to the dead letters

Lines end at a line feed alone, so read bytes and not text. A program that ends without an answer, or gives none within
`timeout`, is killed and started anew; then the same events come again, and what it had kept of them is there twice. What
it writes to stderr is logged. When stdin ends, finish and go: a second later you are asked to.
"""
import sys

stdin = sys.stdin.buffer
with open(sys.argv[1], "ab") as out:
    for commit in stdin:
        word, number, count = commit.decode().split()
        lines = [stdin.readline() for _ in range(int(count))]
        if not all(line.endswith(b"\n") for line in lines):
            break  # the agent ended in the middle: it was not committed
        out.writelines(lines)
        out.flush()  # an error ends the program before it answers
        print("ok", number, flush=True)
