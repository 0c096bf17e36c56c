package main

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/host"
	"pbxjail/cmd/internal/logs"
	"pbxjail/configs"
	"pbxjail/configs/asterisk"
	"pbxjail/watcher/journal"
)

// jailLog is a log that a jail follows, as jails --logs prints it.
type jailLog struct {
	Jail  string `json:"jail"`
	Log   string `json:"log"`   // a path, a glob, or a unit in the journal
	From  string `json:"from"`  // found: Asterisk's own files name it; otherwise who names it
	There bool   `json:"there"` // it exists, or a file matches the glob; a unit always is
}

// jailLogs are the logs of the jails that are on: those that are named, and those that
// Asterisk's own files name, as the daemon finds them.
func jailLogs(list []*configs.Jail, main *configs.Main) (all []jailLog) {
	folder := cmp.Or(main.Asterisk, asterisk.DefaultDir)
	folders := []string{folder}
	if folder == asterisk.DefaultDir {
		folders = append(folders, host.ConfigFolders("/proc", "asterisk")...)
	}
	hostname, _ := os.Hostname()
	found := logs.Find(folders, hostname)
	for _, j := range list {
		if !j.Enabled {
			continue
		}
		named, from := slices.Clone(j.Logs), "built-in"
		for _, s := range j.Settings() {
			if s.Key == "logs" {
				from = s.From.String()
			}
		}
		found.AddTo(j)
		for _, log := range j.Logs {
			one := jailLog{Jail: j.Name, Log: log, From: from, There: journal.Is(log)}
			if !slices.Contains(named, log) {
				one.From = "found"
			}
			if matches, _ := filepath.Glob(log); len(matches) > 0 {
				one.There = true
			}
			all = append(all, one)
		}
	}
	return all
}

func (a *app) printJailLogs(list []*configs.Jail, main *configs.Main) error {
	all := jailLogs(list, main)
	if a.json {
		return a.emit(slices.Concat([]jailLog{}, all))
	}
	t := a.newTable("JAIL", "LOG", "FROM", "NOW")
	for _, one := range all {
		now := "exists"
		if !one.There {
			now = control.NotThere
		}
		t.row(one.Jail, one.Log, one.From, now)
	}
	return t.end()
}
