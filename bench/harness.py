"""What the benchmarks share: building, the peer's interpreter, interleaved timing, ratios with their interval, output.

A benchmark runs Fabric and its peer in turn, in one call, and prints one row for each thing it measured.
"""

import argparse
import dataclasses
import json
import pathlib
import random
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TORCH_VERSION = "2.11.0"
RESAMPLES = 10_000


@dataclasses.dataclass
class Row:
    """One result. The ratio is fabric / peer; low and high are its 95 % bootstrap interval."""

    name: str
    fabric: float
    peer: float
    unit: str
    ratio: float
    low: float
    high: float
    peer_name: str
    n: int


def fail(message):
    sys.exit(f"{pathlib.Path(sys.argv[0]).name}: {message}")


def argument_parser(description, default_n):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--json", action="store_true", help="print one JSON object a line instead of a table")
    parser.add_argument("-n", type=int, default=default_n, help=f"measured runs of each side (default: {default_n})")
    parser.add_argument("--peer-python", metavar="PATH",
                        help=f"a Python that has torch {TORCH_VERSION} (default: one is made in the cache, several GB)")
    parser.add_argument("--build-dir", metavar="DIR", type=pathlib.Path,
                        help="measure what was built there (default: the release build, which is brought up to date)")
    return parser


def build_directory(chosen, targets):
    """Returns the directory to take programs from: the chosen one as it is, or build/ with `targets` built."""
    if chosen is not None:
        return chosen.resolve()
    say("building")
    script = f'source scripts/environment.sh; scripts/setup; configure_and_build release build {" ".join(targets)}'
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        fail(f"the build must succeed, but does not:\n{(done.stdout + done.stderr)[-4000:]}")
    return ROOT / "build"


def peer_python(chosen):
    """Returns a Python interpreter with torch: the chosen one, or that of scripts/peer, which makes it on first use."""
    if chosen is not None:
        python = pathlib.Path(chosen).absolute()  # not resolved: an environment's interpreter is a link out of it
    else:
        made = subprocess.run([ROOT / "scripts" / "peer"], stdout=subprocess.PIPE, text=True, check=False)
        if made.returncode != 0:
            fail("the peer must be installable with pip, but is not; name a Python that has it with --peer-python")
        python = pathlib.Path(made.stdout.strip())
    shown = subprocess.run([python, "-c", "import torch; print(torch.__version__)"], capture_output=True, text=True, check=False)
    if shown.stdout.strip().split("+")[0] != TORCH_VERSION:
        fail(f"{python} must have torch {TORCH_VERSION}, but says: {(shown.stdout + shown.stderr).strip()[-500:]}")
    return python


def torchrun(python):
    """Returns the words of the torchrun that belongs to `python`."""
    script = python.parent / "torchrun"
    return [str(script)] if script.exists() else [str(python), "-m", "torch.distributed.run"]


def seconds_of(command, directory, expected):
    """Runs `command` to its end and returns how long it took; `expected` must be in its output."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=directory, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode != 0 or expected not in done.stdout:
        fail(f"{command[0]} must end with 0 and print '{expected}', but ended with {done.returncode}:\n"
             f"{(done.stdout + done.stderr)[-4000:]}")
    return seconds


def interleave(run_fabric, run_peer, n, what):
    """Returns two lists of n values. Each pair is measured one after the other, in alternating order, after one unmeasured
    run of both, so that whatever slows the machine down for a while meets both sides."""
    run_fabric(), run_peer()
    fabric, peer = [], []
    for i in range(n):
        say(f"{what}: pair {i + 1} of {n}", is_progress=True)
        for side in (0, 1) if i % 2 == 0 else (1, 0):
            (fabric, peer)[side].append((run_fabric, run_peer)[side]())
    return fabric, peer


def compare(name, fabric, peer, unit, peer_name):
    """Makes a row of paired values: medians, their ratio, and its interval by resampling the pairs."""
    pairs, source = list(zip(fabric, peer)), random.Random(0)
    ratios = []
    for _ in range(RESAMPLES):
        sample = source.choices(pairs, k=len(pairs))
        ratios.append(statistics.median(f for f, _ in sample) / statistics.median(p for _, p in sample))
    ratios.sort()
    own, other = statistics.median(fabric), statistics.median(peer)
    low, high = ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES) - 1]
    return Row(name, own, other, unit, own / other, low, high, peer_name, len(pairs))


def show(rows, as_json):
    if as_json:
        for row in rows:
            print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in dataclasses.asdict(row).items()}))
        return
    print(f"{'':26} {'fabric':>10} {'peer':>10} {'ratio':>7}  {'95 % interval':16} peer, n")
    for row in rows:
        values = f"{row.fabric:7.3f} {row.unit:2} {row.peer:7.3f} {row.unit:2}"
        print(f"{row.name:26} {values} {row.ratio:7.3f}  {f'{row.low:.3f} - {row.high:.3f}':16} {row.peer_name}, {row.n}")


def say(text, is_progress=False):
    """Tells on stderr what goes on; progress only to people."""
    if not is_progress or sys.stderr.isatty():
        print(f"\r\033[K{text}" if sys.stderr.isatty() else text, end="" if is_progress else "\n", file=sys.stderr, flush=True)
