#!/usr/bin/env bash
# Builds, runs and tests ngx_http_autoflow_module: ./build.sh --help

set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
build=$root/build
state=$(realpath -m "${AUTOFLOW_STATE:-$root/.autoflow}")
port=${AUTOFLOW_PORT:-8080}
url=http://localhost:$port
module=ngx_http_autoflow_module.so

PATH=$PATH:/usr/sbin:/sbin

build_packages=(
    gcc libc6-dev make perl pkg-config nginx nginx-dev libpq-dev
    libjansson-dev libsodium-dev libssl-dev libcbor-dev libcrypt-dev
    libcurl4-openssl-dev libidn2-dev libqrencode-dev libunistring-dev
    libzxcvbn-dev libpcre2-dev zlib1g-dev
)
run_packages=(
    "${build_packages[@]}" curl sqitch libdbd-pg-perl
    postgresql
)
import_packages=(
    jq libdbd-pg-perl libffi-platypus-perl libjson-xs-perl libnet-libidn2-perl
    libtext-csv-xs-perl
)
bench_packages=(
    libc6-dbg libnginx-mod-http-lua lua-cjson python3-asyncpg python3-bcrypt
    python3-fastapi python3-httptools python3-jose python3-passlib python3-sqlalchemy
    python3-uvicorn python3-uvloop valgrind
)
package_packages=(
    bash-completion debhelper dpkg-dev
)
# a package after which there is a command isn't needed where that is found;
# dbus-x11 is for Chromium: otherwise apt would bring systemd into a container
test_packages=(
    "${run_packages[@]}" "${import_packages[@]}" ca-certificates caddy chromium-driver clang dbus-x11
    etcd-server haproxy libclang-rt-dev libcmocka-dev libcrypt-jwt-perl libdbi-perl
    libio-socket-ssl-perl libmojolicious-perl nghttp2-client nodejs:node npm:npm oathtool openssl
    patroni pgbouncer php8.2-fpm prometheus puma python3-aiosmtpd python3-fastapi python3-flask
    python3-grpcio python3-uvicorn python3-websockets slowhttptest uwsgi-core
    uwsgi-plugin-python3 wrk
)

# the page /docs is Swagger UI, from npm
docs_package=swagger-ui-dist-5.35.0
docs_sha512=534eaba4cb56f55dd73c638179a993512af4674f63317e0826e00da44fc465b0\
21c341bc0a0c2bcd4e18997927fe1d3008336c5dd19aad334d1c2dec53cc9551

usage() {
    cat <<'END'
Usage: ./build.sh COMMAND

  run                    install what is missing, build, and run nginx with a
                         private PostgreSQL in the foreground; Ctrl-C stops both
  build                  make build/ngx_http_autoflow_module.so
  test [--asan] [FILE…]  run all tests, or these; --asan: under AddressSanitizer
                         and UndefinedBehaviorSanitizer, all that have use for them
  test [--asan] --failed
                         run once more what failed then, one file at a time;
                         more than three files are a failure
  fuzz [MINUTES]         fuzz the parsers and the whole server, under the
                         sanitizers, for so long (default 60); what is found
                         is in build/found/
  bench [--quick] [NAME…]
                         measure how fast it is, beside nginx and PostgreSQL
                         alone: docs/performance.md
  bench instructions [--update]
                         compare how many instructions a request takes with
                         bench/instructions
  soak [--asan] [MINUTES]
                         ask two nodes of one database for everything at random,
                         for so long (default 10), while workers, connections and
                         PostgreSQL are killed, and check every promise
  test-upgrade [--asan]  run the previous version beside this one, on one
                         database
  coverage [FILE…]       run all tests, or these, and report for each folder
                         and file of src/ which lines were not run
  mutate [N|FILE:LINE…]  put the small faults of t/mutants/ into copies of the
                         sources, one at a time, all, N at random or these, and
                         report which of them no test notices
  install                install the module, the snippets and the schema for
                         nginx; edited files are kept
  blocklist [--passwords|--sha1] FILE [OUT]
                         make a file for autoflow_password_blocklist, by default
                         FILE.blocklist, from a list of passwords or of their
                         SHA-1 digests, one per line
  test-image             build the container image of Dockerfile, as root, and
                         use it as compose.yaml does
  packages [test]        make Debian packages in build/packages/; test: in an
                         empty Debian 12, as root, and use them there
  psql [ARG…]            open the running database, as its owner
  grant-superuser EMAIL  make an account of the running database a superuser
  import [OPTION…] FILE… import accounts of other systems into the running
                         database, or AUTOFLOW_DATABASE_URL: --help, and
                         docs/moving.md
  export [FILE]          export all accounts, with their password hashes
  format                 remove tabs and trailing blanks from the sources
  check                  check formatting, includes, scripts, schema, and the
                         warnings of gcc and clang
  clean [--all]          remove build/; --all: also the state of `run`, with
                         its database

Environment:

  AUTOFLOW_PORT          where `run` listens on localhost (default 8080; the
                         demonstration's upstream takes the next port)
  AUTOFLOW_STATE         cluster, keys, logs, mails of `run` (default .autoflow/)
  AUTOFLOW_DATABASE_URL  a database for `run` to use instead of its own: a
                         postgresql:// URL of a role that may create in it;
                         or for `import` and `export`, of the schema's owner
  NGINX_SRC              a folder of nginx's sources to build against instead
                         of Debian's nginx-dev; builds that nginx, too
  CC                     the compiler (default: what nginx finds)
  AUTOFLOW_FUZZ_SECONDS  processor seconds for which `test` runs each fuzz
                         target (default 4; with --asan 0: only its corpus)
  AUTOFLOW_SEED          a number that a test has reported, to repeat its run
  AUTOFLOW_TEST_SECONDS  how long a file of tests may take (default 900)
  AUTOFLOW_CLUSTERS      where tests put their clusters (default: /dev/shm if
                         there is room, or else in their temporary folders)
END
}


# Output

say() {
    printf '%s\n' "$*"
}

fail() {
    printf 'build.sh: %s\n' "$*" >&2
    exit 1
}

# step TITLE COMMAND…: prints the command's output only if it fails. Don't use
# it in a condition: `set -e` would have no effect inside the command.
step() {
    local status log
    log=$(mktemp)
    say "$1…"
    shift

    set +e
    (set -e; "$@") >"$log" 2>&1 9>&-
    status=$?
    set -e

    [ "$status" = 0 ] || tail -n 50 "$log" >&2
    rm -f "$log"
    [ "$status" = 0 ] || fail "failed (exit $status)"
}


# Packages

# need_packages PACKAGE[:COMMAND]…: installs what is missing; a command may also
# come from elsewhere
need_packages() {
    local package packages=() missing installer=()

    # on other systems nginx's configure reports what is missing
    command -v dpkg-query >/dev/null || return 0

    for package in "$@"; do
        case $package in
            *:*) ! command -v "${package#*:}" >/dev/null || continue ;;
        esac
        packages+=("${package%:*}")
    done
    [ ${#packages[@]} != 0 ] || return 0

    mapfile -t missing < <(comm -23 <(printf '%s\n' "${packages[@]}" | sort -u) \
        <(dpkg-query -W -f '${db:Status-Status} ${Package}\n' \
              "${packages[@]}" 2>/dev/null | sed -n 's/^installed //p' | sort))
    [ ${#missing[@]} != 0 ] || return 0

    if [ $EUID != 0 ]; then
        command -v sudo >/dev/null || fail "please install, as root:" \
            "apt-get install ${missing[*]}"
        sudo -v
        installer=(sudo)
    fi
    step "Installing ${missing[*]}" "${installer[@]}" \
        bash -c "$(declare -f apt_install at_boot); apt_install ${missing[*]}"
}

# Runs as root in a shell of its own.  Debian starts what it installs: a new
# nginx or Caddy would take port 80, a new PostgreSQL 5432.  Nobody asked for
# these services, so while apt runs a policy keeps exactly these from starting,
# and PostgreSQL creates no cluster; afterwards those that would start at boot
# stay disabled.
apt_install() {
    set -e
    export DEBIAN_FRONTEND=noninteractive
    policy=/usr/sbin/policy-rc.d
    clusters=/etc/postgresql-common/createcluster.d/autoflow.conf
    trap 'rm -f $undo' EXIT

    case " $* " in *" nginx "* | *" postgresql "* | *" caddy "* | \
        *" haproxy "* | *" pgbouncer "* | *" php8.2-fpm "* | \
        *" prometheus "* | *" etcd-server "* | *" patroni "*)
        if [ ! -e $policy ]; then
            undo="$policy"
            printf '%s\n' '#!/bin/sh' \
                'case "$*" in' \
                '*nginx*|*postgresql*|*caddy*|*haproxy*|*fpm*|*prometheus* \' \
                '| *pgbouncer*|*etcd*|*patroni*) exit 101 ;; esac' >$policy
            chmod 755 $policy
        fi
    esac
    case " $* " in *" postgresql "*)
        undo="${undo-} $clusters"
        mkdir -p "${clusters%/*}"
        echo 'create_main_cluster = false' >$clusters
    esac

    apt-get update || true
    apt-get install -y --no-install-recommends "$@"

    for service in nginx caddy haproxy pgbouncer php8.2-fpm prometheus etcd patroni; do
        case " $* " in *" $service "* | *" $service-server "*)
            at_boot disable $service
            mkdir -p /var/lib/autoflow
            echo $service >>/var/lib/autoflow/disabled
        esac
    done
}

