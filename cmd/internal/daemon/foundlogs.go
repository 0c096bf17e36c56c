package daemon

import (
	"cmp"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"pbxjail/cmd/internal/guard"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/logs"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
)

// foundLogs are the logs that Asterisk's own files name. All methods may be called from
// any goroutine.
type foundLogs struct {
	log *slog.Logger

	mu      sync.Mutex // guards all below
	found   logs.Found
	known   bool      // it was read
	seen    string    // fingerprints of the folders
	at      time.Time // when the files were read
	read    []string  // the folders of the last look
	running []string  // folders of Asterisks that run here
	ranAt   time.Time // when those were looked for
}

// lookForRunning is how often a program is looked for that runs with a folder of its own.
const lookForRunning = time.Minute

// look reads the files when they changed, and reports whether other logs follow from them.
func (f *foundLogs) look(main *configs.Main, now time.Time) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	folders := f.folders(main, now)
	hostname, _ := os.Hostname()
	seen := hostname
	for _, folder := range folders {
		seen += fmt.Sprintf(" %q %x", folder, guard.Fingerprint(folder))
	}
	if f.known && seen == f.seen && now.Sub(f.at) < guard.ReadAgain {
		return false
	}
	fresh := logs.Find(folders, hostname)
	changed = !f.known || !fresh.Same(f.found)
	f.found, f.known, f.seen, f.at, f.read = fresh, true, seen, now, folders
	if changed {
		f.log.Info("logs named by the configuration of Asterisk", "found", fresh.Text())
		for _, p := range fresh.Problems {
			f.log.Warn("pbxjail does not use a line of the configuration of Asterisk", "err", p, "hint", todo(p, "if pbxjail must read another log, write its path into the main file: logs: [PATH]; then: jailctl reload"))
		}
	}
	return changed
}

// folders are where Asterisk's configuration is. Where the main file names a folder of
// its own, that is the only one.
func (f *foundLogs) folders(main *configs.Main, now time.Time) []string {
	folder := cmp.Or(main.Asterisk, asterisk.DefaultDir)
	if folder != asterisk.DefaultDir {
		return []string{folder}
	}
	if f.ranAt.IsZero() || now.Sub(f.ranAt) >= lookForRunning {
		f.ranAt, f.running = now, host.ConfigFolders("/proc", "asterisk")
	}
	return append([]string{folder}, slices.DeleteFunc(slices.Clone(f.running), func(one string) bool { return one == folder })...)
}

// reads are the folders of Asterisk's configuration that the last look read.
func (f *foundLogs) reads() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.read)
}

// current is what was found at the last look.
func (f *foundLogs) current() logs.Found {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.found
}
