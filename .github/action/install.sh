#!/usr/bin/env bash
# The step "install" of action.yml: puts the program of a release, or one that
# is there, on the PATH of the job. All that it is told comes by its
# environment; nothing of that is ever a part of a command.
#
#   INPUT_PATH            a program that is there; nothing is downloaded then
#   INPUT_VERSION         vX.Y.Z or latest; empty: the action's own, or latest
#   INPUT_DOWNLOAD_BASE   where releases are, instead of on GitHub
#   ACTION_REPOSITORY, ACTION_REF, SERVER_URL   of the action
#
# It runs in the bash of macOS, which is 3.2, and in Git's for Windows.
set -euo pipefail

fail() {
  message=${1//'%'/%25}
  message=${message//$'\r'/%0D}
  message=${message//$'\n'/%0A}
  echo "::error title=assetsync::$message"
  exit 1
}

# use PROGRAM puts the program on the PATH, and tells the next step.
use() {
  name=$(basename "$1")
  case $name in
    assetsync | assetsync.exe) dirname "$1" >>"$GITHUB_PATH" ;;
  esac
  printf 'program=%s\n' "$1" >>"$GITHUB_OUTPUT"
  "$1" version
}

if [ -n "${INPUT_PATH:-}" ]; then
  case $INPUT_PATH in
    *$'\n'*) fail "path: has several lines" ;;
    /* | [A-Za-z]:*) program=$INPUT_PATH ;;
    *) program=$PWD/$INPUT_PATH ;;
  esac
  [ -f "$program" ] && [ -x "$program" ] || fail "path: $program is no program: name one that was built or unpacked before"
  use "$program"
  exit
fi

# The runner keeps an action in _actions/OWNER/NAME/REF, which also holds for
# one that another action uses; there, the contexts are of the other.
action=${GITHUB_ACTION_PATH:-}
action=${action//\\//}
case $action in
  */_actions/*/*/*)
    action=${action##*/_actions/}
    owner=${action%%/*} rest=${action#*/}
    ACTION_REPOSITORY=$owner/${rest%%/*} ACTION_REF=${rest#*/}
    ;;
esac

release='^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$'
version=${INPUT_VERSION:-}
if [ -z "$version" ]; then
  version=latest
  [[ ! ${ACTION_REF:-} =~ $release ]] || version=$ACTION_REF
fi
[[ $version != [0-9]* ]] || version=v$version
[[ $version = latest || $version =~ $release ]] || fail "version: $version is neither vX.Y.Z nor latest"

case ${RUNNER_OS:-} in
  Linux) os=linux ext=tar.gz ;;
  macOS) os=darwin ext=tar.gz ;;
  Windows) os=windows ext=zip ;;
  *) fail "there is no assetsync for RUNNER_OS ${RUNNER_OS:-}" ;;
esac
case ${RUNNER_ARCH:-} in
  X64) arch=amd64 ;;
  ARM64) arch=arm64 ;;
  *) fail "there is no assetsync for RUNNER_ARCH ${RUNNER_ARCH:-}" ;;
esac

base=${INPUT_DOWNLOAD_BASE:-} protocols='=https'
if [ -n "$base" ]; then
  protocols='=https,http,file'
else
  [ -n "${ACTION_REPOSITORY:-}" ] || fail "which repository has the releases is not known to an action that is used by a path: give download-base, or path"
  base=${SERVER_URL:-https://github.com}/$ACTION_REPOSITORY/releases
fi
case $version in
  latest) from=${base%/}/latest/download ;;
  *) from=${base%/}/download/$version ;;
esac

dir=$(mktemp -d "${RUNNER_TEMP:?}/assetsync.XXXXXX")

# fetch NAME downloads a file of the release.
fetch() {
  curl --fail --silent --show-error --location --retry 3 --proto "$protocols" --proto-redir "$protocols" \
    --output "$dir/$1" -- "$from/$1" || fail "download of $from/$1 failed: does the release exist?"
}

fetch SHA256SUMS
# The line of this platform says both what the archive is called and what is
# in it. A carriage return is of a list that Windows has touched.
sum='' archive=''
while IFS=' ' read -r hash name; do
  name=${name#\*} name=${name%$'\r'}
  case $name in
    */* | *\\*) ;;
    assetsync-*-"$os-$arch.$ext") sum=$hash archive=$name ;;
  esac
done <"$dir/SHA256SUMS"
[ -n "$archive" ] || fail "$from/SHA256SUMS lists no archive for $os-$arch"
[ "$version" = latest ] || [ "$archive" = "assetsync-$version-$os-$arch.$ext" ] || fail "$from has $archive, which is not $version"
fetch "$archive"

if command -v sha256sum >/dev/null; then
  got=$(sha256sum <"$dir/$archive")
else
  got=$(shasum -a 256 <"$dir/$archive")
fi
[ "${got%% *}" = "$sum" ] || fail "$from/$archive is not what SHA256SUMS says: its checksum is ${got%% *}, not $sum"

if [ "$ext" = zip ]; then
  unzip -q "$dir/$archive" -d "$dir"
  use "$dir/${archive%.zip}/assetsync.exe"
else
  tar -xzf "$dir/$archive" -C "$dir"
  use "$dir/${archive%.tar.gz}/assetsync"
fi
