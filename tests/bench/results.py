"""The results of a run of benchmarks, and how figures are written.

Every figure is a median; what stands in brackets is the least and the most. MB and GB are decimal, MiB is not.
"""

import json
from statistics import median

US = "dataflowkit"


def cpu(run):
    return run["figures"]["user"] + run["figures"]["sys"]


def speed(run):
    return run["bytes"] / 1e6 / run["figures"]["wall"]


def spread(values, digits):
    low, high = min(values), max(values)
    middle = f"{median(values):,.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({low:,.{digits}f}-{high:,.{digits}f})"


def row(*cells):
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def head(*cells):
    return row(*cells) + "\n" + row(*["---"] * len(cells))


class Results:
    def __init__(self, lines):
        everything = [json.loads(line) for line in lines]
        self.about = {one["peer"]: one["about"].split("|") for one in everything if one["case"] == "about"}
        self.runs = [one for one in everything if one["case"] != "about"]

    def of(self, case, peer=None, batch=None):
        """The valid runs: figures there, and the output found equal where it was looked at."""
        return [run for run in self.runs
                if run["case"] == case and peer in (None, run["peer"]) and batch in (None, run["batch"])
                and run["figures"] and run["found"] in ("", "exact", "same lines")]

    def void(self, case, peer, batch):
        return sum(run["case"] == case and run["peer"] == peer and run["batch"] == batch for run in self.runs) - len(self.of(case, peer, batch))

    def peers(self, case):
        return list(dict.fromkeys(run["peer"] for run in self.runs if run["case"] == case))

    def start(self, peer, case="start"):
        runs = self.of(case, peer)
        return (median(run["figures"]["wall"] for run in runs), median(map(cpu, runs))) if runs else (0, 0)

    def beside_disk(self, case, peer, batch, every):
        """MB/s by those of the disk alone, each run by the baseline that ran just before it."""
        ratios, disk = [], None
        valid = self.of(case, peer, batch)
        for run in self.runs:
            if run["case"] == "disk-baseline" and run["peer"] == every:
                disk = run
            elif run in valid and disk:
                ratios.append(speed(run) / speed(disk))
        return ratios

    def pair_ratios(self, case, peer, batch, of=cpu):
        """CPU (or another figure) of the peer by ours, pair by pair: holds when the machine's speed drifts."""
        ratios = []
        for ours, theirs in zip(self.runs, self.runs[1:]):
            if (ours["case"], ours["peer"], ours["batch"]) == (case, US, batch) and (theirs["case"], theirs["peer"], theirs["batch"]) == (case, peer, batch) \
                    and ours["figures"] and theirs["figures"]:
                ratios.append(of(theirs) / of(ours))
        return ratios