# at_boot enable|disable SERVICE
at_boot() {
    if [ -e "/etc/init.d/$2" ]; then
        update-rc.d "$2" "$1"
    elif command -v systemctl; then
        systemctl "$1" "$2"
    fi
}

# at_boot_again SERVICE…: enables those of them that apt_install has disabled
at_boot_again() {
    local service disabled=/var/lib/autoflow/disabled
    for service in "$@"; do
        grep -qsx "$service" $disabled || continue
        at_boot enable "$service" >/dev/null 2>&1 || true
        sed -i "/^$service$/d" $disabled
        say "$service starts with the machine again."
    done
}


# The module

# build_module: into build/, or build/NAME for another nginx, compiler or
# sanitizers; sets `out` to that folder
build_module() {
    local src=${NGINX_SRC:-/usr/share/nginx/src} name=nginx-dev targets=modules
    local cc_opt="-O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
    local ld_opt="-Wl,-z,relro -Wl,-z,now"
    local flags make stamp sources

    [ -d "$src" ] || fail "no nginx sources in $src"
    case $root in *[[:space:]]*)
        fail "nginx can't be built below a folder with a space in its name"
    esac

    if [ -n "${NGINX_SRC-}" ]; then
        name=$(basename "$(realpath "$src")")
        targets="binary modules"
        flags=(
            --with-compat --with-debug --with-threads
            --with-http_ssl_module --with-http_v2_module
            --with-http_realip_module --with-http_auth_request_module
        )
    else
        # shellcheck disable=SC1091
        . "$src/conf_flags"
        flags=("${NGX_CONF_FLAGS[@]}")
    fi

    if [ -n "${AUTOFLOW_ASAN-}" ]; then
        CC=gcc
        cc_opt="-O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
        cc_opt+=" -DNGX_DEBUG_PALLOC=1"
        # nginx's own code uses unaligned loads, where they are allowed
        [ -z "${NGINX_SRC-}" ] || cc_opt+=" -fno-sanitize=alignment"
        ld_opt="-fsanitize=address,undefined"
        name+=-asan
    elif [ -n "${AUTOFLOW_COVERAGE-}" ]; then
        CC=gcc
        cc_opt="-O0 --coverage -fprofile-update=atomic"
        ld_opt="--coverage"
        name+=-coverage
    elif [ -n "${CC-}" ]; then
        name+=-${CC##*/}
    fi

    # relative to `out`, so that a copy of everything works
    flags+=(
        ${CC:+"--with-cc=$CC"} "--with-cc-opt=$cc_opt -MMD -MP"
        "--with-ld-opt=$ld_opt" --add-dynamic-module=../..
    )
    out=$build/$name
    mkdir -p "$build"
    exec 8>"$build/lock"
    flock 8

    stamp=$({
        find -L "$src" -name .git -prune -o -type f -printf '%P %s %T@\n' | sort
        printf '%s\n' "${flags[@]}"
        cat "$root/config"
    } | sha256sum)
    sources=$(cd "$root" && find src -name '*.c' | sort | sha256sum)
    [ "$(head -n 1 "$out/autoflow.stamp" 2>/dev/null)" = "$stamp" ] ||
        rm -rf "$out"
    if [ "$(cat "$out/autoflow.stamp" 2>/dev/null)" != "$stamp"$'\n'"$sources" ]
    then
        step "Configuring nginx's sources in build/$name" \
            configure_nginx "$src" "${flags[@]}"
        printf '%s\n' "$stamp" "$sources" >"$out/autoflow.stamp"
    fi

    perl "$root/sql/embed" "$out/objs/autoflow"

    # sources depend on the headers that they include, not on all
    make=(make -s -C "$out" -f objs/Makefile ADDON_DEPS=
        '--eval=-include $(wildcard objs/addon/*/*.d)')
    # shellcheck disable=SC2016,SC2086
    "${make[@]}" -q $targets ||
        step "Compiling in build/$name" "${make[@]}" -j "$(nproc)" $targets
    ln -sf objs/$module "$out/$module"

    if [ -n "${NGINX_SRC-}" ]; then
        ln -sf objs/nginx "$out/nginx"
    elif [ "$name" = nginx-dev ]; then
        ln -sf nginx-dev/$module "$build/$module"
    fi
    exec 8>&-
}

