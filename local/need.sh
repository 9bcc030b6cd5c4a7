#!/bin/sh
# need.sh COMMAND PACKAGE: make sure COMMAND is there, from Debian's PACKAGE where this user may install it.
set -eu
command=$1 package=$2
PATH=$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin
command -v "$command" >/dev/null && exit 0
if command -v apt-get >/dev/null; then
    sudo=
    [ "$(id -u)" = 0 ] || sudo='sudo -n'
    echo "Installing $package (Debian) ..."
    log=$(mktemp)
    if $sudo apt-get update -qq >"$log" 2>&1 &&
        DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends "$package" >>"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    tail -n 3 "$log" >&2
    rm -f "$log"
fi
echo "$command is missing and could not be installed: install it ('apt-get install $package', 'brew install $package') and run the same command again." >&2
exit 1
