package daemon

import (
	"log/slog"
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

// readAgain is how long a change may stay unseen in files that dir includes from
// elsewhere.
const readAgain = 10 * time.Minute

// trusts reads the files when they changed: those of a large FreePBX are many megabytes.
func (f *asteriskFiles) trusts(dir string, log *slog.Logger) []asterisk.Trust {
	now, seen := time.Now(), fingerprint(dir)
	if f.dir == dir && f.seen == seen && now.Sub(f.at) < readAgain {
		return f.found
	}
	found, problems := asterisk.Read(dir)
	for _, p := range problems {
		log.Debug("configuration of Asterisk", "err", p, "hint", hint.Of(p))
	}
	*f = asteriskFiles{dir: dir, seen: seen, at: now, found: found}
	return found
}
