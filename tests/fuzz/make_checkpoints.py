"""Writes the seeds of this folder's checkpoint fuzzer to checkpoints/, with Python's torch and safetensors. Not run by the tests."""

import collections
import pathlib
import zipfile

import safetensors.torch
import torch

HERE = pathlib.Path(__file__).parent / "checkpoints"


def values():
    base = torch.arange(4.0)
    return {
        "base": base, "view": base[1:3], "float8": torch.ones(2).to(torch.float8_e4m3fn),
        "uint16": torch.ones(2, dtype=torch.uint16), "parameter": torch.nn.Parameter(base[:1]),
        "state": {0: {"step": torch.tensor(1.0)}, 1: [None, True, False, 1, -1, 1 << 40, 0.5, "text"]},
        "counter": collections.Counter("aab"), "ordered": collections.OrderedDict(a=(1, 2, 3)), "size": torch.Size([2, 3]),
        "tuples": [(), (1,), (1, 2), (1, 2, 3, 4)], "twice": [base, base],
    }


def main():
    HERE.mkdir(exist_ok=True)
    for protocol in (2, 4, 5):
        path = HERE / f"protocol_{protocol}.pt"
        torch.save(values(), path, pickle_protocol=protocol)
        with zipfile.ZipFile(path) as archive:
            name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
            (HERE / f"protocol_{protocol}.pkl").write_bytes(archive.read(name))
    safetensors.torch.save_file({"a": torch.ones(2), "b": torch.zeros(1, 2, dtype=torch.bfloat16)}, HERE / "two.safetensors",
                                metadata={"format": "pt"})


main()
