package main

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"pbxjail/configs"
)

func TestSetupSwitchesOnJails(t *testing.T) {
	for _, c := range []struct {
		name string
		file string // sshd.yaml in the folder; "": there is none
		log  bool   // whether the log is there
		want bool   // whether setup has a step for it
	}{
		{"its log is there", "", true, true},
		{"no log", "", false, false},
		{"the admin has a file", "enabled: false\n", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			jails, file := filepath.Join(dir, "jails"), filepath.Join(dir, "pbxjail.yaml")
			write(t, file, "jails: "+jails+"\nlogs: [/var/log/asterisk/full]\n")
			main, err := configs.LoadMain(file, true)
			if err != nil {
				t.Fatal(err)
			}
			if c.file != "" {
				if err := os.Mkdir(jails, 0o755); err != nil {
					t.Fatal(err)
				}
				write(t, filepath.Join(jails, "sshd.yaml"), c.file)
			}
			p := &setupPlan{main: main}
			p.Found.SSH = []uint16{22, 2222}
			p.jailSteps(func(list []*configs.Jail) []string {
				if c.log && slices.Contains(list[0].Logs, "/var/log/auth.log") {
					return []string{"/var/log/auth.log"}
				}
				return nil
			})
			if (len(p.Steps) == 1) != c.want {
				t.Fatalf("got steps %v, want one: %v", p.Steps, c.want)
			}
			if !c.want {
				return
			}
			if err := p.Steps[0].do(t.Context()); err != nil {
				t.Fatal(err)
			}
			list, bad := main.LoadJails()
			for _, j := range list {
				if j.Name == "sshd" && slices.Contains(j.Logs, "/var/log/auth.log") && j.Closes() == "22/tcp+2222/tcp" {
					return
				}
			}
			t.Errorf("sshd does not follow its log; problems: %v", bad)
		})
	}
}
