#!/usr/bin/env bash
# What idle agents cost: brings up a rehearsal, lets it settle, and prints for each agent its resident
# memory and the share of one core that it took. The bars: below 20 MiB and below 0.5 % for a release
# build. A debug build, whose outer layers are not optimized, takes 0.4 % as a follower and up to 0.8 %
# as the leader of six on a machine with two busy cores, so its bar is 1.5 %; the memory's is the same.
#
#   Tests/Benchmarks/idle.sh [SECONDS] [PROFILE]     30 seconds and the default profile
#
# It takes the program that GLM_AGENT names; without it the release build where there is one (swift
# build -c release), otherwise the debug build, and says which. Exit code 1 where a bar is broken.
# shellcheck disable=SC2317  # what a trap runs
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-30}
profile=${2:-}
memory_bar_kib=$((20 * 1024))
processor_bar=0.5

program=${GLM_AGENT:-.build/release/glm-agent}
[ -x "$program" ] || program=.build/debug/glm-agent
[ -x "$program" ] || { echo "nothing is built; run: swift build -c release" >&2; exit 2; }
case $program in */debug/*) processor_bar=1.5 ;; esac

directory=$(mktemp -d /tmp/glm-idle-XXXXXX)
"$program" rehearse ${profile:+"$profile"} --dir "$directory" >"$directory/rehearse.log" 2>&1 &
rehearsal=$!
finish() {
    kill "$rehearsal" 2>/dev/null || true
    wait "$rehearsal" 2>/dev/null || true
    rm -rf "$directory"
}
trap finish EXIT

ready=no
for _ in $(seq 300); do
    kill -0 "$rehearsal" 2>/dev/null || break
    if "$program" status --socket "$directory/node-1/agent.sock" >/dev/null 2>&1; then
        ready=yes
        break
    fi
    sleep 0.2
done
[ "$ready" = yes ] || { cat "$directory/rehearse.log" >&2; exit 1; }
# An agent gives back what it needed to start five seconds later.
sleep 6

# The agents are the rehearsal's children that run an agent.yaml; user and system ticks are fields 14
# and 15 of stat.
agents=$(ps --ppid "$rehearsal" -o pid=,args= | awk '/ run --config / { print $1 }')
ticks() { awk '{ sub(/.*\) /, ""); print $12 + $13 }' "/proc/$1/stat"; }
declare -A before
for agent in $agents; do before[$agent]=$(ticks "$agent"); done
sleep "$seconds"

echo "$program, $seconds s of an idle cluster; bars: $memory_bar_kib KiB and $processor_bar %"
printf '%-8s %10s %14s %9s\n' AGENT "RSS (KiB)" "PRIVATE (KiB)" "CPU (%)"
broken=0
[ -n "$agents" ] || { echo "no agent runs" >&2; broken=1; }
for agent in $agents; do
    used=$(($(ticks "$agent") - before[$agent]))
    node=$(basename "$(dirname "$(tr '\0' '\n' <"/proc/$agent/cmdline" | tail -1)")")
    rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$agent/status")
    private=$(awk '/^RssAnon/ { print $2 }' "/proc/$agent/status")
    share=$(awk -v t="$used" -v s="$seconds" -v hz="$(getconf CLK_TCK)" \
        'BEGIN { printf "%.2f", 100 * t / hz / s }')
    printf '%-8s %10s %14s %9s\n' "$node" "$rss" "$private" "$share"
    [ "$rss" -lt "$memory_bar_kib" ] || broken=1
    awk -v a="$share" -v b="$processor_bar" 'BEGIN { exit !(a < b) }' || broken=1
done
exit $broken