# again if only the module's sources changed: identical headers then keep their
# times, and what includes them is not compiled again
configure_nginx() {
    local src=$1 header
    shift
    [ -d "$out" ] || cp -rL "$src" "$out"
    cd "$out"
    mkdir -p objs
    find objs -name '*.h' -exec cp -p {} {}.previous \;
    if [ -x configure ]; then
        ./configure "$@"
    else
        auto/configure "$@"
    fi
    for header in $(find objs -name '*.h.previous'); do
        ! cmp -s "${header%.previous}" "$header" ||
            mv "$header" "${header%.previous}"
    done
}

# the nginx that belongs to the module in `out`
find_nginx() {
    if [ -n "${NGINX_SRC-}" ]; then
        nginx=$out/nginx
    else
        nginx=$(command -v nginx) || fail "nginx is not installed"
    fi
}

# an instrumented module needs the sanitizer's library before nginx's own
asan_library() {
    gcc -print-file-name=libasan.so
}


# PostgreSQL.  As root, everything of it belongs to the user that Debian's
# package creates, since the server refuses to run as root.

me=$(id -un)
cluster_user=$me worker_user=$me as_cluster_user=()
if [ $EUID = 0 ]; then
    cluster_user=postgres worker_user=www-data
    as_cluster_user=(--reuid=postgres --regid=postgres --init-groups)
fi

# use_postgresql DATA: the version that created the cluster, else the newest
use_postgresql() {
    local bin
    bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
    [ ! -e "$1/PG_VERSION" ] ||
        bin=/usr/lib/postgresql/$(<"$1/PG_VERSION")/bin
    [ -x "$bin/postgres" ] || fail "$1 needs $bin, which is not installed"
    PATH=$bin:$PATH
}

# make_cluster DATA [OPTION…]: by initdb with these options, too.  No passwords:
# peer authentication on the socket.
make_cluster() {
    local data=$1
    shift
    rm -rf "$data.new"
    install -d -m 700 -o "$cluster_user" "$data.new"
    cd /

    setpriv "${as_cluster_user[@]}" initdb -D "$data.new" -U postgres \
        -A peer -E UTF8 --locale=C.UTF-8 --no-instructions "$@"
    cat >"$data.new/pg_hba.conf" <<END
local all all peer map=autoflow
END
    {
        printf 'autoflow %s postgres\n' "$cluster_user" "$me"
        printf 'autoflow %s autoflow\n' "$cluster_user" "$me"
        printf 'autoflow %s autoflow_app\n' "$cluster_user" "$me" \
            "$worker_user"
    } | sort -u >"$data.new/pg_ident.conf"
    setpriv "${as_cluster_user[@]}" postgres --single -D "$data.new" \
        postgres <<END
CREATE ROLE autoflow LOGIN CREATEROLE
CREATE DATABASE autoflow OWNER autoflow
REVOKE ALL ON DATABASE autoflow FROM PUBLIC
END

    mv "$data.new" "$data"
}

# start_cluster DATA SOCKETS LOG: sets `cluster_pid`.  The server ends with this
# script, however that ends.
start_cluster() {
    (cd / && exec setsid setpriv --pdeathsig INT "${as_cluster_user[@]}" \
        postgres -D "$1" -k "$2" -h '') >>"$3" 2>&1 9>&- &
    cluster_pid=$!
    wait_until "$cluster_pid" pg_isready -q -h "$2" ||
        give_up "PostgreSQL did not start" "$3"
}

stop_cluster() {
    [ -n "${cluster_pid-}" ] || return 0
    kill -INT "$cluster_pid" 2>/dev/null || true
    wait "$cluster_pid" || true
    cluster_pid=
}

# administer URL COMMAND…: tools/autoflow, as the schema's owner
administer() {
    AUTOFLOW_DATABASE_URL=$1 "$root/tools/autoflow" "${@:2}"
}

