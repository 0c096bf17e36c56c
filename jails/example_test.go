package jails_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"pbxjail/configs"
	"pbxjail/jails"
	"pbxjail/jails/book"
)

// A Replay runs logs through a Judge by the clock of their records. The daemon asks the same
// Judge, by its own clock.
func ExampleReplay() {
	spec, err := jailFile("phones.yaml", `
logs: [/var/log/asterisk/full]
match: [{event: bad-password}]
maxretry: 3
findtime: 10m
bantime: 1h
`)
	if err != nil {
		fmt.Println(err)
		return
	}
	jail, err := jails.Compile(spec)
	if err != nil {
		fmt.Println(err)
		return
	}
	judge := jails.NewJudge([]*jails.Jail{jail}, jails.NewGuard(nil, nil), book.NewBook(nil, nil), 1000, true)
	line := `[2026-01-02 03:04:05] NOTICE[1638] chan_sip.c: Registration from '"301" <sip:301@pbx.example>' failed for '203.0.113.9:5071' - Wrong password` + "\n"

	r := &jails.Replay{Judge: judge}
	err = r.Run([]jails.Log{{Name: "full", Text: strings.NewReader(strings.Repeat(line, 3))}}, func(v jails.Verdict) {
		fmt.Println(v.Ban.Prefix, v.Ban.Until.Sub(v.Ban.Since), v.Ban.Reason)
	})
	if err != nil {
		fmt.Println(err)
	}
	// Output:
	// 203.0.113.9/32 1h0m0s 3 points within 10m, maxretry 3
}

// jailFile reads the text of a jail file.
func jailFile(name, text string) (*configs.Jail, error) {
	dir, err := os.MkdirTemp("", "jails")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return nil, err
	}
	return new(configs.Main).LoadJail(path)
}
