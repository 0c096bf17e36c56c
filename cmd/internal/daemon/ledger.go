package daemon

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"pbxjail/cmd/internal/control"
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
	d.reportDamage(path, notes)
	return nil
}

// checkLedger looks for damage in the whole ledger, which takes longer than a start may.
// Call it before the bans are read, and before anything is written: what was written to a
// damaged ledger is lost.
func (d *Daemon) checkLedger() error {
	notes, err := d.store.Check(time.Now())
	if err == nil {
		d.reportDamage(d.upkeep.settings().Database, notes)
	}
	return err
}

// reportDamage reports that a damaged ledger was replaced.
func (d *Daemon) reportDamage(path string, notes store.Notes) {
	if notes.Aside == "" {
		return
	}
	todo := damagedHint(path, notes.Aside)
	d.troubles.note(control.AboutDatabase, damagedLedger+". The damaged file is now "+notes.Aside, todo)
	d.log.Error(damagedLedger, "damaged_file", notes.Aside, "err", notes.Cause, "hint", todo)
}

const damagedLedger = "the database was damaged, so pbxjail started an empty one. Bans in the firewall are kept. Strikes, history, home accounts and the addresses of jailctl allow are lost"

// damagedHint is what to do after a damaged ledger was replaced.
func damagedHint(ledger, damaged string) string {
	return "check the disk: dmesg. Without a backup: repeat your jailctl allow commands, then: rm " + damaged +
		". With a backup: systemctl stop pbxjail; cp BACKUP " + ledger + "; systemctl start pbxjail. This message ends with the next start"
}

// backAgain says what a restart with a database that can be written brings back.
const backAgain = "Then pbxjail uses the old database again, with all that was in it. Strikes and history since this start are lost. Bans that are in the firewall stay until this machine boots"

// openSpare opens a copy of the ledger beside the socket, or an empty ledger in memory.
func (d *Daemon) openSpare(path string, cause error) error {
	spare, where, whole, err := store.OpenSpare(path, filepath.Dir(d.upkeep.settings().Socket), d.since)
	if err != nil {
		return errors.Join(cause, err)
	}
	d.store = spare
	what := fmt.Sprintf("the database cannot be written, so pbxjail uses a copy of it in %s: %v", where, cause)
	if whole != nil {
		what = fmt.Sprintf("the database cannot be written, so pbxjail uses a new database in %s: %v. Strikes, history and known log-ins may be missing in the new database: %v", where, cause, whole)
	}
	todo := hint.Of(cause) + ". After that: systemctl restart pbxjail. " + backAgain
	d.troubles.note(control.AboutDatabase, what, todo)
	d.log.Error(what, "hint", todo)
	return nil
}
