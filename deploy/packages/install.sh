#!/bin/sh
# Installs fileshare for one person, without root: one file in ~/.local/bin.
#
#   sh install.sh                      the version that this file belongs to
#   sh install.sh --version 1.2.3      another one
#   sh install.sh --prefix /usr/local  into /usr/local/bin; PREFIX does the same
#   sh install.sh --base ADDRESS       from a mirror
#   sh install.sh --uninstall          removes the file
#
# A download is used only if its SHA-256 is the published one. Nothing runs before the last line has arrived.
set -eu

NAME='fileshare'
VERSION='@VERSION@'
# {version} stands for the number of the version.
BASE='@BASE@'
# Checksums of VERSION. Those of other versions are in the SHA256SUMS beside them.
SUMS='@SUMS@'

say() { printf '%s\n' "$*"; }
fail() {
  printf '%s: %s\n' "install.sh" "$*" >&2
  exit 1
}
have() { command -v "$1" >/dev/null 2>&1; }

usage() {
  say "Usage: sh install.sh [--version VERSION] [--prefix DIR] [--base ADDRESS] [--uninstall]"
  say "Installs $NAME $VERSION as DIR/bin/$NAME. DIR is \$PREFIX, else ~/.local."
}

# The first words of the names of binaries: linux-x64, linux-arm64-musl, macos-arm64 ...
target() {
  case $(uname -s) in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    MINGW* | MSYS* | CYGWIN* | Windows*) fail "Windows has no $NAME by this way. Use Scoop, or download $NAME-windows-x64.exe." ;;
    *) fail "there is no $NAME for $(uname -s). Run it from its sources with Bun." ;;
  esac
  case $(uname -m) in
    x86_64 | amd64) cpu=x64 ;;
    aarch64 | arm64) cpu=arm64 ;;
    *) fail "there is no $NAME for $(uname -m) processors. x86_64 and 64-bit ARM have one." ;;
  esac
  # A shell that Rosetta translates takes the processor for one of Intel.
  if [ "$os" = macos ] && [ "$(sysctl -n sysctl.proc_translated 2>/dev/null || true)" = 1 ]; then cpu=arm64; fi
  libc=
  if [ "$os" = linux ] && is_musl; then libc=-musl; fi
  say "$os-$cpu$libc"
}

is_musl() {
  # `ldd` of musl knows no --version, and names itself on its standard error.
  case $(ldd --version 2>&1 || true) in
    *musl*) return 0 ;;
    *GLIBC* | *GNU*) return 1 ;;
  esac
  for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
    [ ! -e "$loader" ] || return 1
  done
  for loader in /lib/ld-musl-*.so.1; do
    [ ! -e "$loader" ] || return 0
  done
  return 1
}

# fetch ADDRESS FILE. In the background, because a shell handles a signal only when its command has ended. curl gives up
# a server that sends nothing for 60 s, and wget one after 15 minutes.
fetch() {
  if have curl; then
    # An https address may not lead to a plain one.
    case $1 in https:*) only='=https' ;; *) only='=http,https' ;; esac
    if [ -t 2 ]; then how=-#; else how=-s; fi
    curl -fSL "$how" --proto "$only" --connect-timeout 30 --speed-time 60 --speed-limit 1 -o "$2" -- "$1" &
  elif have wget; then
    wget -q -O "$2" -- "$1" &
  else
    fail "curl and wget are both missing. Install one of them, or download the file with a browser."
  fi
  child=$!
  if wait "$child"; then status=0; else status=$?; fi
  child=
  return "$status"
}

# The SHA-256 of a file, in hex.
sum_of() {
  if have sha256sum; then
    sha256sum "$1" | cut -c 1-64
  elif have shasum; then
    shasum -a 256 "$1" | cut -c 1-64
  elif have openssl; then
    openssl dgst -sha256 -r "$1" | cut -c 1-64
  else
    fail "sha256sum, shasum and openssl are all missing, so the download cannot be checked. Install one of them."
  fi
}

# The published checksum of a file: sum_in LIST FILE
sum_in() { printf '%s\n' "$1" | sed -n "s/^\([0-9a-f]\{64\}\) [ *]$2\$/\1/p"; }

# check NAME FILE CHECKSUM
check() {
  actual=$(sum_of "$2")
  [ -n "$actual" ] || fail "the checksum of $2 cannot be computed."
  [ "$actual" = "$3" ] || fail "$1 is not what was published: its SHA-256 is $actual, and should be $3. Nothing was installed. Run this again; if it happens again, the server or the network changes files."
}

# download ADDRESS NAME FILE CHECKSUM
download() {
  say "Downloading $1/$2"
  fetch "$1/$2" "$3" || fail "$1/$2 cannot be downloaded whole. Check the network, and run this again."
  check "$2" "$3" "$4"
}

