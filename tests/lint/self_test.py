#!/usr/bin/env python3
"""Shows lint.py small trees: each bad one must be refused for the named rule and for nothing else, the good one must pass."""

import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True
from lint import Linter  # noqa: E402

ONCE = "#pragma once\n"
GOOD = {
    "lib/core/status.h": ONCE + "#include <string>\n",
    "lib/job/job_spec.h": ONCE + '#include "core/status.h"\n',
    "lib/control/server.h": ONCE + '#include "core/status.h"\n',
    "lib/control/server.cc": '#include "control/server.h"\n#include <grpcpp/server.h>\n#include "fabric/v1/store.pb.h"\n',
    "lib/frames/codec.h": ONCE + '#include "core/version.h"\n',
    "lib/runtime/include/fabric/fabric.h": ONCE + "#include <ATen/core/Tensor.h>\n",
    "lib/runtime/api/fabric.cc": '#include "fabric/fabric.h"\n#include "frames/codec.h"\n#include <torch/torch.h>\n',
    "lib/cluster/slurm.cc": 'const char* v = getenv("SLURM_JOB_ID");  // TODO(#12): sbcast\n',
    "apps/fabric-run/main.cc": '#include "control/server.h"\n#include "job/job_spec.h"\nauto home = std::getenv("HOME");\n',
    "docs/use.md": "[other](../lib/core/status.h#x) [web](https://pytorch.org/x) see https://pytorch.org and framework/work/files, $tmp/work, `${tmp}/root`\n",
}
BAD = {
    "torch and grpc in one file": ("wall", {"lib/runtime/api/x.cc": "#include <ATen/ATen.h>\n#include <grpcpp/grpcpp.h>\n"}),
    "torch and grpc through a header": ("wall", {"tests/runtime/x.cc": '#include "fabric/v1/store.pb.h"\n#include "fabric/y.h"\n',
                                                "lib/runtime/include/fabric/y.h": ONCE + "#include <c10/util/Half.h>\n"}),
    "torch in a torch-free layer": ("wall", {"lib/process/x.cc": "#include <c10/util/Half.h>\n"}),
    "grpc in a program": ("wall", {"apps/fabric-run/x.cc": "#include <grpcpp/grpcpp.h>\n"}),
    "a higher layer": ("layer", {"lib/core/x.cc": '#include "job/job_spec.h"\n'}),
    "a sibling of the layer": ("layer", {"lib/job/x.cc": '#include "process/child.h"\n'}),
    "control in the runtime": ("layer", {"lib/runtime/worker/x.cc": '#include "control/server.h"\n'}),
    "rendezvous in the runtime": ("layer", {"lib/runtime/worker/x.cc": '#include "rendezvous/coordinator.h"\n'}),
    "a program's header in another": ("layer", {"apps/fabric-run/x.cc": '#include "../../apps/fabric-agent/link.h"\n#include '
                                                '"apps/fabric-agent/link.h"\n', "apps/fabric-agent/link.h": ONCE}),
    "a test's header in a library": ("layer", {"lib/job/x.cc": '#include "support/eventually.h"\n',
                                              "tests/support/eventually.h": ONCE}),
    "torch.h in a header": ("torch.h", {"lib/runtime/data/x.h": ONCE + "#include <torch/torch.h>\n"}),
    "no pragma once": ("pragma-once", {"lib/core/x.h": "int x();\n"}),
    "a vague file name": ("name", {"lib/core/string_utils.cc": "\n"}),
    "a vague folder name": ("name", {"lib/core/common/clock.cc": "\n"}),
    "a fixme": ("todo", {"lib/core/x.cc": "// FIXME: later\n"}),
    "a todo without an issue": ("todo", {"scripts/x": "# TODO: later\n"}),
    "getenv in a library": ("getenv", {"lib/process/x.cc": 'auto v = std::getenv("HOME");\n'}),
    "getenv beside main": ("getenv", {"apps/fabric-run/options.cc": 'auto v = ::getenv("HOME");\n'}),
    "a machine's path": ("machine-path", {"docs/x.md": "cd /work/x\n"}),
    "a machine's home": ("machine-path", {"scripts/x": 'HOME="/root"\n'}),
    "a registry": ("registry-host", {"docs/x.md": "https://registry.example.com/simple\n"}),
    "a link to nothing": ("link", {"docs/x.md": "see [the design](design.md#layers)\n"}),
    "a long file": ("length", {"lib/core/x.cc": "int x;\n" * 701}),
}


def lint(files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = pathlib.Path(root) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return Linter(root).run()[0]


def main():
    failures = [f"the good tree is refused: {finding}" for finding in lint(GOOD)]
    for name, (rule, files) in BAD.items():
        rules = {finding[2] for finding in lint(files)}
        if rules != {rule}:
            failures.append(f"'{name}' must be refused for {rule}, but is refused for {sorted(rules) or 'nothing'}")
    print("\n".join(failures + [f"lint self-test: {len(BAD) + 1} trees, {len(failures)} failures"]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
