#!/bin/sh
# Installs assetsync, or removes it: install.sh install|uninstall, from the top
# of the sources. Starts and stops nothing. Reads from the environment:
#   PREFIX   /usr/local for root, ~/.local for others
#   DESTDIR  put before every path, for packages
#   BINARY   the program to install
set -eu

verb=$1
dest=${DESTDIR:-}
if [ -z "${PREFIX:-}" ]; then
	PREFIX=$HOME/.local
	[ "$(id -u)" != 0 ] || PREFIX=/usr/local
fi
case $PREFIX in
/*) ;;
*) echo "PREFIX=$PREFIX is not absolute" >&2; exit 2 ;;
esac
bin=$PREFIX/bin/assetsync
share=$PREFIX/share/assetsync

# systemd looks for units below /usr, /usr/local, /etc and the user's data
# directory, not below other prefixes.
case $PREFIX in
/usr | /usr/local) units=$PREFIX/lib/systemd sysusers=$PREFIX/lib/sysusers.d ;;
"$HOME"/*) units='' sysusers='' ;;
*) units=/etc/systemd sysusers=/etc/sysusers.d ;;
esac
if [ -n "$units" ]; then
	user=$units/user system=$units/system
else
	user=${XDG_DATA_HOME:-$HOME/.local/share}/systemd/user system=''
fi

put() { # MODE FILE PATH
	mkdir -p "$(dirname "$dest$3")"
	install -m "$1" "$2" "$dest$3"
	echo "install $dest$3"
}

# unit FILE DIR installs a unit that starts the program where it is.
unit() {
	mkdir -p "$dest$2"
	# & and | have a meaning to sed, % to systemd, which also wants quotes
	# around a path with spaces.
	path=$(printf '%s' "$bin" | sed 's/[&|\\]/\\&/g; s/%/%%/g')
	case $path in *' '*) path="\"$path\"" ;; esac
	sed "s|^ExecStart=:[^ ]*|ExecStart=:$path|" "$1" >"$dest$2/assetsync@.service"
	chmod 644 "$dest$2/assetsync@.service"
	echo "install $dest$2/assetsync@.service"
}

# setting NAME prints a kernel setting, nothing where there is none.
setting() { cat "/proc/sys/$1" 2>/dev/null || true; }

# dropins adds to the units what this machine needs.
dropins() {
	version=$(systemctl --version 2>/dev/null | awk 'NR == 1 { print $2 + 0 }')
	if [ "${version:-0}" -ge 254 ]; then
		for dir in "$user" ${system:+"$system"}; do
			put 644 systemd/backoff.conf "$dir/assetsync@.service.d/50-backoff.conf"
		done
	fi
	if [ "$(setting user/max_user_namespaces)" = 0 ] ||
		[ "$(setting kernel/unprivileged_userns_clone)" = 0 ] ||
		[ "$(setting kernel/apparmor_restrict_unprivileged_userns)" = 1 ]; then
		echo "users may not make user namespaces here, so the user unit does without:"
		put 644 systemd/user/no-userns.conf "$user/assetsync@.service.d/50-no-userns.conf"
	fi
}

next() {
	echo
	echo "Nothing runs yet. In a directory with an assetsync.yaml:"
	if [ -n "$system" ]; then
		echo '  as a user:        systemctl --user enable --now assetsync@$(systemd-escape --path "$PWD")'
		echo '  for the machine:  systemd-sysusers assetsync.conf'
		echo '                    systemctl enable --now assetsync@$(systemd-escape --path "$PWD")'
	else
		echo '  systemctl --user enable --now assetsync@$(systemd-escape --path "$PWD")'
	fi
}

case $verb in
install)
	put 755 "$BINARY" "$bin"
	put 644 config.example.yaml "$share/config.example.yaml"
	if [ -z "$dest" ] && [ "$(uname -s)" != Linux ]; then
		exit 0 # no systemd
	fi
	unit systemd/user/assetsync@.service "$user"
	put 644 systemd/user/no-userns.conf "$share/no-userns.conf"
	put 644 systemd/backoff.conf "$share/backoff.conf"
	if [ -n "$system" ]; then
		unit systemd/system/assetsync@.service "$system"
		put 644 systemd/sysusers.d/assetsync.conf "$sysusers/assetsync.conf"
	fi
	if [ -z "$dest" ]; then # who makes a package decides for other machines
		dropins
		next
	fi
	;;
uninstall)
	for file in "$bin" "$share/config.example.yaml" "$share/no-userns.conf" "$share/backoff.conf" ${sysusers:+"$sysusers/assetsync.conf"}; do
		rm -f "$dest$file"
	done
	for dir in "$user" ${system:+"$system"}; do
		rm -f "$dest$dir/assetsync@.service" "$dest$dir/assetsync@.service.d/50-backoff.conf" "$dest$dir/assetsync@.service.d/50-no-userns.conf"
		[ ! -d "$dest$dir/assetsync@.service.d" ] || rmdir "$dest$dir/assetsync@.service.d" ||
			echo "left, with files of yours: $dest$dir/assetsync@.service.d"
	done
	[ ! -d "$dest$share" ] || rmdir "$dest$share" || echo "left, with files of yours: $dest$share"
	echo "Removed. What runs goes on until: systemctl --user disable --now 'assetsync@*'"
	;;
*)
	echo "usage: install.sh install|uninstall" >&2
	exit 2
	;;
esac
