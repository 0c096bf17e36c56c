package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"pbxjail/configs/hint"
	"pbxjail/jails/store"
)

// openStore opens the ledger. Where it cannot be written a copy takes its place: a PBX with
// a full disk is attacked all the same.
func (d *Daemon) openStore(path string) (err error) {
	var notes store.Notes
	d.store, notes, err = store.Open(path, d.since)
	if store.Unwritable(err) {
		return d.openSpare(path, err)
	}
	if err != nil {
		return err
	}
	if notes.Aside != "" {
		d.troubles.note("the ledger was damaged, and a new one replaces it: the old file is "+notes.Aside+"; bans were taken from the kernel",
			"strikes and history start from zero; keep the old file if you need them, otherwise remove it")
		d.log.Error("the ledger was damaged: a new one replaces it", "old_file", notes.Aside, "err", notes.Cause)
	}
	return nil
}

// openSpare opens a copy of the ledger beside the socket, or an empty ledger in memory.
func (d *Daemon) openSpare(path string, cause error) error {
	spare, where, whole, err := store.OpenSpare(path, filepath.Dir(d.upkeep.settings().Socket), d.since)
	if err != nil {
		return errors.Join(cause, err)
	}
	d.store = spare
	what := fmt.Sprintf("the ledger cannot be written: a copy in %s is used, and new decisions are lost at the next boot: %v", where, cause)
	if whole != nil {
		what = fmt.Sprintf("the ledger cannot be written, and not all of it was read: strikes, history, and known log-ins may be lost. A new ledger in %s is used: %v; %v", where, cause, whole)
	}
	d.troubles.note(what, hint.Of(cause)+"; then restart pbxjail")
	d.log.Error(what, "hint", hint.Of(cause))
	return nil
}
