package main

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// memoryShare is the part of the cgroup's limit for the Go heap, in percent. The ledger's
// cache, the rings for packets and the sockets need the rest: outside it at least, where the
// limit is small. Measured: 10 MB in a flood, and as much that the collector is late.
const (
	memoryShare = 80
	outside     = 18 << 20
)

// memoryLimit is the limit for the garbage collector, in bytes. It comes from the cgroup of
// this process and those above it: memory.max, or memory.limit_in_bytes of older
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
	return max(min(least/100*memoryShare, least-outside), least/2)
}

// Memory of a daemon without addresses, and the most that each address adds, in bytes of
// the limit, its ban included. Measured: 470 an address, and 480 its ban.
const (
	restOfRun  = 14 << 20
	perAddress = 1024
	fewest     = 1000 // the least value of max_addresses
)

// addressesIn is how many addresses fit into a memory limit.
func addressesIn(limit int64) int {
	return int(max(fewest, (limit-restOfRun)/perAddress))
}

// noLimit is more memory than any machine has. Older systems write 2^63 minus one page.
const noLimit = 1 << 60

// leastIn is the lowest limit of a cgroup and of those above it.
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
