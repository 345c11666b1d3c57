"""The same as checkpoint_times.cc, with torch.save and torch.load."""

import os
import sys
import time

import torch


def save(path, state):
    torch.save({"model": state["model"].state_dict(), "optimizer": state["optimizer"].state_dict(), "step": 1}, path)


def save_and_sync(path, state):
    save(path, state)
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def load_into(path, state):
    loaded = torch.load(path, weights_only=True, mmap=False)
    state["model"].load_state_dict(loaded["model"])
    state["optimizer"].load_state_dict(loaded["optimizer"])


COMMANDS = {
    "save": save,
    "save-fsync": save_and_sync,
    "full": lambda path, _: torch.load(path, weights_only=True, mmap=False),
    "first-touch": lambda path, _: torch.load(path, weights_only=True, mmap=True),
    "into": load_into,
}


def main():
    layers, width = int(sys.argv[1]), int(sys.argv[2])
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 1e-3)
    optimizer.step()
    optimizer.zero_grad()
    state = {"model": model, "optimizer": optimizer}
    print("ready", flush=True)
    for line in sys.stdin:
        command, path = line.split()
        started = time.perf_counter()
        loaded = COMMANDS[command](path, state)
        seconds = time.perf_counter() - started
        del loaded
        print(seconds, flush=True)


main()