child=
staged=
archive=
clean() {
  if [ -n "$child" ]; then
    kill "$child" 2>/dev/null || true
    wait "$child" 2>/dev/null || true
  fi
  if [ -n "$staged" ]; then rm -f "$staged"; fi
  if [ -n "$archive" ]; then rm -f "$archive"; fi
}

uninstall() {
  if [ ! -e "$1/$NAME" ] && [ ! -h "$1/$NAME" ]; then fail "there is no $1/$NAME. Name its folder with --prefix."; fi
  rm -f "$1/$NAME" || fail "$1/$NAME cannot be removed. Run this as the owner of $1."
  say "Removed $1/$NAME. Unfinished transfers and settings stay: see ~/.local/state/$NAME and ~/.config/$NAME."
}

main() {
  version=$VERSION
  prefix=${PREFIX:-}
  base=$BASE
  action=install
  while [ $# -gt 0 ]; do
    case $1 in
      --version | --prefix | --base) [ -n "${2:-}" ] || fail "$1 needs a value." ;;
    esac
    case $1 in
      --version) version=${2#v}; shift ;;
      --prefix) prefix=$2; shift ;;
      --base) base=${2%/}; shift ;;
      --uninstall) action=uninstall ;;
      -h | --help) usage; exit 0 ;;
      *) usage >&2; fail "there is no option $1." ;;
    esac
    shift
  done
  case $version in
    *[!0-9A-Za-z.+-]* | '') fail "\"$version\" is no version. Give a number such as $VERSION." ;;
  esac
  if [ -z "$prefix" ]; then
    [ -n "${HOME:-}" ] || fail "HOME is not set. Name a folder with --prefix."
    prefix=$HOME/.local
  fi
  folder=$prefix/bin
  if [ "$action" = uninstall ]; then uninstall "$folder"; exit 0; fi

  file=$NAME-$(target)
  # Both sides of a {version}; an address without one has the files of one version alone.
  case $base in
    *'{version}'*) base=${base%%'{version}'*}$version${base#*'{version}'} ;;
    *) [ "$version" = "$VERSION" ] || [ "$base" != "$BASE" ] || fail "$base has version $VERSION alone. Name the address of $version with --base." ;;
  esac

  [ ! -d "$folder/$NAME" ] || fail "$folder/$NAME is a folder. Move it away, or choose another --prefix."
  mkdir -p "$folder" 2>/dev/null || fail "$folder cannot be made. Choose another folder with --prefix."
  trap clean EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  # In the same folder, so that the last step is one rename.
  staged=$(mktemp "$folder/.$NAME.XXXXXX" 2>/dev/null) || fail "no file can be made in $folder. Choose another folder with --prefix."

  sums=$SUMS
  if [ "$version" != "$VERSION" ]; then
    fetch "$base/SHA256SUMS" "$staged" || fail "$base/SHA256SUMS cannot be downloaded. Check the version and the network."
    sums=$(cat "$staged")
  fi
  expected=$(sum_in "$sums" "$file")
  [ -n "$expected" ] || fail "version $version has no $file. The page of the release lists its files."

  # Half the bytes, where the release has it.
  packed=$(sum_in "$sums" "$file.gz")
  if [ -n "$packed" ] && have gzip; then
    archive=$(mktemp "$folder/.$NAME.XXXXXX") || fail "no file can be made in $folder. Choose another folder with --prefix."
    download "$base" "$file.gz" "$archive" "$packed"
    gzip -dc <"$archive" >"$staged" || fail "$file.gz cannot be unpacked. Check the space in $folder."
    rm -f "$archive"
    archive=
    check "$file" "$staged" "$expected"
  else
    download "$base" "$file" "$staged" "$expected"
  fi

  chmod 755 "$staged"
  said=$("$staged" --version 2>&1) || {
    case $file in *-musl) advice="On Alpine, run: apk add libstdc++" ;; *) advice="The system may lack a library." ;; esac
    fail "$file is whole, but does not start here: $said. $advice"
  }
  mv -f "$staged" "$folder/$NAME" || fail "$folder/$NAME cannot be replaced. Choose another folder with --prefix."
  staged=
  say "Installed $NAME $said as $folder/$NAME"

  case :${PATH:-}: in
    *:"$folder":*) ;;
    *)
      say "$folder is not in PATH. Add this line to the profile of your shell:"
      # shellcheck disable=SC2016 # The profile expands it.
      say "  export PATH=\"$folder:\$PATH\""
      ;;
  esac
  found=$(command -v "$NAME" 2>/dev/null || true)
  case $found in
    '' | "$folder/$NAME") ;;
    *) say "PATH finds another one before it: $found" ;;
  esac
}

# A shell runs this only when it has read all of it, so a script that arrives in part does nothing.
if :; then main "$@"; fi
