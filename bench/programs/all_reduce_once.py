"""What all_reduce_once.cc does, for torchrun: all_reduce_once.py [HOLD_SECONDS]."""

import sys
import time

import torch
import torch.distributed as dist

dist.init_process_group("gloo")
total = torch.ones(4)
dist.all_reduce(total)
if dist.get_rank() == 0:
    print("sum", total[0].item(), flush=True)
time.sleep(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
dist.destroy_process_group()
