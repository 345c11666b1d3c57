#!/usr/bin/env bash
# Installs a build, moves the tree, and builds and runs a program of one file outside of it, with nothing but find_package(Fabric).
#
#   install_test.sh BUILD_DIRECTORY
set -euo pipefail

build=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

say() { printf 'install_test: %s\n' "$*"; }
die() { say "$*" >&2; exit 1; }

cmake --install "$build" --prefix "$work/first" >/dev/null
mv "$work/first" "$work/moved"
prefix=$work/moved
[ -e "$prefix/lib/libfabric_runtime.so" ] || die "libfabric_runtime.so must be installed, but is not"

mkdir "$work/user"
cat >"$work/user/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.25)
project(user LANGUAGES CXX)
find_package(Fabric REQUIRED)
fabric_add_program(hello SOURCES hello.cc)
fabric_add_executable(hello_alone SOURCES hello.cc)
END
cat >"$work/user/hello.cc" <<'END'
#include <fabric/fabric.h>
#include <torch/torch.h>

int train(fabric::Fabric& fabric, const fabric::Arguments& args) {
  fabric.seed_everything(42);
  auto model = fabric.setup_module(torch::nn::Linear(4, 1));
  auto optimizer = fabric.setup_optimizer(fabric::optim::AdamW(model.parameters(), 1e-2));
  fabric::State state{{"model", model}, {"optimizer", optimizer}};
  auto x = torch::randn({64, 4});
  for (int i = 0; i < args.get<int>("steps"); ++i) {
    auto loss = torch::mse_loss(model(x), x.sum(1, true));
    fabric.backward(loss);
    optimizer.step();
    optimizer.zero_grad();
    fabric.end_step(state);
  }
  fabric.print("steps: ", fabric.step(), " of rank ", fabric.global_rank());
  return 0;
}
FABRIC_PROGRAM(train);
END

# Seconds that compiling hello.cc alone takes in the build directory $1, on one core.
compile_seconds() {
  local started=$EPOCHREALTIME
  cmake --build "$1" -j1 --target CMakeFiles/hello.dir/hello.cc.o >/dev/null
  awk -v a="$started" -v b="$EPOCHREALTIME" 'BEGIN { printf "%.1f", b - a }'
}

cd "$work/user"
cmake -S . -B plain -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" -DFABRIC_PRECOMPILED_HEADER=OFF >/dev/null
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build build -j1 --target fabric_program_header 2>&1 | tail -n 3
say "one file compiles in $(compile_seconds build) s with the precompiled header, in $(compile_seconds plain) s without"
cmake --build build 2>&1 | tail -n 3

out=$(./build/hello_alone --steps=20)
say "$out"
[ "$out" = "steps: 20 of rank 0" ] || die "the plain executable must print 'steps: 20 of rank 0', but printed '$out'"
linked=$(ldd build/hello_alone)
[[ $linked == *"$prefix/lib/libfabric_runtime.so"* ]] || die "the executable must use the moved library, but ldd says: $linked"
[[ $linked != *libtorch_cuda* ]] || die "the executable must not link libtorch_cuda, but ldd says: $linked"

if [ -x "$prefix/bin/fabric-run" ]; then
  printf 'name: hello\nprogram: build/hello.so\nargs: {steps: 20}\nfabric: {accelerator: cpu, strategy: ddp, devices: 2}\n' >job.yaml
  "$prefix/bin/fabric-run" job.yaml >run.log 2>&1 || { cat run.log; die "fabric-run must end with 0, but did not"; }
  grep -q "steps: 20 of rank 0" run.log || { cat run.log; die "fabric-run must show what rank 0 prints, but does not"; }
  say "ran under fabric-run on 2 ranks"
else
  say "fabric-run is not in this build: the program was run as a plain executable only"
fi