# wait_until PID COMMAND…: for a minute, as long as the process lives
wait_until() {
    local pid=$1 i
    shift
    for ((i = 0; i < 600; i++)); do
        ! "$@" || return 0
        kill -0 "$pid" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

give_up() {
    tail -n 10 "$2" >&2
    fail "$1; these were the last lines of $2"
}


# ./build.sh run

run() {
    umask 022
    mkdir -p "$state"/{conf,keys,logs,modules}
    chmod 700 "$state/keys"
    exec 9>"$state/lock"
    flock -n 9 || fail "already running (see $state/env);" \
        "AUTOFLOW_STATE=folder AUTOFLOW_PORT=port start another one"
    port_is_free "$port"
    port_is_free "$((port + 1))"

    need_packages "${run_packages[@]}"
    build_module
    find_nginx
    find_place

    trap stop EXIT
    trap 'exit 130' INT
    trap 'exit 143' TERM
    trap 'exit 129' HUP

    if [ -n "${AUTOFLOW_DATABASE_URL-}" ]; then
        use_given_database "$AUTOFLOW_DATABASE_URL"
    else
        use_own_database
    fi
    step "Deploying the schema" administer "$owner_url" deploy
    [ -z "${own_database-}" ] ||
        step "Taking needless privileges away" \
            administer "$owner_url" privileges

    "$root/tools/autoflow" make-key secret "$state/keys/secret"
    "$root/tools/autoflow" make-key secret "$state/keys/seal"
    "$root/tools/autoflow" make-key secret "$state/keys/signing"
    (umask 077; printf '%s\n' "$app_url" >"$state/keys/database")
    (umask 077; printf '%s=%q\n' AUTOFLOW_URL "$url" \
        AUTOFLOW_DATABASE_URL "$owner_url" >"$state/env")
    get_docs || say "The page /docs is left out."
    write_configuration
    start_nginx
    say_hello

    # until a signal, or until one of the two exits
    wait -n "$nginx_pid" ${cluster_pid:+"$cluster_pid"} || true
    if kill -0 "$nginx_pid" 2>/dev/null; then
        give_up "PostgreSQL ended" "$state/logs/postgresql.log"
    fi
    give_up "nginx ended" "$state/logs/error.log"
}

port_is_free() {
    local address
    for address in 127.0.0.1 ::1; do
        ! (exec 3<>"/dev/tcp/$address/$1") 2>/dev/null ||
            fail "port $1 is taken: choose another one with AUTOFLOW_PORT"
    done
}

has_ipv6() {
    grep -qs '^0\{31\}1 ' /proc/net/if_inet6
}

# `place` is where the cluster and nginx's temporary files are: the state, or a
# separate folder if their users can't access the state (a clone below /root),
# or its path is too long for a socket (107 octets) in a URL.
find_place() {
    if [ -e "$state/temp" ]; then
        place=$(dirname "$(realpath "$state/temp")")
        return
    fi
    place=$state
    if [[ $place =~ [^[:alnum:]._/-] || ${#place} -gt 75 ]] ||
        ! reachable "$cluster_user" || ! reachable "$worker_user"
    then
        [ $EUID = 0 ] && place=/var/lib || place=${TMPDIR:-/tmp}
        place=$(mktemp -d "$place/autoflow.XXXXXX")
        chmod 755 "$place"
        ln -sfn "$place/cluster" "$state/cluster"
        ln -sfn "$place/temp" "$state/temp"
        ln -sfn "$place/mail" "$state/mail"
        say "Files for other users are in $place: they can't access $state."
    fi
    mkdir "$place/temp"
}

# only if the user exists
reachable() {
    [ $EUID != 0 ] || ! id "$1" >/dev/null 2>&1 ||
        setpriv --reuid="$1" --regid="$1" --clear-groups test -x "$state"
}

use_own_database() {
    local data=$place/cluster base
    base="postgresql:///autoflow?host=$place/socket"

    use_postgresql "$data"
    [ -e "$data" ] ||
        step "Making a PostgreSQL cluster in $data" make_cluster "$data"
    install -d -m 755 -o "$cluster_user" "$place/socket"
    start_cluster "$data" "$place/socket" "$state/logs/postgresql.log"
    owner_url="$base&user=autoflow"
    app_url="$base&user=autoflow_app"
    own_database=1
}

use_given_database() {
    local options=-crole%3Dautoflow_app%20-cstatement_timeout%3D5s

    owner_url=$1
    case $1 in
        postgres*://*options=*)
            fail "AUTOFLOW_DATABASE_URL can't have options=" ;;
        postgres*://*\?*)
            app_url="$1&options=$options" ;;
        postgres*://*)
            app_url="$1?options=$options" ;;
        *)
            fail "AUTOFLOW_DATABASE_URL is not a postgresql:// URL" ;;
    esac
}

write_configuration() {
    local keys
    keys=$(sed 's/[&|\\]/\\&/g' <<<"$state/keys")      # for sed

    ln -sfn "$out/$module" "$state/modules/$module"
    ln -sfn "$root/pages" "$state/pages"
    cp -r "$root/conf/." "$state/conf/"
    cp -r "$root"/conf/{demo,docs,landing} "$place/"
    ! has_docs || cp "$build/$docs_package"/* "$place/docs/"
    sed -i -e "s#\(127\.0\.0\.1\|\[::1\]\|localhost\):8080#\1:$port#" \
        -e "$(has_ipv6 || echo '/listen \[::1\]/d')" \
        -e "s|127\.0\.0\.1:8081|127.0.0.1:$((port + 1))|" \
        -e "s|^\( *autoflow_database *\).*|\1\"file:$keys/database\";|" \
        -e "s|\"file:keys/|\"file:$keys/|" \
        -e "s|\(_temp_path *\)\(.*\);|\1\"$place/\2\";|" \
        -e "s|maildir:|&$place/|" \
        -e "s|\(alias *\)\(.*\);|\1\"$place/\2\";|" \
        -e "$([ $EUID = 0 ] || echo '/^user /d')" \
        "$state/conf/nginx.conf" \
        "$state"/conf/snippets/autoflow_{docs,landing}.conf
}

# the page's scripts and styles, in a folder of build/; npm install would also
# run a package that reports installations
get_docs() {
    local temp
    ! has_docs || return 0
    if ! command -v npm >/dev/null; then
        say "Swagger UI, for the page /docs, needs npm: apt install npm"
        return 1
    fi
    temp=$(mktemp -d)
    say "Getting Swagger UI from npm…"
    (
        cd "$temp"
        npm pack --silent --fetch-retries=1 --fetch-timeout=30000 \
            "${docs_package/dist-/dist@}" >npm.log 2>&1 &&
            sha512sum -c --quiet <<<"$docs_sha512  $docs_package.tgz" &&
            tar xzf "$docs_package.tgz" package/{LICENSE,NOTICE} \
                package/swagger-ui{-bundle.js,.css} &&
            mkdir -p "$build" && mv package "$build/$docs_package"
    ) || say "npm does not have it."
    rm -rf "$temp"
    has_docs
}

has_docs() {
    [ -e "$build/$docs_package" ]
}

start_nginx() {
    local command=("$nginx" -p "$state/" -c "$state/conf/nginx.conf"
        -e stderr -g "daemon off;")

    if [ -n "${AUTOFLOW_ASAN-}" ]; then
        command=(env "LD_PRELOAD=$(asan_library)"
            ASAN_OPTIONS=detect_leaks=0:detect_odr_violation=0
            UBSAN_OPTIONS=print_stacktrace=1 "${command[@]}")
    fi
    "${command[@]}" -t -q || fail "nginx refuses $state/conf/nginx.conf"
    setsid setpriv --pdeathsig TERM "${command[@]}" \
        >>"$state/logs/error.log" 2>&1 9>&- &
    nginx_pid=$!
    wait_until "$nginx_pid" curl -fso /dev/null "$url/health" ||
        give_up "nginx does not answer" "$state/logs/error.log"
}

say_hello() {
    cat <<END

$url is up (state and logs: $state). Ctrl-C stops it.
Mails come to $state/mail/new.
Try, in another terminal:

TOKEN=\$(curl -s $url/api/v1/auth/register --json '{"email":"ada-'\$(date +%s)'@example.com","password":"correct horse battery staple"}' | sed 's/.*"access_token": *"\\([^"]*\\)".*/\\1/'); echo "\$TOKEN"
curl -s $url/api/v1/auth/me -H "Authorization: Bearer \$TOKEN"; echo
curl -s $url/app/hello -H "Authorization: Bearer \$TOKEN"

or $url/demo/ in a browser, a site that asks you to sign in: create an account
there. $url/docs has the whole API.

A page of yours that uses cookies has to be at http://localhost, too, on any
port: for a browser, 127.0.0.1 is another site, and keeps its cookies apart.

END
}

stop() {
    local status=$?
    set +e      # with the terminal gone, it can't even speak
    trap '' INT TERM HUP
    trap - EXIT

    stop_nginx
    stop_cluster
    rm -f "$state/env"
    case $status in
        129 | 130 | 143) exit 0 ;;
        *) exit "$status" ;;
    esac
}

stop_nginx() {
    local i
    [ -n "${nginx_pid-}" ] || return

    if kill -QUIT "$nginx_pid" 2>/dev/null; then
        say "Stopping"
        for ((i = 0; i < 100; i++)); do
            sleep 0.1
            kill -0 "$nginx_pid" 2>/dev/null || break
        done
    fi
    # who is still there, after these ten seconds or without a master
    kill -TERM -- "-$nginx_pid" 2>/dev/null
    wait "$nginx_pid"
}


# The running database

need_running() {
    if [ ! -e "$state/env" ] || flock -n "$state/lock" true; then
        fail "nothing runs on $state: start it with ./build.sh run"
    fi
    # shellcheck disable=SC1091
    . "$state/env"
}

open_psql() {
    need_running
    exec psql "$AUTOFLOW_DATABASE_URL" "$@"
}

# on_running COMMAND…: a command of tools/autoflow
on_running() {
    need_running
    administer "$AUTOFLOW_DATABASE_URL" "$@"
}

# move_accounts import|export ARGUMENT…
move_accounts() {
    need_packages "${import_packages[@]}"
    case " $* " in
        *" --help "* | *" --database"*) ;;
        *) [ -n "${AUTOFLOW_DATABASE_URL-}" ] || need_running ;;
    esac
    export AUTOFLOW_DATABASE_URL
    exec "$root/import/autoflow" "$@"
}


