package xtables

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/coreos/go-iptables/iptables"

	"pbxjail/actions/kernel"
	"pbxjail/configs/hint"
)

// TestBroken: a program that does not start has to be installed again. One that starts and
// fails is not damaged.
func TestBroken(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		hint string
	}{
		"of another processor": {"\x7fELF no program", 0o755, kernel.ReinstallHint},
		"not executable":       {"#!/bin/sh\nexit 0\n", 0o644, kernel.ReinstallHint},
		"no interpreter":       {"#!/nowhere/sh\n", 0o755, kernel.ReinstallHint},
		"no nftables":          {"#!/bin/sh\nexit 3\n", 0o755, ""},
	} {
		path := filepath.Join(t.TempDir(), "iptables")
		if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := (&program{proto: iptables.ProtocolIPv4, path: path}).open()
		if err == nil || hint.Of(err) != c.hint {
			t.Errorf("%s: got %v with hint %q, want hint %q", name, err, hint.Of(err), c.hint)
		}
	}
	_, err := (&program{proto: iptables.ProtocolIPv4, path: filepath.Join(t.TempDir(), "none")}).open()
	if hint.Of(err) != kernel.ReinstallHint {
		t.Errorf("a file that is missing: got %v with hint %q", err, hint.Of(err))
	}
}
