#!/bin/sh
# Prepare the tree and configure it in the current folder: in the tree itself, or in a build folder of its own
# (mkdir b && cd b && /path/to/autogen.sh && make check).
#
# usage: autogen.sh [--deps | --deps-only | --deps-hosts | --deps-browser | --deps-cluster | --deps-release] [configure's options]
#
#   --deps        first install with apt what is missing (Debian; as root or with sudo)
#   --deps-only   install, nothing else
#   --deps-hosts  the same as --deps-only, with the web servers and the Prometheus of `make check-hosts`, `check-systemd` and `check-chroot`
#   --deps-browser  the same, with the browser of `make check-browser`
#   --deps-cluster  the same, with the etcd, the balancers and the containers of `make check-cluster`
#   --deps-release  the same, with what `make release` packs a Debian package with
#
# Quick and silent where nothing is to be done. With options for configure it configures again if they are others than before.
set -eu

PACKAGES="gcc make autoconf automake pkg-config libc6-dev \
	libfcgi-dev libjson-c-dev libyaml-dev liblmdb-dev libcurl4-openssl-dev libssl-dev libutf8proc-dev libpcre2-dev zlib1g-dev libcmocka-dev \
	lighttpd spawn-fcgi libfcgi-bin wrk curl openssl iproute2 mandoc python3 python3-pytest python3-httpx \
	python3-feedparser libxml2-utils"
PACKAGES_HOSTS="apache2 libapache2-mod-fcgid apache2-suexec-custom nginx-light lighttpd spawn-fcgi debootstrap systemd-container prometheus"
PACKAGES_BROWSER="chromium chromium-driver python3-selenium fonts-dejavu-core tidy"
PACKAGES_CLUSTER="etcd-server haproxy nginx-light systemd-container"
PACKAGES_RELEASE="debhelper dpkg-dev lintian"
# of these, what Debian would start
SERVERS="lighttpd apache2 apache-htcacheclean nginx prometheus etcd haproxy"

fail() {
	echo "autogen.sh: $*" >&2
	exit 1
}

missing_packages() {
	for package in $PACKAGES; do
		# one word for each architecture; a package once heard of is "not-installed"
		case " $(dpkg-query -W -f='${db:Status-Status} ' "$package" 2>/dev/null || :)" in
		*" installed "*) ;;
		*) printf '%s ' "$package" ;;
		esac
	done
}

# Debian starts what it installs. Only where a web server is new: keep it from taking port 80, now and at the next boot.
POLICY=/usr/sbin/policy-rc.d

policy_restore() {
	rm -f $POLICY
	[ ! -e $POLICY.kodo-saved ] || mv $POLICY.kodo-saved $POLICY
}

# policy_deny SERVER...
policy_deny() {
	trap policy_restore EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	[ ! -e $POLICY ] || mv $POLICY $POLICY.kodo-saved
	cat >$POLICY <<-EOF
		#!/bin/sh
		for word; do case " $* " in *" \$word "*) exit 101 ;; esac; done
		[ ! -x $POLICY.kodo-saved ] || exec $POLICY.kodo-saved "\$@"
	EOF
	chmod 755 $POLICY
}

apt() {
	DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null
}

install_packages() {
	new=
	for server in $SERVERS; do
		# one package may bring another's service
		case " $* " in *" ${server%-htcacheclean}"[\ 2-]*) new="$new $server" ;; esac
	done
	[ -z "$new" ] || policy_deny $new
	apt update || echo "autogen.sh: apt-get update failed; trying with the lists that are there" >&2
	apt install -y --no-install-recommends "$@" || fail "apt-get could not install: $*"
	if [ -n "$new" ]; then
		for server in $new; do update-rc.d "$server" disable >/dev/null 2>&1 || :; done
		policy_restore
		trap - EXIT INT TERM HUP
	fi
}

install_deps() {
	command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
		fail "--deps needs Debian's apt; install by other means: $(echo $PACKAGES)"
	missing=$(missing_packages)
	[ -n "$missing" ] || return 0
	if [ "$(id -u)" -eq 0 ]; then
		echo "autogen.sh: installing $missing"
		install_packages $missing
	elif command -v sudo >/dev/null; then
		echo "autogen.sh: installing with sudo: $missing"
		sudo "$source/autogen.sh" "$deps" || fail "sudo failed; install as root: apt-get install $missing"
	else
		fail "missing: $missing- run as root: apt-get install $missing"
	fi
	installed=yes
}

# Makefile.am and configure.ac are followed by make itself once there is a Makefile; here only what make cannot do.
prepare() {
	[ configure -nt configure.ac ] && [ -f Makefile.in ] && return 0
	command -v autoreconf >/dev/null || fail "autoreconf is missing: run ./autogen.sh --deps, or install autoconf and automake"
	autoreconf -fi >autogen.log 2>&1 || {
		cat autogen.log >&2
		rm -f autogen.log
		fail "autoreconf failed"
	}
	rm -f autogen.log
}

source=$(cd "$(dirname "$0")" && pwd)
installed=no
deps=--deps-only
case ${1-} in
--deps) shift; install_deps ;;
--deps-only) install_deps; exit 0 ;;
--deps-hosts) deps=$1 PACKAGES="$PACKAGES $PACKAGES_HOSTS"; install_deps; exit 0 ;;
--deps-browser) deps=$1 PACKAGES="$PACKAGES $PACKAGES_BROWSER"; install_deps; exit 0 ;;
--deps-cluster) deps=$1 PACKAGES="$PACKAGES $PACKAGES_CLUSTER"; install_deps; exit 0 ;;
--deps-release) deps=$1 PACKAGES="$PACKAGES $PACKAGES_RELEASE"; install_deps; exit 0 ;;
-h | --help) sed -n '2,/^set -eu/s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

# one at a time, where several build folders share a tree
(
	cd "$source"
	command -v flock >/dev/null && exec 9>.autogen.lock && flock 9
	prepare
)

if [ ! -f config.status ] || [ ! -f Makefile ] || [ $installed = yes ] ||
	{ [ $# -gt 0 ] && [ "$(./config.status --config | tr -d "'")" != "$*" ]; }; then
	"$source/configure" -q "$@"
fi
