package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"pbxjail/actions"
	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/warden"
	"pbxjail/watcher"
)

func (d *Daemon) openJails() error {
	list := d.loadJails()
	d.openGuard()
	judge := jails.NewJudge(list, d.guard.guard(), jails.NewBook(nil, nil), d.main.MaxAddresses, false)
	judge.ProtectLogins = d.main.ProtectLogins
	d.readLists()
	judge.SetSenses(d.senses())
	d.warden = warden.New(judge, d.enforcer, d.store, d.log)
	d.warden.Repaired = func() { d.stale.Store(true) }
	d.warden.Neighbours = func() []string { return actions.Neighbours(d.main.Chain) }
	d.warden.Degraded = d.degraded
	d.warden.Stubborn = uint64(d.main.Stubborn)
	return nil
}

// loadJails reads the jail files. A file that is refused leaves the jail of its
// name as it was, a folder that cannot be read all of them: which of the shipped
// ones are switched off is not known then. mu is held, or nothing runs yet.
func (d *Daemon) loadJails() []*jails.Jail {
	specs, bad := configs.LoadJails(d.main.Jails)
	if err := bad[""]; err != nil && d.jails != nil {
		d.bad = bad
		d.logProblems("jail files are not read: all jails stay as they were", "", err)
		return d.jailList()
	}
	fresh := map[string]*jails.Jail{}
	for _, spec := range specs {
		j, err := jails.Compile(spec)
		if err != nil {
			bad[spec.Name] = err
			continue
		}
		fresh[spec.Name] = j
		for _, w := range spec.Warnings {
			d.log.Warn(w.Error(), "hint", w.Hint())
		}
	}
	for name, err := range bad {
		kept := "there is no such jail now"
		if old := d.jails[name]; old != nil {
			fresh[name], kept = old, "the jail stays as it was"
		}
		d.logProblems("jail file is refused: "+kept, name, err)
	}
	d.jails, d.bad = fresh, bad
	return d.jailList()
}

// logProblems logs each of the problems of a file with its own hint.
func (d *Daemon) logProblems(what, name string, err error) {
	list, ok := err.(configs.Problems)
	if !ok {
		d.log.Error(what, "jail", name, "err", err, "hint", hintOf(err))
		return
	}
	for _, p := range list {
		d.log.Error(what, "jail", name, "err", p.Error(), "hint", p.Hint())
	}
}

func (d *Daemon) jailList() []*jails.Jail {
	var list []*jails.Jail
	for _, name := range slices.Sorted(maps.Keys(d.jails)) {
		list = append(list, d.jails[name])
	}
	return list
}

// patterns are the logs of all jails.
func (d *Daemon) patterns() []string {
	set := map[string]bool{}
	for _, j := range d.jails {
		for _, l := range j.Logs {
			set[l] = true
		}
	}
	return slices.Sorted(maps.Keys(set))
}

func (d *Daemon) openWatcher() {
	d.reading = newReading(d)
	remembered := map[string]watcher.Position{}
	if list, err := d.store.Positions(); err != nil {
		d.log.Error("positions in the logs are lost: reading goes on at their ends", "err", err, "hint", hintOf(err))
	} else {
		for _, p := range list {
			var at watcher.Position
			if json.Unmarshal(p.Place, &at) == nil {
				remembered[p.File] = at
			}
		}
	}
	d.watcher = watcher.New(watcher.Options{
		Patterns: d.patterns(),
		Resume: func(file string) (watcher.Position, bool) {
			p, ok := remembered[file]
			return p, ok
		},
		Notify: func(file string, problem error) {
			switch {
			case errors.Is(problem, fs.ErrNotExist): // announced at start; it is followed once it is there
				d.log.Debug("log is not there", "file", file)
			case problem != nil:
				d.log.Error("log cannot be read", "file", file, "err", problem, "hint", hintOf(problem))
			default:
				d.log.Info("log can be read again", "file", file)
			}
		},
	})
}

// announce says at start what is followed, which jails there are, and what drops packets.
func (d *Daemon) announce() {
	d.log.Info("pbxjail starts", "enforcer", d.enforcer.Name(), "socket", d.main.Socket)
	for _, j := range d.jailList() {
		d.log.Info("jail", "name", j.Name, "file", j.File, "maxretry", fmt.Sprint(float64(j.Maxretry)/1000),
			"findtime", configs.FormatDuration(j.Findtime), "bantime", configs.FormatDuration(j.Bantime), "observe", j.Observe)
	}
	found, missing, channels := 0, []string{}, map[string]bool{}
	for _, p := range d.patterns() {
		if _, err := os.Stat(p); err == nil {
			found++
			channels[channelOf(p)] = true
			d.log.Info("follows", "file", p)
		} else if !strings.ContainsAny(p, "*?[") {
			missing = append(missing, p)
		}
	}
	if len(missing) > 0 {
		d.log.Info("waits for logs that are not there yet", "files", strings.Join(missing, " "))
	}
	if found == 0 {
		d.log.Warn("no log is there yet: nothing can be seen", "hint", "check /etc/asterisk/logger.conf: security and messages must be written, see the README")
	}
	switch {
	case channels["full"] || !channels["security"] && !channels["messages"]:
	case !channels["security"]:
		d.log.Warn("security events are not read: wrong passwords of calls go unseen, and a forged notice has no witness against it",
			"hint", "write to logger.conf: security => security, then: asterisk -rx 'logger reload'")
	case !channels["messages"]:
		d.log.Warn("notices are not read: an attempt whose security event Asterisk cannot issue goes unseen, and so do IAX2 and unknown extensions",
			"hint", "write to logger.conf: messages => notice,warning,error, then: asterisk -rx 'logger reload'")
	}
	if len(d.jails) == 0 {
		d.log.Warn("there is no jail: nobody is banned", "hint", "see jailctl check")
	}
}

// channelOf guesses from a log's name which of the channels it holds. full may
// hold both; so may FreePBX's fail2ban.
func channelOf(file string) string {
	switch base := filepath.Base(file); {
	case strings.HasPrefix(base, "security"):
		return "security"
	case strings.HasPrefix(base, "messages"):
		return "messages"
	case strings.HasPrefix(base, "full"), base == "fail2ban":
		return "full"
	}
	return ""
}
