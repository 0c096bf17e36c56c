package actions

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pbxjail/actions/kerneltest"
)

// noted has each iptables program of the PATH write its name into a file, and returns what is in it.
func noted(t *testing.T, variant string) (started func() []string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "started")
	for _, name := range []string{"iptables", "ip6tables", "iptables-restore", "ip6tables-restore"} {
		path := filepath.Join(os.Getenv("PATH"), name) // see kerneltest.WithTools
		real, err := os.Readlink(path)
		script := "#!/bin/sh\necho " + name + " >> " + file + "\nexec " + real + " \"$@\"\n"
		note := filepath.Join(dir, variant+"-"+name) // pbxjail goes by the name that a link leads to
		if err := errors.Join(err, os.Remove(path), os.WriteFile(note, []byte(script), 0o755), os.Symlink(note, path)); err != nil {
			t.Fatal(err)
		}
	}
	return func() []string {
		text, _ := os.ReadFile(file) // none was started
		return strings.Fields(string(text))
	}
}

// TestStartPrograms: a start waits for each program, one after the other. In an empty kernel
// one for each family makes chain, rules and jump, and the next Setup finds nothing to do.
func TestStartPrograms(t *testing.T) {
	for _, variant := range []string{"nft", "legacy"} {
		t.Run(variant, func(t *testing.T) {
			kerneltest.InNamespace(t)
			kerneltest.WithTools(t, variant)
			started := noted(t, variant)
			options := Options{Groups: []Port{{Service: "sip", Proto: "udp", From: 5060, To: 5060}, {Service: "ami", Proto: "tcp", From: 5038, To: 5038}}}
			s := NewSwitch(options, func() (Enforcer, []string, error) { return Open("ipset", options) })
			defer s.Close()
			_, degraded, err := s.On()
			if err != nil || len(degraded) > 0 {
				t.Fatalf("got %q, error %v", degraded, err)
			}
			rules, err := NewPacketRules(Options{})
			if err == nil {
				_, err = rules.Set(nil)
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"iptables-restore", "ip6tables-restore"}
			if variant == "legacy" { // -restore of old versions has no option to wait for the lock
				want = []string{"iptables", "iptables-restore", "ip6tables", "ip6tables-restore"}
			}
			if got := started(); !slices.Equal(got, want) {
				t.Errorf("got programs %q, want %q", got, want)
			}
			if made, _, err := s.Setup(); len(made) > 0 || err != nil {
				t.Errorf("the next Setup made %q, error %v", made, err)
			}
		})
	}
}
