package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// memoryShare is how much of the cgroup's limit the Go heap may take, in percent: the
// ledger's cache and the sockets need the rest.
const memoryShare = 80

// memoryLimit is the limit for the garbage collector, in bytes, that follows from the
// cgroup of this process and those above it: memory.max, or memory.limit_in_bytes of older
// systems (linux: Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst). 0: there
// is none. own is the text of /proc/self/cgroup, and root where cgroups are mounted.
func memoryLimit(own, root string) int64 {
	least := int64(noLimit)
	for line := range strings.Lines(own) { // number:controllers:path
		number, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, path, ok := strings.Cut(rest, ":")
		switch {
		case !ok:
		case number == "0" && controllers == "":
			least = min(least, leastIn(root, path, "memory.max"))
		case slices.Contains(strings.Split(controllers, ","), "memory"):
			least = min(least, leastIn(filepath.Join(root, "memory"), path, "memory.limit_in_bytes"))
		}
	}
	if least == noLimit {
		return 0
	}
	return least / 100 * memoryShare
}

// What a run takes without addresses, and what each address takes at most, in bytes of
// the limit: 60,000 addresses in one jail take 28 MB above a run without any.
const (
	restOfRun  = 20 << 20
	perAddress = 512
	fewest     = 1000 // what max_addresses may be at least
)

// addressesIn is how many addresses can be remembered within a limit of memory.
func addressesIn(limit int64) int {
	return int(max(fewest, (limit-restOfRun)/perAddress))
}

// noLimit is more than any machine has. Older systems write 2^63 less a page for it.
const noLimit = 1 << 60

// leastIn is the least limit of a cgroup and of those above it.
func leastIn(root, path, file string) int64 {
	least := int64(noLimit)
	for dir := filepath.Join("/", path); ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(root, dir, file))
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil && n > 0 {
			least = min(least, n)
		}
		if dir == "/" {
			return least
		}
	}
}
