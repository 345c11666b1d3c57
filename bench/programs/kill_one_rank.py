"""What kill_one_rank.cc does, for torchrun: kill_one_rank.py MARKS."""

import os
import signal
import sys
import time

import torch
import torch.distributed as dist

STEPS_BEFORE_THE_KILL = 5


def mark(path, what):
    with open(path, "a", encoding="ascii") as file:
        file.write(f"{what} {time.monotonic_ns()}\n")


def main(marks):
    was_killed = os.path.exists(marks)
    torch.manual_seed(1)
    dist.init_process_group("gloo")
    model = torch.nn.parallel.DistributedDataParallel(torch.nn.Linear(64, 64))
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    step = 0
    while True:
        step += 1
        model(torch.randn(8, 64)).pow(2).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        if was_killed:
            break
        if step == STEPS_BEFORE_THE_KILL and dist.get_rank() == 1:
            mark(marks, "killed")
            os.kill(os.getpid(), signal.SIGKILL)
    mark(marks, "stepped")
    dist.barrier()
    if dist.get_rank() == 0:
        print("went on", flush=True)
    dist.destroy_process_group()


main(sys.argv[1])
