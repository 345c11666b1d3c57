"""Writes the golden checkpoints of this folder with Python's torch (2.11.0). Not run by the tests."""

import collections

import torch


def state():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.1)
    net(torch.ones(2, 3)).sum().backward()
    optimizer.step()
    base = torch.arange(6.0)
    shared = [1, 2]
    return {
        "model": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "view": base[2:4],
        "base": base,
        "transposed": torch.arange(6.0).view(2, 3).t(),
        "bfloat16": torch.full((2,), 1.5, dtype=torch.bfloat16),
        "parameter": torch.nn.Parameter(torch.ones(1)),
        "empty": torch.empty(0, 4),
        "scalar": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "shape": torch.Size([2, 3]),
        "large": 1 << 40,
        "negative": -300,
        "half": 0.5,
        "text": "grüße",
        "none": None,
        "yes": True,
        "tuple": (1, "two", 3.0),
        "twice": [shared, shared],
        "ordered": collections.OrderedDict(a=1),
    }


if __name__ == "__main__":
    torch.save(state(), "python_protocol_2.pt")
    torch.save(state(), "python_protocol_4.pt", pickle_protocol=4)
    torch.save({"dtype": torch.float32}, "python_dtype.pt")
    torch.save({"a": torch.ones(2)}, "python_legacy.pt", _use_new_zipfile_serialization=False)
