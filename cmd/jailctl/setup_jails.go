package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/configs"
)

// switchedOn is what setup writes into the file of a jail.
const switchedOn = "# Written by jailctl setup. The shipped jail of this name has the rest.\nenabled: true\n"

// jailSteps switch on the shipped jails for logs of other programs, where a log is there. A
// jail that has a file is the admin's matter. logsThere returns the logs of jails that exist.
func (p *setupPlan) jailSteps(logsThere func([]*configs.Jail) []string) {
	every, bad := p.main.EveryJail()
	for _, j := range every {
		shipped := configs.ShippedJail(j.Name)
		if shipped == nil || j.File != shipped.File || j.Enabled || !j.ReadsOthers() || bad[j.Name] != nil {
			continue
		}
		there := logsThere([]*configs.Jail{j})
		if len(there) == 0 {
			continue
		}
		text := switchedOn
		if j.Name == "sshd" {
			text += portsOfSSH(p.Found.SSH)
		}
		path := filepath.Join(p.main.Jails, j.Name+".yaml")
		p.Steps = append(p.Steps, setupStep{fmt.Sprintf("switch on the jail %s, because %s: write %s", j.Name, areThere(there), path), func(context.Context) error {
			if err := os.MkdirAll(p.main.Jails, 0o755); err != nil {
				return err
			}
			if err := writeNew(path, text); !errors.Is(err, fs.ErrExist) {
				return err
			}
			return nil // the admin was faster
		}})
	}
}

// areThere says that files are there.
func areThere(files []string) string {
	if len(files) == 1 {
		return files[0] + " is there"
	}
	return strings.Join(files, " and ") + " are there"
}

// portsOfSSH is the line of a jail file for an sshd that listens elsewhere than on port 22.
func portsOfSSH(list []uint16) string {
	if len(list) == 0 || len(list) == 1 && list[0] == 22 {
		return ""
	}
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = fmt.Sprintf("%d/tcp", n)
	}
	return "ports: [" + strings.Join(words, ", ") + "]\n"
}