# ./build.sh install

install_module() {
    local module_dir conf prefix

    is_built || {
        need_packages "${build_packages[@]}"
        build_module
    }
    out=$build/nginx-dev
    find_nginx
    module_dir=$(nginx_path modules-path)
    conf=$(dirname "$(nginx_path conf-path)")
    prefix=$(nginx_path prefix)
    [ -w "$module_dir" ] && [ -w "$conf" ] ||
        fail "only root may write to $module_dir and $conf:" \
            "sudo ./build.sh install"

    install -D -m 644 -t "$module_dir" "$out/$module"
    keep_edited "$conf/snippets" "$root"/conf/snippets/*
    keep_edited "$conf/mail" "$root"/conf/mail/*
    keep_edited "$prefix/landing" "$root"/conf/landing/*
    keep_edited "$prefix/docs" "$root"/conf/docs/*
    mkdir -p "$prefix/pages"
    cp -r --no-preserve=ownership "$root"/pages/. "$prefix/pages/"
    get_docs && cp "$build/$docs_package"/* "$prefix/docs/" ||
        say "The page /docs is left out."
    mkdir -p "$prefix/autoflow"
    rm -rf "$prefix"/autoflow/{sql,monitoring,import,tools}
    cp -r --no-preserve=ownership "$root/sql" "$root/conf/monitoring" \
        "$root/import" "$root/tools" "$prefix/autoflow/"
    at_boot_again nginx
    cat <<END
Installed $module_dir/$module, $conf/snippets/autoflow_*.conf,
the templates of mails in $conf/mail, the pages that their links
open in $prefix/landing, that of /docs in $prefix/docs, those of
autoflow_pages in $prefix/pages, the schema
in $prefix/autoflow/sql, and the administrator's command,
$prefix/autoflow/tools/autoflow.
At the beginning of $conf/nginx.conf, add:

load_module $module_dir/$module;
include $conf/snippets/autoflow_threads.conf;

docs/production.md goes on from there: the database, keys, TLS.
END
}

# whether the module exists, and is newer than its sources
is_built() {
    [ -z "${NGINX_SRC-}${CC-}" ] && [ -e "$build/$module" ] &&
        [ -z "$(find "$root/src" "$root/sql/queries" "$root/config" \
            -newer "$build/$module" -type f -print -quit)" ]
}

# keep_edited FOLDER FILE…: keeps an existing file that differs, and puts ours
# beside it as FILE.new
keep_edited() {
    local folder=$1 file there
    shift
    for file in "$@"; do
        there=$folder/$(basename "$file")
        if [ -e "$there" ] && ! cmp -s "$file" "$there"; then
            say "$there was edited or is of another version: it is kept," \
                "this version's is $there.new"
            there+=.new
        fi
        install -D -m 644 "$file" "$there"
    done
}

nginx_path() {
    "$nginx" -V 2>&1 | sed -n "s/.*--$1=\([^ ']*\).*/\1/p" | grep . ||
        fail "nginx -V names no --$1"
}


