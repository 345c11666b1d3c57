#!/usr/bin/env bash
# static_test.sh BIN_DIR JOB: fabric-run and fabric-agent need nothing but themselves: ldd agrees, and each runs in a
# chroot that holds nothing but that one file (and, for the validation, the job).
set -euo pipefail
bin_dir=$1
job=$2
fail() { echo "static_test: $*" >&2; exit 1; }

for program in fabric-run fabric-agent; do
  said=$(ldd "$bin_dir/$program" 2>&1 || true)
  case $said in
    *"not a dynamic executable"*|*"statically linked"*) ;;
    *) fail "$program must be static, but ldd says: $said" ;;
  esac
  echo "static_test: $program is static, $(stat -c %s "$bin_dir/$program") bytes"
done

if [ "$(id -u)" != 0 ]; then
  echo "static_test: SKIPPED the chroot part: it needs root, and this is uid $(id -u)"
  exit 77
fi
chroot=$(command -v chroot || echo /usr/sbin/chroot)
jail=$(mktemp -d)
trap 'rm -rf "$jail"' EXIT
for program in fabric-run fabric-agent; do
  cp "$bin_dir/$program" "$jail/$program"
  version=$(env -i "$chroot" "$jail" "/$program" --version) || fail "$program --version failed in an empty chroot"
  case $version in
    "$program "[0-9]*.[0-9]*.[0-9]*) echo "static_test: in a chroot: $version" ;;
    *) fail "$program --version must print '$program X.Y.Z', but printed '$version'" ;;
  esac
  rm "$jail/$program"
done
cp "$bin_dir/fabric-run" "$jail/"
cp "$job" "$jail/job.yaml"
env -i "$chroot" "$jail" /fabric-run validate /job.yaml || fail "fabric-run validate failed in a chroot that holds the job alone"
printf 'name: x\nprogramme: y.so\n' >"$jail/bad.yaml"
status=0
said=$(env -i "$chroot" "$jail" /fabric-run validate /bad.yaml 2>&1) || status=$?
[ "$status" = 78 ] || fail "a bad job must end with 78, but ended with $status: $said"
case $said in
  *bad.yaml:2:1:*programme*) ;;
  *) fail "the error must name bad.yaml:2:1 and 'programme', but is: $said" ;;
esac
echo "static_test: passed"
