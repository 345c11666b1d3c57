"""The models and optimizers of tests/peer/peer_models.h and checkpoint_peer_test.cc, name by name: change both."""

import torch
from torch import nn

FIRST_STEPS = 3
MORE_STEPS = 3


def wave(sizes, step, dtype=torch.float32):
    count = torch.Size(sizes).numel()
    return (torch.arange(count, dtype=torch.float64) * 0.37 + step).sin().view(sizes).to(dtype)


class Mlp(nn.Module):
    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.dtype = dtype
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        self.to(dtype)

    def forward(self, x):
        return self.layers(x)

    def make_input(self, step):
        return wave([8, 4], step, self.dtype)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, bias=False)
        self.bn = nn.BatchNorm2d(4)
        self.fc = nn.Linear(64, 3)

    def forward(self, x):
        return self.fc(self.bn(self.conv(x)).relu().flatten(1))

    def make_input(self, step):
        return wave([8, 1, 6, 6], step)


class Recurrent(nn.Module):
    def __init__(self, rnn, features):
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(features, 2)

    def forward(self, x):
        return self.head(self.rnn(x)[0])

    def make_input(self, step):
        return wave([6, 4, 3], step)


class EncoderLayer(nn.TransformerEncoderLayer):
    """Computes attention step by step, as C++ always does, and not by the kernel that does it at once."""

    def _sa_block(self, x, attn_mask, key_padding_mask, is_causal=False):
        return self.self_attn(x, x, x, need_weights=True)[0]


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = EncoderLayer(8, 2, 16, 0.0)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.layer(x))

    def make_input(self, step):
        return wave([5, 3, 8], step)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.decoder = self.embedding.weight

    def forward(self, x):
        return nn.functional.linear(self.embedding(x), self.decoder)

    def make_input(self, step):
        return (torch.arange(12) * 5 + step).remainder(7).view(3, 4)


class Buffers(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 2)
        self.register_buffer("mean", torch.zeros(4))
        self.register_buffer("count", torch.zeros((), dtype=torch.int64))

    def forward(self, x):
        with torch.no_grad():
            self.mean.mul_(0.5).add_(x.mean(0))
            self.count.add_(1)
        return self.layer(x) + self.mean.sum()

    def make_input(self, step):
        return wave([8, 4], step)


class Empty(nn.Module):
    def forward(self, x):
        return x

    def make_input(self, step):
        return wave([2], step)


class OneElement(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(1, 1, bias=False)

    def forward(self, x):
        return self.layer(x)

    def make_input(self, step):
        return wave([8, 1], step)


class Scalars(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.5))
        self.offset = nn.Parameter(torch.tensor(0.25))

    def forward(self, x):
        return x * self.scale + self.offset

    def make_input(self, step):
        return wave([8], step)


MODELS = {
    "mlp": Mlp,
    "cnn": Cnn,
    "lstm": lambda: Recurrent(nn.LSTM(3, 5, num_layers=2), 5),
    "gru": lambda: Recurrent(nn.GRU(3, 5, bidirectional=True), 10),
    "transformer": Transformer,
    "tied": Tied,
    "bf16": lambda: Mlp(torch.bfloat16),
    "double": lambda: Mlp(torch.float64),
    "buffers": Buffers,
    "empty": Empty,
    "one_element": OneElement,
    "scalars": Scalars,
}

OPTIMIZERS = {
    "sgd_fused": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, fused=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True),
    "adam_fused": lambda p: torch.optim.Adam(p, lr=0.01, amsgrad=True, fused=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.01),
    "adamw_fused": lambda p: torch.optim.AdamW(p, lr=0.01, betas=(0.8, 0.99), fused=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.5, centered=True),
    "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.01),
    "lbfgs": lambda p: torch.optim.LBFGS(p, lr=0.1, max_iter=2, history_size=5),
}


def train(model, raw, optimizer, first, count):
    """Makes `count` steps; `raw` is the module that `model` may wrap."""
    for step in range(first, first + count):

        def closure(step=step):
            optimizer.zero_grad()
            loss = model(raw.make_input(step)).float().square().mean()
            loss.backward()
            return loss

        optimizer.step(closure)
