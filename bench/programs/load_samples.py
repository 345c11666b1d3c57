"""What load_samples.cc does, with torch.utils.data.DataLoader: load_samples.py SET PATH WORKERS EPOCHS.

With SET `make-images`, makes the images instead: load_samples.py make-images DIRECTORY COUNT SIDE.
"""

import gzip
import json
import os
import sys
import time
import zlib

import numpy
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset, DistributedSampler


class Digits(Dataset):
    """The digits of examples/, in memory."""

    def __init__(self, path):
        with gzip.open(path, "rt") as file:
            table = numpy.loadtxt(file, delimiter=",", dtype=numpy.float32)
        self.images = list(torch.from_numpy(table[:, :64]) / 16)
        self.labels = [int(label) for label in table[:, 64]]

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


class Images(Dataset):
    """The PNG images of a directory, decoded each time."""

    def __init__(self, directory):
        self.paths = sorted(os.path.join(directory, name) for name in os.listdir(directory))

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, index):
        with Image.open(self.paths[index]) as image:
            return torch.from_numpy(numpy.array(image.convert("RGB"))), index % 10


def make_images(directory, count, side):
    """Writes pictures of soft shapes with some noise, which compress to about the half, as photographs do."""
    source = numpy.random.default_rng(0)
    rows, columns = numpy.mgrid[0:side, 0:side] / side
    for number in range(count):
        waves = source.uniform(2, 9, (3, 2))
        picture = numpy.stack([127 + 90 * numpy.sin(waves[c, 0] * rows + waves[c, 1] * columns) for c in range(3)], axis=-1)
        picture += source.normal(0, 4, picture.shape)
        Image.fromarray(picture.clip(0, 255).astype(numpy.uint8)).save(os.path.join(directory, f"{number:05}.png"))


def add_bytes(checksum, tensor):
    return zlib.crc32(tensor.contiguous().numpy(), checksum)


def measure(dataset, workers, epochs):
    sampler = DistributedSampler(dataset, num_replicas=1, rank=0, shuffle=True, seed=0)
    # Workers that stay for all epochs: starting them anew costs Python more than an epoch of the digits.
    loader = DataLoader(dataset, batch_size=64, sampler=sampler, num_workers=workers, persistent_workers=workers > 0)
    checksum = 0
    for images, labels in loader:
        checksum = add_bytes(add_bytes(checksum, images), labels)
    samples = 0
    begin = time.perf_counter()
    for epoch in range(1, epochs + 1):
        sampler.set_epoch(epoch)
        for _, labels in loader:
            samples += len(labels)
    print(json.dumps({"samples": samples, "seconds": time.perf_counter() - begin, "checksum": checksum}))


def main():
    kind, path, *numbers = sys.argv[1:]
    if kind == "make-images":
        make_images(path, *map(int, numbers))
    else:
        measure({"digits": Digits, "images": Images}[kind](path), *map(int, numbers))


if __name__ == "__main__":
    main()
