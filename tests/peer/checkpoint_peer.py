"""Reads the checkpoints that checkpoint_peer_test.cc has left in cc/ of the directory, goes on training and compares with what
C++ came to; leaves checkpoints of its own in python/, with what it came to itself. Ends with 1 if anything differs."""

import json
import pathlib
import sys

import lightning_fabric
import safetensors.torch
import torch

import peer_models


def is_bit_equal(model, optimizer):
    # LibTorch's own SGD rounds bfloat16 at other places than Python's.
    return optimizer.endswith("_fused") or (optimizer == "sgd" and model != "bf16")


DTYPES = (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
          torch.uint8, torch.bool, torch.float8_e4m3fn, torch.float8_e5m2, torch.uint16, torch.uint32, torch.uint64)
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)


def compare(what, own, other, bit_equal):
    expect(sorted(own) == sorted(other), f"{what}: names must be equal, but are {list(own)} and {list(other)}")
    for name in own:
        mine, theirs = own[name], other[name]
        if not bit_equal and name == "layer.self_attn.in_proj_bias":
            continue  # the gradient of the keys' part is 0 but for rounding, which Adam magnifies
        if bit_equal:
            equal = mine.dtype == theirs.dtype and mine.shape == theirs.shape and torch.equal(mine.double(), theirs.double())
        else:
            tolerance = 2**-7 if mine.dtype == torch.bfloat16 else 1e-6  # twice what bfloat16 can tell apart
            equal = torch.allclose(mine.double(), theirs.double(), rtol=tolerance, atol=tolerance)
        expect(equal, f"{what}: {name} differs by {(mine.double() - theirs.double()).abs().max().item() if mine.numel() else 0}")


def make(model, optimizer):
    torch.manual_seed(7)
    module = peer_models.MODELS[model]()
    parameters = list(module.parameters())
    return module, peer_models.OPTIMIZERS[optimizer](parameters) if parameters else None


def read(path, kind, fabric, module, optimizer):
    """Loads a checkpoint in one of the ways there are; returns the module to train."""
    if kind == "fabric":
        wrapped = fabric.setup(module, optimizer) if optimizer is not None else (fabric.setup_module(module), None)
        state = {"model": wrapped[0], **({"optimizer": wrapped[1]} if optimizer is not None else {})}
        rest = fabric.load(path, state, weights_only=True)
        unasked = rest.pop("fabric")  # what Fabric for C++ saves itself
        expect(unasked["world_size"] == 1, f"{path}: it was saved in a world of one rank, but has {unasked}")
        expect(rest == {"step": peer_models.FIRST_STEPS}, f"{path}: the rest must be the step, but is {rest}")
        return wrapped
    checkpoint = torch.load(path, weights_only=True, mmap=kind == "mmap")
    module.load_state_dict(checkpoint["model"])
    if optimizer is not None:
        own = optimizer.state_dict()["param_groups"][0]
        theirs = checkpoint["optimizer"]["param_groups"][0]
        expect(list(own) == list(theirs), f"{path}: options must be {list(own)}, but are {list(theirs)}")
        optimizer.load_state_dict(checkpoint["optimizer"])
    return module, optimizer


def continue_cpp(directory, model, optimizer_name, fabric):
    path = directory / "cc" / f"{model}-{optimizer_name}.ckpt"
    expected = torch.load(directory / "cc" / f"{model}-{optimizer_name}.end.ckpt", weights_only=True)["model"]
    for kind in ("load", "mmap", "fabric"):
        module, optimizer = make(model, optimizer_name)
        trained, stepped = read(path, kind, fabric, module, optimizer)
        if optimizer is not None:
            peer_models.train(trained, module, stepped, peer_models.FIRST_STEPS, peer_models.MORE_STEPS)
        compare(f"{path.name} by {kind}", module.state_dict(), expected, is_bit_equal(model, optimizer_name))


def leave_own(directory, model, optimizer_name, fabric, by_fabric):
    module, optimizer = make(model, optimizer_name)
    if optimizer is not None:
        peer_models.train(module, module, optimizer, 0, peer_models.FIRST_STEPS)
    state = {"model": module, "step": peer_models.FIRST_STEPS, **({"optimizer": optimizer} if optimizer is not None else {})}
    path = directory / "python" / f"{model}-{optimizer_name}.ckpt"
    if by_fabric:
        fabric.save(path, state)
    else:
        protocol = 2 + len(optimizer_name) % 4
        torch.save({key: getattr(value, "state_dict", lambda value=value: value)() for key, value in state.items()}, path,
                   pickle_protocol=protocol)
    if optimizer is not None:
        peer_models.train(module, module, optimizer, peer_models.FIRST_STEPS, peer_models.MORE_STEPS)
    torch.save({"model": module.state_dict()}, directory / "python" / f"{model}-{optimizer_name}.end.ckpt")


def cross_safetensors(directory):
    """Reads what C++ wrote, and writes one file and one in parts, beside a checkpoint of the same tensors."""
    read = safetensors.torch.load_file(directory / "cc" / "tensors.safetensors")
    read = {name: tensor for name, tensor in read.items() if not name.startswith("fabric.")}  # what Fabric saves unasked
    expected = torch.load(directory / "cc" / "tensors.ckpt", weights_only=True)["tensors"]
    compare("safetensors of C++", read, {f"tensors.{name}": tensor for name, tensor in expected.items()}, True)
    tensors = {str(dtype): torch.arange(6).reshape(2, 3).to(dtype) for dtype in DTYPES} | {"empty": torch.empty(0, 2)}
    torch.save(tensors, directory / "python" / "tensors.ckpt")
    safetensors.torch.save_file(tensors, directory / "python" / "tensors.safetensors", metadata={"format": "pt"})
    parts = directory / "python" / "parts"
    parts.mkdir()
    places = {name: f"part-{i % 2}.safetensors" for i, name in enumerate(tensors)}
    for part in set(places.values()):
        safetensors.torch.save_file({name: tensors[name] for name in tensors if places[name] == part}, parts / part)
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (parts / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def main():
    torch.set_num_threads(1)
    directory = pathlib.Path(sys.argv[1])
    (directory / "python").mkdir()
    fabric = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    for i, model in enumerate(peer_models.MODELS):
        for j, optimizer in enumerate(peer_models.OPTIMIZERS):
            try:
                continue_cpp(directory, model, optimizer, fabric)
                leave_own(directory, model, optimizer, fabric, (i + j) % 2 == 0)
            except Exception as error:  # one that fails must not hide the others
                expect(False, f"{model}-{optimizer}: {type(error).__name__}: {error}")
    cross_safetensors(directory)
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


main()
