"""`spikebert-deploy bundle` and `spikebert-deploy verify`."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.chips.chip import chip_names
from spikebert.core.errors import InputError
from spikebert.core.files import require_file, require_place
from spikebert.data.columns import add_columns, add_labels, columns_of, labels_of


def bundle_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="spikebert-deploy bundle",
        description="Write the folder that a hardware team receives.",
        epilog="For example: spikebert bundle model.nir --data dev.tsv --licence Apache-2.0 -o bundle",
    )
    p.add_argument("model", help="model.nir of spikebert-export")
    p.add_argument("--data", required=True, help="texts, with labels or alone, as spikebert-simulate takes them")
    add_columns(p)
    add_labels(p)
    p.add_argument(
        "--golden", type=int, default=32, metavar="N", help="golden texts, the first N of --data (default: %(default)s)"
    )
    p.add_argument("--truncate", action="store_true", help="cut texts that are too long")
    p.add_argument("--nirdata", action="store_true", help="put in the golden vectors as NIRData, too: golden.h5")
    p.add_argument(
        "--chip",
        default="loihi2",
        help=f"chip to map to: {', '.join(chip_names())} or a .yaml file (default: %(default)s)",
    )
    p.add_argument("--licence", help="licence of the model, for its receiver (default: what the model's file notes)")
    p.add_argument(
        "--with",
        nargs="+",
        default=[],
        dest="extras",
        metavar="PATH",
        help="files and folders to put in, too: another mapping, a page",
    )
    p.add_argument("-o", "--out", required=True, help="the folder to write")
    return p


def verify_parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="spikebert-deploy verify",
        description="Check a bundle, and a team's own traces against it.",
        epilog="For example: spikebert-deploy verify bundle --theirs spikes.npz",
    )
    p.add_argument("bundle", help="a folder of spikebert-deploy bundle")
    p.add_argument(
        "--theirs", metavar="NPZ", help="spikes of the team: arrays (T, M, D) of 0 and 1 named like the layers"
    )
    p.add_argument("--no-lava", action="store_true", help="leave out the run on Lava")
    return p


def bundle(options: argparse.Namespace) -> int:
    from deploy.bundle.bundle import FOLDER, write
    from deploy.bundle.sums import listed
    from simulate.text import read_data

    require_place(options.out, FOLDER, "-o")
    require_file(options.model, "model")
    if options.golden < 1:
        raise InputError(f"--golden {options.golden}: must be at least 1")
    texts = read_data(options.data, columns_of(options), options.golden, labels_of(options))
    extras = [Path(extra) for extra in options.extras]
    write(
        Path(options.model),
        texts,
        Path(options.out),
        options.chip,
        options.licence,
        extras,
        options.truncate,
        options.nirdata,
    )
    files = listed(Path(options.out))
    print(f"{options.out}: {len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:,.1f} MB")
    return 0


def verify(options: argparse.Namespace) -> int:
    from deploy.bundle.verify import summary
    from deploy.bundle.verify import verify as checks

    done = []
    for check in checks(Path(options.bundle), Path(options.theirs) if options.theirs else None, not options.no_lava):
        print(check, flush=True)
        done.append(check)
    print(summary(done))
    return 1 if any(check.fault for check in done) else 0
