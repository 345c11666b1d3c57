"""Reads the checkpoints that checkpoint_peer_test.cc has left in cc/ of the directory, goes on training and compares with what
C++ came to; leaves checkpoints of its own in python/, with what it came to itself. Ends with 1 if anything differs."""

import pathlib
import sys

import lightning_fabric
import torch

import peer_models

BIT_EQUAL = ("sgd_fused", "sgd", "adamw_fused", "adam_fused")
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)


def compare(what, own, other, bit_equal):
    expect(list(own) == list(other), f"{what}: names and their order must be equal, but are {list(own)} and {list(other)}")
    for name in own:
        mine, theirs = own[name], other[name]
        if bit_equal:
            equal = mine.dtype == theirs.dtype and torch.equal(mine, theirs)
        else:
            equal = torch.allclose(mine.double(), theirs.double(), rtol=1e-6, atol=1e-6)
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
        bit_equal = optimizer_name in BIT_EQUAL and model != "transformer"
        compare(f"{path.name} by {kind}", module.state_dict(), expected, bit_equal)


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
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


main()
