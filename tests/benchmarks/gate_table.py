"""The figures of the gate's benchmarks as pages."""

from collections.abc import Mapping, Sequence
from typing import Any

Figures = Mapping[str, Any]


def certificates_page(result: Figures) -> str:
    """Write the page of `gate_certificates`."""
    whole = result["together"]
    low, high = whole["broken interval"]
    parts = [
        "# Whether certificates keep their promise\n"
        f"Made by `make bench-gate`: {whole['streams']:,} simulated streams of 6,000 records, target "
        f"{result['target']:.0%}, confidence {result['confidence']:.0%}.",
        f"Promises broken: {whole['broken']} of {whole['streams']:,} streams "
        f"(95 % interval of the rate: {low:.1%} to {high:.1%}; allowed 5 %). The bound as printed, which is below the "
        f"target, was passed in {whole['bound passed']}. It took {result['core seconds']:.0f} s of one core.",
        table(
            ["streams", "certified", "broken", "coverage", "true error", "votes", "ECE (voters' mean)",
             "fixed 0.8 covers", "ours at its precision", "fixed 0.8 above the target"],
            [kind_row(name, row) for name, row in (*result["kinds"].items(), ("together", whole))],
        ),
        "Coverage and true error: means over certified streams. Fixed 0.8: the voters' mean probability, uncalibrated; "
        "\"at its precision\" is what the calibrated order covers at the same true precision.",
    ]  # fmt: skip
    if result["alarms"]:
        parts += ["## The alarm on the audit stream", table(
            ["case", "streams", "alarm before the change", "heard", "median delay in audits"],
            [[row["case"], f"{row['streams']}", f"{row['early']}", f"{row['heard']}", delay(row)]
             for row in result["alarms"]],
        ), "Looked at after every audit, 2,000 a stream."]  # fmt: skip
    return "\n\n".join(parts)


def kind_row(name: str, row: Figures) -> list[str]:
    """One kind of streams."""
    return [
        f"{name} ({row['streams']})", f"{row['certified']}", f"{row['broken']}", f"{row['coverage']:.3f}",
        f"{row['error']:.4f}", f"{row['votes']:.0f}", f"{row['ece']:.3f} ({row['raw ece']:.3f})",
        f"{row['fixed coverage']:.3f}", f"{row['ours at its precision']:.3f}", f"{row['fixed above target']}",
    ]  # fmt: skip


def delay(row: Figures) -> str:
    """Median delay, or a dash."""
    return "-" if row["median delay"] is None else f"{row['median delay']:.0f}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


PUBLIC_HEAD = """# What the gate promises on real questions
Made by `make bench-gate-public`. 10 verified examples an intent; {votes:,} votes of an annotator who errs in
{noise:.0%}: {teach} rows to learn from, {calibrate} votes to calibrate, the rest to audit.
Target: at most {target:.0%} wrong, 95 % sure.
Coverage is of the whole stream; rows that people labelled to teach or to calibrate count as not covered.
Mean (least to greatest) over seeds; a seed that is not certified covers nothing.
The split of the votes and the features were chosen on other seeds."""


def public_page(result: Figures) -> str:
    """Write the page of `gate_public`."""
    head = PUBLIC_HEAD.format(votes=result["votes"], noise=result["noise"], target=result["target"], **result["split"])
    parts = [head, table(
        ["setting", "seeds", "certified", "true error", "coverage", "known in gold", "unknown in gold",
         "known where 5 % of the unknown pass",
         "ECE (voters' mean)", "AUROC", "accuracy (before teaching)", "audited: errors", "fixed 0.8 covers, and errs"],
        [setting_row(name, rounds) for name, rounds in result["settings"].items()],
    ), "## Reliability of the calibrated confidence, all seeds", curves(
        {name: [each["curve"] for each in rounds] for name, rounds in result["settings"].items()}
    ), "## What the calibration weighs: mean weight of each feature", weights_table(result["settings"]),
        "## Crowds: confidence from agreement", crowds_table(result["crowds"]),
        "### Reliability: share that is right, at mean confidence (units)", curves(
        {f"{crowd}, {way}": [figures["curve"]] for crowd, each in result["crowds"].items()
         for way, figures in each["ways"].items()}
    )]  # fmt: skip
    return "\n\n".join(parts)


