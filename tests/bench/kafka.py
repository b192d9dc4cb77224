"""Tables and goals of the cases with a Kafka broker at the far end."""

from statistics import median

from results import US, cpu, head, row, speed, spread

CASE = "file-kafka"
LAX = US + "-at-least-once"


def per_gb(run):
    return cpu(run) / run["bytes"] * 1e9


def rounds(results, one, other, batch):
    """CPU of one by that of the other, round by round."""
    return [cpu(a) / cpu(b) for a, b in zip(results.of(CASE, one, batch), results.of(CASE, other, batch))]


def batches(results):
    return list(dict.fromkeys(run["batch"] for run in results.runs if run["case"] == CASE))


def copy_table(results):
    size = next(run["bytes"] for run in results.runs if run["case"] == CASE)
    print(f"\n## {CASE}: {size / 1e6:,.0f} MB in lines of 250 bytes, one finished file, into a topic; acks = all, no compression\n")
    print(head("program", "batch", "runs", "a read-committed reader finds", "CPU s/GB", "MB per CPU second", "MB/s", "peak MiB", "others' CPU (the broker's too)"))
    for batch in batches(results):
        for peer in results.peers(CASE):
            runs, void = results.of(CASE, peer, batch), results.void(CASE, peer, batch)
            if not runs:
                print(row(peer, batch, f"0, {void} void", *["-"] * 6))
                continue
            print(row(peer, "-" if peer == "kcat" else batch, f"{len(runs)}" + (f", {void} void" if void else ""), "/".join(sorted({run["found"] for run in runs})),
                      spread(list(map(per_gb, runs)), 2), spread([1000 / per_gb(run) for run in runs], 0), spread(list(map(speed, runs)), 0),
                      spread([run["figures"]["peak_mib"] for run in runs], 1), f"{100 * median(run['figures']['others_cpu'] for run in runs):.0f} %"))


def latency_table(results):
    print("\n## kafka-latency: from the file to a read-committed reader, at half of what exactly-once moved (10 MB/s where that was not measured)\n")
    print(head("program", "runs", "MB/s", "lines looked at", "p50 ms", "p99 ms", "most ms"))
    for peer in results.peers("kafka-latency"):
        if runs := results.of("kafka-latency", peer):
            figures = [run["figures"] for run in runs]
            print(row(peer, len(runs), f"{figures[0]['rate']:.0f}", figures[0]["trips"], *[spread([one[name] for one in figures], 1) for name in ("p50_ms", "p99_ms", "most_ms")]))


def tables(results):
    cases = {run["case"] for run in results.runs}
    if CASE in cases:
        copy_table(results)
    if "kafka-latency" in cases:
        latency_table(results)


def half(results):
    """MB/s: half of what exactly-once moves in larger batches."""
    runs = results.of(CASE, US, 1000) or results.of(CASE, US)
    return round(median(map(speed, runs)) / 2) if runs else 10


def goals(results, goal):
    for batch in batches(results):
        name = f"{CASE}, batch {batch}"
        if ratios := rounds(results, "kcat", LAX, batch):
            goal(f"{name}: at least once, 80 % of librdkafka's MB per CPU second (kcat -P)", f"{100 * median(ratios):.0f} %", median(ratios) >= 0.8)
        if ratios := rounds(results, US, LAX, batch):
            goal(f"{name}: exactly once costs at most 15 % more CPU", f"{100 * (median(ratios) - 1):.0f} %", median(ratios) <= 1.15)
        if ratios := rounds(results, "flume", US, batch):
            goal(f"{name}: at least 3 times the MB per CPU second of Flume", f"{median(ratios):.1f}", median(ratios) >= 3)
        if runs := results.of(CASE, US, batch):
            peak = median(run["figures"]["peak_mib"] for run in runs)
            goal(f"{name}: peak memory at most 60 MiB", f"{peak:.1f}", peak <= 60)
