package main

import (
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// memoryShare is how much of the cgroup's limit the Go heap may take, in percent: the
// ledger's cache and the sockets need the rest.
const memoryShare = 80

// memoryLimit is the limit for the garbage collector, in bytes, that follows from the
// cgroup of this process and those above it (linux: Documentation/admin-guide/cgroup-v2.rst,
// memory.max). 0: there is none. own is the text of /proc/self/cgroup, and root where
// cgroups are mounted.
func memoryLimit(own, root string) int64 {
	path, unified := "", false
	for line := range strings.Lines(own) {
		if p, ok := strings.CutPrefix(line, "0::"); ok {
			path, unified = strings.TrimSpace(p), true
		}
	}
	if !unified {
		return 0
	}
	least := int64(math.MaxInt64)
	for dir := filepath.Join("/", path); ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(root, dir, "memory.max"))
		if n, bad := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && bad == nil && n > 0 {
			least = min(least, n)
		}
		if dir == "/" {
			break
		}
	}
	if least == math.MaxInt64 {
		return 0
	}
	return least / 100 * memoryShare
}
