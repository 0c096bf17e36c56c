package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// Each verb is known to change something or not: --hosts asks before one that does. When you
// add a verb that only reads, add it to readers too.
func TestHostsAskBeforeChanges(t *testing.T) {
	changing := []string{"ack", "allow", "ban", "calls unbar", "disallow", "erase", "geoip update", "import fail2ban", "man", "notify test", "off", "on", "recordings expire", "recordings hold", "recordings released", "reload", "remote", "setup", "tunnel", "unban"}
	var visit func(c *cobra.Command)
	visit = func(c *cobra.Command) {
		path := strings.TrimPrefix(c.CommandPath(), "jailctl ")
		if c.HasParent() && slices.Contains(readers, path) == slices.Contains(changing, path) {
			t.Errorf("jailctl %s must be in readers, or in the list of this test", path)
		}
		if c.HasParent() && changes(strings.Fields(path)) != slices.Contains(changing, path) {
			t.Errorf("jailctl %s: --hosts decides otherwise", path)
		}
		for _, sub := range c.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&app{}))
	if !changes([]string{"--json", "ban", "203.0.113.9"}) || changes([]string{"--utc", "--socket", "/s", "status"}) || changes([]string{"ban", "--help"}) {
		t.Error("options in front of the verb change what is decided")
	}
	if changes([]string{"recordings", "expire", "--dry-run"}) || changes([]string{"--json", "setup", "--dry-run"}) {
		t.Error("a dry run changes nothing")
	}
	if !changes([]string{"recordings", "expire", "--dry-run=false"}) || !changes([]string{"recordings", "expire", "--config", "--dry-run"}) || !changes([]string{"ban", "--dry-run"}) {
		t.Error("taken for a dry run")
	}
}

func TestParseElsewhere(t *testing.T) {
	for line, want := range map[string]string{ // "": it is for this machine
		"status":                            "",
		"why --host":                        "",
		"--json status":                     "",
		"--host pbx1 status":                "pbx1: status",
		"--host=pbx1 --json why x --host y": "pbx1: --json why x --host y",
		"--json --socket --host --host pbx1 list -x": "pbx1: --json --socket --host list -x",
		"--socket=/s --host pbx1 list":               "pbx1: --socket=/s list",
		"--host pbx1 -- --host":                      "pbx1: -- --host",
		"--hosts - --yes --sudo ban x --yes":         "-: ban x --yes",
		"--host -x status":                           "-x: status",
	} {
		e, err := parseElsewhere(strings.Fields(line))
		if err != nil {
			t.Errorf("%s: %v", line, err)
			continue
		}
		got := ""
		if e != nil {
			got = e.host + e.hosts + ": " + strings.Join(e.args, " ")
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
}

// Foreign JSON is not indented: nested arrays would become thousands of times as long.
func TestForeignJSONStaysShort(t *testing.T) {
	nested := json.RawMessage(strings.Repeat("[", 5000) + strings.Repeat("]", 5000))
	for n := range 3 {
		var out strings.Builder
		a := &app{stdout: &out}
		if err := a.emitLines(slices.Repeat([]hostAnswer{{Host: "pbx\u00e9", Answer: nested}}, n)); err != nil {
			t.Fatal(err)
		}
		var back []hostAnswer
		if err := json.Unmarshal([]byte(out.String()), &back); err != nil || len(back) != n || n > 0 && back[0].Host != "pbx\u00e9" {
			t.Errorf("%d answers: got %d, %v", n, len(back), err)
		}
		if most := n * (len(nested) + 1000); out.Len() > most+10 {
			t.Errorf("%d answers became %d bytes, want at most %d", n, out.Len(), most)
		}
	}
}

// A verb gets stdin only if it reads it: a loop over a list of hosts has its list there.
func TestStdinIsLeftAlone(t *testing.T) {
	for line, want := range map[string]bool{"status": false, "parse -": true, "replay full": false, "setup": true, "setup --yes": false, "--json setup": true} {
		if got := readsStdin(strings.Fields(line)); got != want {
			t.Errorf("%s: got %v", line, got)
		}
	}
}