def setting_row(name: str, rounds: Sequence[Figures]) -> list[str]:
    """One setting over its seeds."""
    fixed = [each["fixed"] for each in rounds]
    return [
        name, f"{len(rounds)}", f"{sum(each['threshold'] is not None for each in rounds)}", ranged(rounds, "error", 4),
        ranged(rounds, "coverage"), ranged(rounds, "known in gold"), ranged(rounds, "unknown in gold"),
        ranged(rounds, "known at leak"),
        f"{ranged(rounds, 'ece')}, {average(rounds, 'raw ece'):.3f}", ranged(rounds, "auroc"),
        f"{average(rounds, 'accuracy'):.3f} ({average(rounds, 'first accuracy'):.3f})",
        f"{average(rounds, 'audited'):.0f}: {average(rounds, 'audit errors'):.1f}",
        f"{average(fixed, 'coverage'):.3f}, {average(fixed, 'error'):.4f}",
    ]  # fmt: skip


def average(rounds: Sequence[Figures], key: str) -> float:
    """Mean of what there is."""
    values = [each[key] for each in rounds if each[key] is not None]
    return sum(values) / len(values) if values else float("nan")


def ranged(rounds: Sequence[Figures], key: str, digits: int = 3) -> str:
    """Mean (least to greatest) of what there is."""
    values = [each[key] for each in rounds if each[key] is not None]
    if not values:
        return "-"
    return f"{sum(values) / len(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def curves(named: Mapping[str, Sequence[Sequence[Figures]]]) -> str:
    """One row a tenth of confidence, one column a curve; curves of several seeds are summed."""
    rows = [
        [f"{place / 10:.1f} to {(place + 1) / 10:.1f}", *(merged(each, place / 10) for each in named.values())]
        for place in range(10)
    ]
    return table(["confidence", *named], rows)


def merged(seeds: Sequence[Sequence[Figures]], low: float) -> str:
    """The bin that starts there, over all seeds."""
    bins = [each for curve in seeds for each in curve if abs(each["low"] - low) < 1e-9]
    records = sum(each["records"] for each in bins)
    if not records:
        return "-"
    right, sure = (sum(each[key] * each["records"] for each in bins) / records for key in ("right", "confidence"))
    return f"{right:.3f} at {sure:.3f} ({records:,})"


def weights_table(settings: Mapping[str, Sequence[Figures]]) -> str:
    """One row a setting."""
    names = list(next(iter(settings.values()))[0]["model"])
    rows = [
        [setting, *(f"{average([each['model'] for each in rounds], name):.2f}" for name in names)]
        for setting, rounds in settings.items()
    ]
    return table(["setting", *names], rows)


def crowds_table(crowds: Mapping[str, Figures]) -> str:
    """One row a set and way."""
    rows = []
    for name, crowd in crowds.items():
        for way, figures in crowd["ways"].items():
            low, high = figures["interval"]
            rows.append([
                name, f"{crowd['units']:,}", f"{crowd['annotators']}", f"{crowd['alpha']:.3f}", way,
                f"{figures['accuracy']:.4f}", f"{figures['ece']:.3f}", f"{figures['kept']:.3f}",
                f"{figures['right']:.4f} ({low:.3f} to {high:.3f})",
            ])  # fmt: skip
    heads = ["set", "units", "annotators", "alpha", "by", "accuracy", "ECE", "kept at 0.8", "and right (95 %)"]
    return table(heads, rows)


def public_misses(result: Figures) -> list[str]:
    """Name the bars that were missed, by the means over seeds; what is only there to compare is not judged."""
    missed = []
    for name, rounds in result["settings"].items():
        if name.endswith("not learnt"):
            continue
        plain = all(each["unknown in gold"] is None for each in rounds)
        bars = {
            "a true error above the target": any((each["error"] or 0.0) > result["target"] for each in rounds),
            "coverage below 60 %": plain and average(rounds, "coverage") < 0.6,
            "ECE above .03": average(rounds, "ece") > 0.03,
            "more than 5 % of the unknown in gold": not plain and average(rounds, "unknown in gold") > 0.05,
            "less than 30 % of the known in gold": average(rounds, "known in gold") < 0.3,
        }
        missed += [f"{name}: {bar}" for bar, is_missed in bars.items() if is_missed]
    return missed
