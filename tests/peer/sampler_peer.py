"""Prints, one JSON object a line, what Python's samplers and Lightning Fabric give for cases that are drawn anew from one seed:
the case's parameters and `expected`. sampler_peer_test.cc asks ours for the same.
"""

import json
import os
import random
import sys

import torch
from lightning_fabric.utilities.data import suggested_max_num_workers
from lightning_fabric.utilities.distributed import DistributedSamplerWrapper
from lightning_fabric.utilities.seed import _generate_seed_sequence
from torch.utils.data import (BatchSampler, DistributedSampler, RandomSampler, SequentialSampler, SubsetRandomSampler,
                              WeightedRandomSampler)

source = random.Random(20)


def tell(kind, expected, **parameters):
    print(json.dumps({"kind": kind, **parameters, "expected": expected}))


def generator(seed, epoch):
    return torch.Generator().manual_seed(seed + epoch)


def draw_place():
    """Returns n, seed and epoch: small datasets, where padding and dropping show, and some larger ones."""
    n = source.choice([source.randint(1, 12), source.randint(1, 100), source.randint(100, 3000)])
    return n, source.choice([0, 42, source.randint(0, 2**32 - 100)]), source.choice([0, 1, source.randint(2, 90)])


def distributed(n, world, seed, epoch, shuffle, drop_last):
    ranks = []
    for rank in range(world):
        sampler = DistributedSampler(range(n), world, rank, shuffle=shuffle, seed=seed, drop_last=drop_last)
        sampler.set_epoch(epoch)
        ranks.append(list(sampler))
    tell("distributed", ranks, n=n, world=world, seed=seed, epoch=epoch, shuffle=shuffle, drop_last=drop_last)


def wrapped(kind, make, seed, epoch, **parameters):
    """A sampler of one's own as Lightning Fabric deals it out to ranks."""
    world = source.randint(1, 5)
    ranks = [list(DistributedSamplerWrapper(make(generator(seed, epoch)), num_replicas=world, rank=rank, shuffle=False))
             for rank in range(world)]
    tell(kind, ranks, world=world, seed=seed, epoch=epoch, **parameters)


def batches(n, seed, epoch):
    size, drop_last, shuffle = source.randint(1, 9), source.random() < 0.5, source.random() < 0.5
    order = RandomSampler(range(n), generator=generator(seed, epoch)) if shuffle else SequentialSampler(range(n))
    tell("batches", list(BatchSampler(order, size, drop_last)), n=n, seed=seed, epoch=epoch, size=size, drop_last=drop_last,
         shuffle=shuffle)


def samplers(count):
    for _ in range(count):
        n, seed, epoch = draw_place()
        replacement = source.random() < 0.5
        draws = source.choice([n, source.randint(1, 3 * n)])
        wrapped("random", lambda g: RandomSampler(range(n), replacement, draws, g), seed, epoch, n=n, draws=draws,
                replacement=replacement)
        indices = source.sample(range(n), source.randint(1, n))
        wrapped("subset", lambda g: SubsetRandomSampler(indices, g), seed, epoch, indices=indices)
        weights = [source.choice([0.0, 0.25, source.random(), source.random() * 100]) for _ in range(n)] + [1.0]
        most = sum(weight > 0 for weight in weights)
        draws = source.randint(1, 2 * n if replacement else most)
        wrapped("weighted", lambda g: WeightedRandomSampler(weights, draws, replacement, g), seed, epoch, weights=weights,
                draws=draws, replacement=replacement)
        batches(n, seed, epoch)


def main():
    cases = int(sys.argv[1])
    for _ in range(cases):
        n, seed, epoch = draw_place()
        distributed(n, source.randint(1, 8), seed, epoch, source.random() < 0.8, source.random() < 0.5)
    samplers(cases // 4)
    for _ in range(cases):
        base, worker, rank = source.randint(0, 2**32 - 1), source.randint(0, 64), source.randint(0, 2000)
        tell("seeds", _generate_seed_sequence(base, worker, rank, 4), base=base, worker=worker, rank=rank)
    # A rank's seed need not fit 32 bits: Python's workers take theirs from torch.initial_seed().
    tell("seeds", _generate_seed_sequence(2**64 - 1, 3, 1, 4), base=2**64 - 1, worker=3, rank=1)
    for ranks in range(1, 2 + len(os.sched_getaffinity(0))):
        tell("workers", suggested_max_num_workers(ranks), ranks=ranks)


main()
