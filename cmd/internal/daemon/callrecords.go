package daemon

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/configs/hint"
	"pbxjail/jails/calls"
	"pbxjail/parsers/cdr"
	"pbxjail/watcher"
)

// feed is one file of call records.
type feed struct {
	reader  *cdr.Reader
	fields  []string // by which reader was made
	last    time.Time
	problem error // why it cannot be read; nil
}

// usualRecords are where cdr_csv and cdr_custom write, below the log folder of Asterisk.
var usualRecords = []string{"cdr-csv/Master.csv", "cdr-custom/Master.csv"}

// files are the call records that are followed. mu is held.
func (w *callWatch) files(main *configs.Main) []string {
	if !main.Calls.Enabled {
		return nil
	}
	if len(main.Calls.CDR) > 0 {
		return main.Calls.CDR
	}
	l, _ := asterisk.Logs(main.Asterisk, "")
	dirs := []string{l.Dir}
	if l.Dir == "" {
		dirs = []string{asterisk.DefaultLogDir}
	}
	var list []string
	for _, dir := range dirs {
		for _, name := range usualRecords {
			list = append(list, filepath.Join(dir, name))
		}
	}
	return list
}

func (w *callWatch) openRecords(resume func(string) (watcher.Position, bool)) {
	w.records = watcher.New(watcher.Options{
		Resume: resume,
		Missed: func(file string, files int) {
			w.log.Error("call records are lost: the file was rotated more than once before pbxjail could read it", "file", file, "files_not_read", files, "hint", missedHint)
		},
		Notify: func(file string, problem error) {
			w.mu.Lock()
			w.feed(file).problem = problem
			w.mu.Unlock()
			if problem != nil && !errors.Is(problem, fs.ErrNotExist) {
				w.log.Error("call records cannot be read", "file", file, "err", problem, "hint", hint.Of(problem))
			}
		},
	})
}

// feed is what is known of a file. mu is held.
func (w *callWatch) feed(file string) *feed {
	f := w.sources[file]
	if f == nil {
		f = &feed{}
		w.sources[file] = f
	}
	var fields []string
	if w.set != nil {
		fields = w.set.CDRFields
	}
	if f.reader == nil || !slices.Equal(f.fields, fields) {
		f.reader, f.fields = cdr.New(fields, w.zone), fields
	}
	return f
}

// deliver takes a block of call records. Calls that AMI reports are not counted again.
func (w *callWatch) deliver(b watcher.Block) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.engine == nil {
		return nil
	}
	f := w.feed(b.File)
	if len(b.Data) > 0 {
		f.last = b.Arrived
	}
	f.reader.Lines(b.Data, b.Cut, func(c cdr.Call) {
		if number, ok := w.leaves(&c); ok {
			call := calls.Call{Channel: c.Channel, Account: c.Account, Group: c.Group, Number: number, Began: c.Began, Ended: c.Ended, Talk: c.Talk}
			call.Unproven = isChanSIP(c.Channel) && !w.routes.guests.none
			w.found(w.engine.Past(call, b.Arrived), b.Arrived)
		}
	})
	w.passed(b.File, b.Next)
	return nil
}

// leaves reports whether the call of a record left the PBX, and to which number. Records
// without the fields that tell this are taken at their word. mu is held.
func (w *callWatch) leaves(c *cdr.Call) (number string, ok bool) {
	if !c.Rings {
		return c.Number, true
	}
	if number, ok = calls.Outgoing(c.Number, c.Dial, c.Dest, w.routes.isPhone); ok {
		w.routes.learn(c.Dial, c.Dest)
		return number, true
	}
	// The last application of a call that failed is often not Dial.
	return c.Number, c.Dial == "" && w.routes.trunks.Has(c.Dest)
}

// blind says why no call is seen; "": some source is there. mu is held.
func (w *callWatch) blind() (what, do string) {
	if w.orders.live() {
		return "", ""
	}
	there := false
	for _, s := range w.records.Files() {
		f := w.feed(s.File)
		good, bad := f.reader.Counts()
		switch {
		case errors.Is(f.problem, fs.ErrNotExist):
		case f.problem != nil:
			return "call records " + s.File + " cannot be read: " + f.problem.Error(), hint.Of(f.problem)
		case bad > 10 && good == 0:
			return "no record of " + s.File + " is understood", "compare its fields with cdr_fields below calls in the main file; jailctl help calls"
		default:
			there = true
		}
	}
	if there || len(w.records.Files()) == 0 { // it was not looked for yet
		return "", ""
	}
	return "calls is on, but no call is seen: there are no call records (cdr_csv), and no connection to AMI whose user has write = system", "connect pbxjail to AMI with write = system (jailctl help ami), or let Asterisk write call records: load cdr_csv.so, and write [csv] into cdr.conf; jailctl help calls"
}
