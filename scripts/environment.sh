# Sourced by the scripts beside it: where things are, how many compilers at once, ccache's settings.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=${FABRIC_CACHE_DIR:-$HOME/.cache/fabric}

# A compiler that reads LibTorch's headers takes up to 2.5 GB.
job_count() {
  local cores memory_kb by_memory
  cores=$(nproc)
  memory_kb=$(sed -n 's/^MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo)
  by_memory=$((memory_kb / 2500000))
  [ "$by_memory" -ge 1 ] || by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}
jobs=${FABRIC_JOBS:-$(job_count)}

# ccache refuses precompiled headers and files that use __TIME__ unless it is told to bear with them.
export CCACHE_SLOPPINESS=pch_defines,time_macros
export CCACHE_BASEDIR=$root
export CCACHE_DIR=${CCACHE_DIR:-$cache/ccache}
export CCACHE_MAXSIZE=${CCACHE_MAXSIZE:-5G}

# Configures preset $1 and builds the targets named after it (all, if none) into its directory $2.
configure_and_build() {
  local preset=$1 directory=$2
  shift 2
  cmake --preset "$preset"
  cmake --build "$directory" --parallel "$jobs" ${1:+--target "$@"}
}
