package daemon

import (
	"errors"
	"fmt"
	"path/filepath"

	"pbxjail/configs/hint"
	"pbxjail/jails/store"
)

// damagedHint is what to do after a damaged ledger was replaced.
const damagedHint = "check the disk; then remove the old file, or restore the ledger from a backup"

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
		d.troubles.note("the ledger was damaged, so pbxjail began a new one: all bans in the firewall are kept, strikes and history are lost; the damaged file is "+notes.Aside,
			damagedHint)
		d.log.Error("the ledger was damaged, so pbxjail began a new one: all bans in the firewall are kept, strikes and history are lost", "old_file", notes.Aside, "err", notes.Cause, "hint", damagedHint)
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
	what := fmt.Sprintf("the ledger cannot be written, so pbxjail uses a copy of it in %s: new bans are lost at the next boot: %v", where, cause)
	if whole != nil {
		what = fmt.Sprintf("the ledger cannot be written, and not all of it could be read, so pbxjail uses a new ledger in %s: strikes, history and known log-ins may be missing: %v; %v", where, cause, whole)
	}
	d.troubles.note(what, hint.Of(cause)+"; then restart pbxjail")
	d.log.Error(what, "hint", hint.Of(cause))
	return nil
}
