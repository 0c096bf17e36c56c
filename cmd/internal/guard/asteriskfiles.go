package guard

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"time"

	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
)

// asteriskFiles is what Asterisk's own files said when they were last read. The zero
// value has read nothing. The caller holds a lock.
type asteriskFiles struct {
	dir   string
	seen  uint64 // fingerprint of dir
	at    time.Time
	found []asterisk.Trust
}

// ReadAgain is how long a change may stay unseen in files that dir includes from
// elsewhere.
const ReadAgain = 10 * time.Minute

// trusts reads the files when they changed: those of a large FreePBX are many megabytes.
func (f *asteriskFiles) trusts(dir string, log *slog.Logger) []asterisk.Trust {
	now, seen := time.Now(), Fingerprint(dir)
	if f.dir == dir && f.seen == seen && now.Sub(f.at) < ReadAgain {
		return f.found
	}
	found, problems := asterisk.Read(dir)
	for _, p := range problems {
		log.Debug("pbxjail does not use a line of the configuration of Asterisk", "err", p, "hint", hint.Of(p))
	}
	*f = asteriskFiles{dir: dir, seen: seen, at: now, found: found}
	return found
}

// Fingerprint changes when a file of the folder does. Events of the kernel could
// be lost, a look cannot.
func Fingerprint(dir string) uint64 {
	h := fnv.New64a()
	entries, err := os.ReadDir(dir)
	if err != nil {
		fmt.Fprint(h, err)
	}
	for _, e := range entries {
		if info, err := os.Stat(dir + "/" + e.Name()); err == nil {
			fmt.Fprintln(h, e.Name(), info.Size(), info.ModTime().UnixNano(), info.Mode())
		}
	}
	return h.Sum64()
}
