package daemon

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// threadFinder knows the threads of Asterisk from /proc: a record of one of them began
// where a record begins (parsers.Threads). Where there is no Asterisk on this machine,
// or its threads cannot be listed, logs alone show which threads there are. Not safe
// for concurrent use.
type threadFinder struct {
	seen map[string]bool // folders of threads that are known
}

// mostThreads bounds the threads that are remembered; a busy Asterisk has some hundreds.
const mostThreads = 4096

func newThreadFinder() *threadFinder {
	return &threadFinder{seen: map[string]bool{}}
}

// look calls learn for each thread of these processes that is new.
func (f *threadFinder) look(processes []string, learn func(lwp uint32)) {
	if len(f.seen) > mostThreads {
		clear(f.seen)
	}
	for _, folder := range processes {
		tasks := filepath.Join(folder, "task")
		list, err := os.ReadDir(tasks)
		if err != nil {
			continue
		}
		for _, t := range list {
			folder := filepath.Join(tasks, t.Name())
			if f.seen[folder] || len(f.seen) > mostThreads {
				continue
			}
			if lwp := innermost(filepath.Join(folder, "status"), t.Name()); lwp > 0 {
				f.seen[folder] = true
				learn(lwp)
			}
		}
	}
}

// innermost is the number that a thread has in its own namespace, which is what it
// writes into the log: the last of NSpid (proc_pid_status(5)). Where that is not there
// it is the number that we see.
func innermost(status, tid string) uint32 {
	text, err := os.ReadFile(status)
	if err != nil {
		return 0
	}
	number := tid
	if _, rest, ok := bytes.Cut(text, []byte("\nNSpid:")); ok {
		line, _, _ := bytes.Cut(rest, []byte("\n"))
		if fields := bytes.Fields(line); len(fields) > 0 {
			number = string(fields[len(fields)-1])
		}
	}
	n, err := strconv.ParseUint(number, 10, 31)
	if err != nil {
		return 0
	}
	return uint32(n)
}
