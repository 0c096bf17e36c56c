//go:build !race

package main

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"pbxjail/cmd/internal/lab/madelog"
)

// The guard against slow creep: what a line of a log costs, in allocations and in work. None of
// it is a time. Work is counted in instructions where `perf stat` can count them. Elsewhere it
// is processor time, as a ratio to a yardstick that runs beside it: a hash over the bytes of
// the same log. The bounds are wide, and a step over one of them is a real change: lower them
// when the code becomes faster.
var creep = []struct {
	verb, kind  string
	allocations float64 // of a line, at most
	work        float64 // of a line, in yardsticks of its bytes, at most
}{
	{"replay", "full", 0.9, 2.6},
	{"replay", "security", 3.2, 3.6},
	{"parse", "full", 0.01, 1.3},
	{"parse", "security", 0.01, 1.3},
}

const (
	creepFew, creepMany = 5_000, 55_000 // lines: the difference leaves the start out
	creepRounds         = 4
)

func TestCreep(t *testing.T) {
	if of := os.Getenv(creepChild); of != "" {
		t.Skip("this is its child")
	}
	for _, c := range creep {
		t.Run(c.verb+" "+c.kind, func(t *testing.T) {
			few, many := creepLogs(t, c.kind)
			if got := (mallocs(t, c.verb, many) - mallocs(t, c.verb, few)) / (creepMany - creepFew); got > c.allocations {
				t.Errorf("a line takes %.3f allocations, more than %g", got, c.allocations)
			} else {
				t.Logf("a line takes %.3f allocations", got)
			}
			count, unit, most := processorTime, "processor time", c.work
			if instructions(t, "yardstick", few) > 0 {
				// The yardstick waits for each of its multiplications: its instructions take longer.
				count, unit, most = instructions, "instructions", 2*c.work
			}
			got := creepWork(t, count, c.verb, few, many)
			if got > most {
				t.Errorf("a line takes the work of %.2f yardsticks (%s), more than %g", got, unit, most)
			} else {
				t.Logf("a line takes the work of %.2f yardsticks (%s)", got, unit)
			}
		})
	}
}

// creepLogs are two logs of a kind, a short and a long one.
func creepLogs(t *testing.T, kind string) (few, many string) {
	t.Helper()
	dir := t.TempDir()
	for _, c := range []struct {
		name  *string
		lines int
	}{{&few, creepFew}, {&many, creepMany}} {
		*c.name = filepath.Join(dir, fmt.Sprint(c.lines), kind)
		if err := os.Mkdir(filepath.Dir(*c.name), 0o755); err != nil {
			t.Fatal(err)
		}
		if _, err := madelog.WriteFile(*c.name, kind, c.lines); err != nil {
			t.Fatal(err)
		}
	}
	return few, many
}

// tool runs a verb over a log in this process.
func tool(t *testing.T, verb, log string) {
	args := []string{verb, log}
	if verb == "replay" {
		args = append(args, "--bans")
	}
	if status := run(args, strings.NewReader(""), io.Discard, io.Discard); status != exitDone {
		t.Fatalf("jailctl %v: status %d", args, status)
	}
}

// yardstick is work that no change of ours makes more or less.
func yardstick(log string) {
	text, _ := os.ReadFile(log)
	h := fnv.New64a()
	for range 4 {
		h.Write(text)
	}
}

func mallocs(t *testing.T, verb, log string) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tool(t, verb, log)
	runtime.ReadMemStats(&after)
	return float64(after.Mallocs - before.Mallocs)
}

// creepWork is the work of a verb in yardsticks.
func creepWork(t *testing.T, count func(*testing.T, string, string) float64, verb, few, many string) float64 {
	t.Helper()
	var all [4][]float64
	for range creepRounds { // by turns: the machine is as busy for all
		for i, what := range []string{verb, "yardstick"} {
			all[2*i] = append(all[2*i], count(t, what, few))
			all[2*i+1] = append(all[2*i+1], count(t, what, many))
		}
	}
	work := slices.Min(all[1]) - slices.Min(all[0])
	return work / (slices.Min(all[3]) - slices.Min(all[2]))
}

func creepRun(t *testing.T, what, log string) {
	if what == "yardstick" {
		yardstick(log)
	} else {
		tool(t, what, log)
	}
}

// processorTime is nanoseconds of this process.
func processorTime(t *testing.T, what, log string) float64 {
	used := func() time.Duration {
		var u unix.Rusage
		unix.Getrusage(unix.RUSAGE_SELF, &u)
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	runtime.GC()
	before := used()
	creepRun(t, what, log)
	return float64(used() - before)
}

// creepChild asks a test binary to do one thing, so that it can be counted from outside.
const creepChild = "PBXJAIL_CREEP"

// TestCreepChild is what `perf stat` counts.
func TestCreepChild(t *testing.T) {
	what, log, ok := strings.Cut(os.Getenv(creepChild), " ")
	if !ok {
		t.Skip("TestCreep starts it")
	}
	creepRun(t, what, log)
}

// instructions are those of user space, of a process of its own; 0 where they cannot be counted.
func instructions(t *testing.T, what, log string) float64 {
	t.Helper()
	cmd := exec.Command("perf", "stat", "-x", ",", "-e", "instructions:u", os.Args[0], "-test.run", "^TestCreepChild$")
	cmd.Env = append(os.Environ(), creepChild+"="+what+" "+log)
	var said bytes.Buffer
	cmd.Stderr = &said
	if cmd.Run() != nil {
		return 0
	}
	n, _, _ := strings.Cut(said.String(), ",")
	count, err := strconv.ParseFloat(strings.TrimSpace(n), 64)
	if err != nil {
		return 0
	}
	return count
}
