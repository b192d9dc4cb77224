"""The tables and goals of the cases with something durable in the middle."""

from statistics import median

from results import US, cpu, head, row, speed, spread

FLOWS = {
    "file-filechannel-null": ("the channel alone", 0.8, 1.1),
    "file-filechannel-file": ("and into a file", 0.4, 2.2),
}
ONE_MB = "1 MiB"


def disk_table(results):
    print("\n## disk-baseline: the same bytes written once, nothing else\n")
    print(head("one fdatasync per", "runs", "MB/s", "CPU s/GB"))
    for every in results.peers("disk-baseline"):
        runs = results.of("disk-baseline", every)
        print(row(every, len(runs), spread(list(map(speed, runs)), 0), spread([cpu(run) / run["bytes"] * 1e9 for run in runs], 2)))


def per_byte(runs, figure, digits=2):
    return spread([run["figures"][figure] / run["bytes"] for run in runs], digits)


def flow_row(results, case, peer, batch):
    runs, void = results.of(case, peer, batch), results.void(case, peer, batch)
    if not runs:
        return row(peer, batch, f"0, {void} void", *["-"] * 11)
    size = median(run["bytes"] for run in runs)
    start_wall, start_cpu = results.start(peer, f"start-{case}")
    wall = median(run["figures"]["wall"] for run in runs) - start_wall
    disk = results.beside_disk(case, peer, batch, ONE_MB)
    return row(
        peer, batch, f"{len(runs)}" + (f", {void} void" if void else ""), f"{size / 1e6:,.0f}", "/".join(sorted({run["found"] or "-" for run in runs})),
        spread([cpu(run) / size * 1e9 for run in runs], 2), spread(list(map(speed, runs)), 1),
        f"{100 * median(disk):.1f} %" if disk else "-", spread([run["figures"]["peak_mib"] for run in runs], 1),
        per_byte(runs, "dirtied"), per_byte(runs, "passed"),
        f"{max(0, median(map(cpu, runs)) - start_cpu) / size * 1e9:.2f}", f"{size / 1e6 / wall:,.1f}" if wall > 0 else "-",
        f"{100 * median(run['figures']['others_cpu'] for run in runs):.0f} %")


def flow_table(results, case):
    print(f"\n## {case}: one finished file in lines of 250 bytes, through a durable channel, {FLOWS[case][0]}\n")
    print(head("program", "batch", "runs", "MB", "output", "CPU s/GB", "MB/s", "of the disk's", "peak MiB", "dirtied per byte", "passed to write per byte",
               "without start: CPU s/GB", "MB/s", "others' CPU"))
    for batch in dict.fromkeys(run["batch"] for run in results.runs if run["case"] == case):
        for peer in results.peers(case):
            print(flow_row(results, case, peer, batch))
    threads = [run["figures"]["threads"] for run in results.of(case, US)]
    if threads:
        size = median(run["bytes"] for run in results.of(case, US)) / 1e9
        names = sorted({name for run in threads for name in run}, key=lambda name: -median(run.get(name, 0) for run in threads))
        print("\nOurs by thread, CPU s/GB: " + ", ".join(f"`{name}` {median(run.get(name, 0) for run in threads) / size:.2f}" for name in names) + ".")


def crash_table(results):
    print("\n## crash: killed at random points of the output, started again each time\n")
    print(head("program", "the path through a disk", "output"))
    for run in results.runs:
        if run["case"] == "crash":
            print(row(run["peer"], results.about.get(run["peer"], ["", "", ""])[2], run["found"]))


def latency_table(results):
    print("\n## latency: one line to a netcat source, its `OK` once the file channel holds it, one after the other\n")
    print(head("program", "runs", "trips", "p50 ms", "p99 ms", "most ms"))
    for peer in results.peers("latency"):
        if runs := results.of("latency", peer):
            figures = [run["figures"] for run in runs]
            print(row(peer, len(runs), figures[0]["trips"], *[spread([one[name] for one in figures], 2) for name in ("p50_ms", "p99_ms", "most_ms")]))
        else:
            print(row(peer, f"void: {next(run['why'] for run in results.runs if (run['case'], run['peer']) == ('latency', peer))}", *["-"] * 4))


def restart_table(results):
    print("\n## restart: a full channel is started again, and drained into a file\n")
    print(head("program", "before", "MB", "first event out after s", "all out after s", "MB/s", "CPU s/GB", "peak MiB", "output"))
    for run in results.runs:
        if run["case"] != "restart":
            continue
        figures = run["figures"]
        if not figures:
            print(row(run["peer"], run["how"], f"{run['bytes'] / 1e6:,.0f}", f"void: {run['why']}", *["-"] * 4, run["found"]))
            continue
        print(row(run["peer"], run["how"], f"{run['bytes'] / 1e6:,.0f}", f"{figures['first']:.2f}", f"{figures['wall']:.1f}", f"{speed(run):,.0f}",
                  f"{cpu(run) / run['bytes'] * 1e9:.2f}", f"{figures['peak_mib']:.1f}", run["found"]))


def tables(results):
    cases = {run["case"] for run in results.runs}
    if "disk-baseline" in cases:
        disk_table(results)
    for case in FLOWS:
        if case in cases:
            flow_table(results, case)
    for case, table in (("crash", crash_table), ("latency", latency_table), ("restart", restart_table)):
        if case in cases:
            table(results)


def flow_goals(results, goal, case, share, written):
    for batch in dict.fromkeys(run["batch"] for run in results.of(case, US)):
        runs, name = results.of(case, US, batch), f"{case}, batch {batch}"
        if ratios := results.beside_disk(case, US, batch, ONE_MB):
            goal(f"{name}: at least {100 * share:.0f} % of the disk's MB/s with a sync per MB", f"{100 * median(ratios):.0f} %", median(ratios) >= share)
        if ratios := results.pair_ratios(case, "flume", batch, speed):
            goal(f"{name}: at least 20 times the MB/s of Flume", f"{1 / median(ratios):.1f}", 1 / median(ratios) >= 20)
        if ratios := results.pair_ratios(case, "flume", batch):
            goal(f"{name}: at most a fortieth of the CPU of Flume", f"1/{median(ratios):.1f}", median(ratios) >= 40)
        cost = median(cpu(run) / run["bytes"] * 1e9 for run in runs)
        goal(f"{name}: at most 2.0 CPU s/GB", f"{cost:.2f}", cost <= 2.0)
        peak = median(run["figures"]["peak_mib"] for run in runs)
        goal(f"{name}: peak memory at most 40 MiB", f"{peak:.1f}", peak <= 40)
        dirtied = median(run["figures"]["dirtied"] / run["bytes"] for run in runs)
        goal(f"{name}: at most {written} bytes synced per byte shipped", f"{dirtied:.2f}", dirtied <= written)


def goals(results, goal):
    for case, (_, share, written) in FLOWS.items():
        flow_goals(results, goal, case, share, written)
    for run in results.runs:
        if run["case"] == "crash" and run["peer"] == US:
            goal("crash: nothing lost, nothing twice", run["found"], run["found"] == "exact")
        if run["case"] == "restart" and run["peer"] == US and run["figures"]:
            goal(f"restart, {run['how']}: first event out within 2 s", f"{run['figures']['first']:.2f} s", run["figures"]["first"] <= 2)