# ./build.sh blocklist

make_blocklist() {
    local options=() program=$build/blocklist
    local sources=("$root"/blocklist/*.c "$root/src/crypto/blocklist.c"
        "$root/src/check/normalize.c")
    case ${1-} in --*) options=("$1"); shift ;; esac
    [ $# = 1 ] || [ $# = 2 ] ||
        fail "usage: ./build.sh blocklist [--passwords|--sha1] FILE [OUT]"

    need_packages gcc libc6-dev libsodium-dev libssl-dev libunistring-dev
    mkdir -p "$build"
    [ -e "$program" ] && [ -z "$(find "${sources[@]}" "${sources[@]/%.c/.h}" \
            -newer "$program" -print -quit 2>/dev/null)" ] ||
        step "Compiling build/blocklist" "${CC:-cc}" -O2 -Wall -Wextra -Werror \
            -std=gnu11 -I"$root/src" -o "$program" "${sources[@]}" \
            -lsodium -lcrypto -lunistring -lm
    "$program" "${options[@]}" "$1" "${2-$1.blocklist}"
}


# ./build.sh packages

packages() {
    local folder=$build/packages
    mkdir -p "$folder"
    case ${1-} in
        '')
            need_packages "${build_packages[@]}" "${package_packages[@]}"
            get_docs || true
            "$root/debian/copy-source" "$folder/source"
            step "Building packages" make_packages "$folder/source"
            rm -r "$folder/source"
            ls "$folder"/*.deb ;;
        test)
            if [ $EUID != 0 ]; then
                say "Skipped: only root can make another machine."
                return
            fi
            need_packages debootstrap
            "$root/t/packages/run" "$folder" ;;
        *) fail "usage: ./build.sh packages [test]" ;;
    esac
}

make_packages() {
    cd "$1"
    dpkg-buildpackage -b -us -uc
}


# ./build.sh test-image

test_image() {
    if [ $EUID != 0 ]; then
        say "Skipped: only root can build an image without a daemon."
        return
    fi
    need_packages buildah debootstrap postgresql curl
    "$root/t/image/run" "$build/image"
}


# ./build.sh test

# prepare_tests [--asan]: what tests run against
prepare_tests() {
    [ "${1-}" != --asan ] || export AUTOFLOW_ASAN=1
    need_packages "${test_packages[@]}"
    build_module
    find_nginx

    export AUTOFLOW_MODULE=$out/$module AUTOFLOW_NGINX=$nginx
    AUTOFLOW_TEMPLATE=$(template)
    export AUTOFLOW_TEMPLATE
    [ -z "${AUTOFLOW_ASAN-}" ] || AUTOFLOW_PRELOAD=$(asan_library)
    export AUTOFLOW_PRELOAD
    [ -n "${AUTOFLOW_CLUSTERS-}" ] || ! room_in_memory ||
        export AUTOFLOW_CLUSTERS=/dev/shm
}

# need_npm FILE…: what t/npm/ names from npm, in build/npm/, if one of these
# tests uses it.  Where npm can't be reached, they skip what needs it.
need_npm() {
    local npm=$build/npm
    grep -q 'Autoflow::npm' "$@" || return 0
    (
        flock 8
        ! cmp -s "$root/t/npm/package-lock.json" "$npm/package-lock.json" ||
            exit 0
        rm -rf "$npm.new"
        mkdir "$npm.new"
        cp "$root"/t/npm/package*.json "$npm.new/"
        cd "$npm.new"
        say "Installing packages from npm…"
        if ! npm ci --ignore-scripts --no-audit --no-fund \
            --fetch-retries=1 >npm.log 2>&1; then
            tail -n 5 npm.log
            say "npm can't be reached: tests that need its packages are skipped."
            exit 0
        fi
        rm -rf "$npm"
        mv "$npm.new" "$npm"
    ) 8>"$build/npm.lock"
}

# whether tests can have their clusters there: each needs some 100 MB
room_in_memory() {
    local free
    free=$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)
    [ "${free:-0}" -gt 1000000 ] && [ -w /dev/shm ] &&
        awk '/^MemAvailable:/ { exit $2 < 2000000 }' /proc/meminfo
}

# each file within its time, and without leaving anything behind
run_prove() {
    prove --exec "t/lib/within ${AUTOFLOW_TEST_SECONDS:-900} perl -It/lib" "$@"
}

run_tests() {
    local jobs results=$build/results failed chosen
    prepare_tests "$@"
    [ "${1-}" != --asan ] || shift

    # three for each processor, as each waits more than it works; the order is in
    # t/testrules.yml
    jobs=$((3 * $(nproc)))
    cd "$root"
    if [ "${1-}" = --failed ]; then
        [ -e "$results" ] || fail "no run of the tests has come to its end"
        mapfile -t failed < <(prove --dry --state=failed --statefile="$results")
        say "Failed: ${failed[*]-nothing}."
        [[ ${#failed[@]} -ge 1 && ${#failed[@]} -le 3 ]] || return 1
        set -- "${failed[@]}"
        jobs=1
    fi
    if [ $# = 0 ]; then
        set -- t/*.t
        [ -z "${AUTOFLOW_ASAN-}" ] || mapfile -t chosen < <(under_sanitizers "$@")
        [ -z "${AUTOFLOW_ASAN-}" ] || set -- "${chosen[@]}"
    fi
    need_npm "$@"
    ! grep -q 'autoflow_docs' "$@" || get_docs ||
        say "The tests of the page /docs are skipped."
    rm -f "$results"
    took "$build/times" run_prove -j "$jobs" --state=save --statefile="$results" "$@"
}

# those of these files without a line "# Not under the sanitizers: WHY"
under_sanitizers() {
    grep -L '^# Not under the sanitizers: ' "$@"
}

# took FILE COMMAND…: runs it, and says how long the tests took, and which most
took() {
    local status=0 file=$1 began=$SECONDS
    export AUTOFLOW_TIMES=$file
    : >"$file"
    shift
    "$@" || status=$?
    if [ "$(wc -l <"$file")" -gt 10 ]; then
        awk -v took=$((SECONDS - began)) -v processors="$(nproc)" '
            { used += $2 }
            END { printf "In %d s, of which %.0f %% of %d processors; the slowest:\n",
                      took, 100 * used / processors / took, processors }' "$file"
        sort -rn "$file" | head -n 10 | awk '
            { printf "  %5.0f s, %4.0f s of a processor: %s\n", $1, $2, $3 }'
    fi
    return "$status"
}

# ./build.sh fuzz

# Inputs are kept, so that the next time goes on from there.
fuzz() {
    local minutes=${1-60}
    [[ $# -le 1 && $minutes =~ ^[1-9][0-9]*$ ]] ||
        fail "usage: ./build.sh fuzz [MINUTES]"
    prepare_tests --asan

    export AUTOFLOW_FUZZ_MINUTES=$minutes AUTOFLOW_FOUND=$build/found
    AUTOFLOW_TEST_SECONDS=$((600 + 3 * 60 * minutes))
    cd "$root"
    run_prove -v -j 2 t/90-fuzz.t t/91-fuzz-server.t
}


# ./build.sh soak
soak() {
    prepare_tests "$@"
    [ "${1-}" != --asan ] || shift
    local minutes=${1-10}
    [[ $# -le 1 && $minutes =~ ^[1-9][0-9]*$ ]] ||
        fail "usage: ./build.sh soak [--asan] [MINUTES]"

    export AUTOFLOW_SOAK_MINUTES=$minutes
    AUTOFLOW_TEST_SECONDS=$((900 + 2 * 60 * minutes))
    cd "$root"
    run_prove t/92-soak.t
}

# ./build.sh coverage

# Programs write their data below `data` when they exit: workers may not write,
# or even look, into build/.  The folders are created here, since whoever came
# first would own them.
bench() {
    need_packages "${bench_packages[@]}"
    prepare_tests
    use_postgresql "$build"
    ulimit -Sn "$(ulimit -Hn)"
    exec "$root/bench/run" "$@"
}

coverage() {
    local data status
    export AUTOFLOW_COVERAGE=1 AUTOFLOW_FUZZ_SECONDS=0
    need_packages "${test_packages[@]}"
    build_module
    find "$build" -name '*.gcda' -delete
    data=$(mktemp -d)
    # shellcheck disable=SC2064  # now: a local variable is gone by then
    trap "rm -rf '$data'" EXIT
    find "$out/objs/addon" -type d -printf "$data%p\0" | xargs -0 mkdir -p
    chmod -R a+rwX "$data"

    set +e
    (set -e; umask 0; export GCOV_PREFIX=$data; run_tests "$@")
    status=$?
    set -e
    cp -r "$data$build/." "$build/"
    "$root/t/lib/coverage" "$root" "$out/objs/addon" "$build/unit-coverage"
    return "$status"
}

# ./build.sh mutate
mutate() {
    need_packages "${test_packages[@]}"
    exec "$root/t/lib/mutate" "$@"
}

# template: prints the name of a folder with a cluster that has the schema, for
# tests to copy: without what makes that slow, such as databases that no test
# needs
template() {
    local key data url
    use_postgresql "$build"
    key=$({ cd "$root/sql" && postgres -V && id -u &&
        declare -f template make_cluster && find deploy verify \
        privileges.sql sqitch.plan -type f -exec sha256sum {} + | sort; } | sha256sum)
    data=$build/cluster-${key:0:16}
    mkdir -p "$build"
    exec 8>"$build/lock"
    flock 8
    if [ ! -d "$data" ]; then
        temp=$(mktemp -d)
        trap 'stop_cluster; rm -rf "$temp"' EXIT
        chmod 755 "$temp"
        install -d -m 755 -o "$cluster_user" "$temp/socket"
        step "Making a PostgreSQL cluster for tests" \
            make_cluster "$temp/data" --wal-segsize=1 >&2
        start_cluster "$temp/data" "$temp/socket" "$temp/log"
        url="postgresql:///autoflow?host=$temp/socket&user=autoflow"
        step "Deploying the schema" administer "$url" deploy >&2
        setpriv "${as_cluster_user[@]}" psql -qX -v ON_ERROR_STOP=1 \
            -h "$temp/socket" -U postgres template1 <<END
UPDATE pg_database SET datistemplate = false WHERE datname = 'template0';
DROP DATABASE template0;
DROP DATABASE postgres;
END
        stop_cluster
        rm -rf "$build"/cluster-*
        cp -a "$temp/data" "$data.new"
        mv "$data.new" "$data"
    fi
    say "$data"
}


# ./build.sh test-upgrade

# The commit to upgrade from.  Its whole tree is built, with its own build.sh
# and tests.
previous=48f3313

# That version's own tests of its use of the database, which must also pass on
# the new schema.
previous_tests=(
    t/21-register.t t/22-login.t t/23-account.t t/28-sessions.t
    t/39-revocation.t t/41-recovery.t t/42-profile.t t/43-deletion.t
    t/70-users.t t/71-roles.t t/72-audit.t t/74-superusers.t
)

test_upgrade() {
    local tree=$build/upgrade/$previous

    need_packages git:git
    if ! git -C "$root" cat-file -e "$previous^{commit}" 2>/dev/null; then
        say "Skipped: the commit $previous to upgrade from is not here;" \
            "a whole clone has it."
        return
    fi
    prepare_tests "$@"

    # outside a repository, git just patches
    mkdir -p "$tree"
    git -C "$root" archive "$previous" | tar -x -C "$tree"
    GIT_CEILING_DIRECTORIES=$build/upgrade git -C "$tree" apply --allow-empty \
        "$root/t/upgrade/previous.patch"

    step "Building the previous version" "$tree/build.sh" build
    export AUTOFLOW_PREVIOUS=$tree
    export AUTOFLOW_PREVIOUS_MODULE=$tree/build/$(basename "$out")/$module
    AUTOFLOW_PREVIOUS_TEMPLATE=$("$tree/build.sh" template)
    export AUTOFLOW_PREVIOUS_TEMPLATE

    cd "$root"
    run_prove t/upgrade

    AUTOFLOW_TEMPLATE=$(template_for_previous)
    cd "$tree"
    AUTOFLOW_MODULE=$AUTOFLOW_PREVIOUS_MODULE \
        prove -It/lib -j 2 "${previous_tests[@]}"
}

# prints the name of a copy of the template with what that version needs, too
template_for_previous() {
    local data=$build/upgrade/cluster
    use_postgresql "$build"
    temp=$(mktemp -d)
    trap 'stop_cluster; rm -rf "$temp"' EXIT
    chmod 755 "$temp"
    install -d -m 755 -o "$cluster_user" "$temp/socket"
    cp -a "$AUTOFLOW_TEMPLATE" "$temp/data"
    start_cluster "$temp/data" "$temp/socket" "$temp/log"
    step "Granting what the previous version needs" administer \
        "postgresql:///autoflow?host=$temp/socket&user=autoflow" \
        privileges former >&2
    stop_cluster
    rm -rf "$data"
    cp -a "$temp/data" "$data"
    say "$data"
}


# ./build.sh format, check

sources() {
    cd "$root"
    find build.sh config .ci bench blocklist conf containers import sql src t tools \
        -type f \
        \( -path 'tools/*' -o -name '*.[chtl]' -o -name '*.p[lm]' -o \
        -name '*.sql' -o -name '*.conf' -o -name '*.jq' -o -name build.sh -o \
        -name config -o -name run -o -name embed -o -name autoflow \) "$@"
}

format() {
    sources -exec sed -i -e 's/\t/    /g' -e 's/[ \r]*$//' {} +
    check_format
}

check_format() {
    ! sources -exec grep -nP '\t|[ \r]$' {} + ||
        fail "these lines have tabs or trailing blanks: ./build.sh format"
    ! sources -name '*.[ch]' -exec grep -nP '^.{81}' {} + ||
        fail "these lines are longer than 80 columns"
    ! sources \( -name '*.t' -o -name '*.pm' -o -name autoflow \) \
        -exec grep -nP '^.{101}' {} + ||
        fail "these lines are longer than 100 columns"
}

check() {
    need_packages "${test_packages[@]}"
    check_format
    "$root/t/lib/includes" "$root/src" ||
        fail "src/ may not include that"
    check_scripts
    check_schema
    (CC=gcc build_module)
    (CC=clang build_module)
    say "All is well."
}

check_scripts() {
    local file
    bash -n "$root/build.sh"
    bash -n "$root/.ci/run"
    bash -n "$root/t/image/run"
    sh -n "$root/containers/administrator"
    for file in autoflow doctor keys node setup; do
        bash -n "$root/tools/$file"
    done
    for file in "$root"/t/lib/Test/*.pm "$root"/t/lib/Test/*/*.pm \
        "$root"/t/lib/Test/*/*/*.pm "$root"/t/*.t "$root"/t/upgrade/*.t \
        "$root/sql/embed" "$root/import/autoflow" "$root/bench/run" \
        "$root"/bench/*/*.pm "$root"/bench/*/*/*.pm; do
        ! perl -I"$root/t/lib" -I"$root/bench/lib" -wc "$file" 2>&1 | grep -v 'syntax OK' ||
            fail "$file has errors"
    done
}

# every change of a plan has its three files, and there are no others
check_schema() {
    local plan kind
    for plan in sql sql/partitions; do
        cd "$root/$plan"
        for kind in deploy revert verify; do
            diff <(sed -n 's/^\([^%# ]\+\).*/\1/p' sqitch.plan | sort) \
                <(find $kind -name '*.sql' -printf '%P\n' | sed 's/\.sql$//' |
                    sort) || fail "$plan/$kind and sqitch.plan differ"
        done
    done
}

clean() {
    local place
    if [ $# = 0 ]; then
        rm -rf "$build"
        return
    fi
    [ "$*" = --all ] || fail "usage: ./build.sh clean [--all]"

    if [ -e "$state/lock" ] && ! flock -n "$state/lock" true; then
        fail "it is running on $state: stop that first"
    fi
    rm -rf "$build"
    place=$(readlink "$state/temp" || true)
    rm -rf "$state"
    # created only by find_place
    case $place in
        */autoflow.??????/temp) rm -rf "${place%/temp}" ;;
    esac
    at_boot_again nginx caddy haproxy pgbouncer php8.2-fpm prometheus etcd patroni
    say "Removed $state and its database."
}

case ${1-} in
    run) run ;;
    build)
        need_packages "${build_packages[@]}"
        build_module
        say "Built ${out#"$root"/}/$module." ;;
    test) shift; run_tests "$@" ;;
    fuzz) shift; fuzz "$@" ;;
    bench) shift; bench "$@" ;;
    soak) shift; soak "$@" ;;
    test-upgrade) shift; test_upgrade "$@" ;;
    test-image) test_image ;;
    coverage) shift; coverage "$@" ;;
    mutate) shift; mutate "$@" ;;
    install) install_module ;;
    blocklist) shift; make_blocklist "$@" ;;
    packages) shift; packages "$@" ;;
    psql) shift; open_psql "$@" ;;
    import | export) move_accounts "$@" ;;
    grant-superuser) on_running "$@" ;;
    format) format ;;
    check) check ;;
    clean) shift; clean "$@" ;;
    template) template ;;
    -h | --help | help) usage ;;
    *) usage >&2; exit 2 ;;
esac
