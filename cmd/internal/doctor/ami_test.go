package doctor

import (
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/findings"
)

const goodManager = "[general]\nenabled=yes\nbindaddr=127.0.0.1\n[pbxjail]\nsecret=hidden-7Qd\ndeny=0.0.0.0/0\npermit=127.0.0.1\nread=security,system\nwrite=system\n"

// TestManager plants faults in manager.conf. Each is found, with the lines to write, and no
// finding shows a secret.
func TestManager(t *testing.T) {
	for _, c := range []struct {
		fault   string
		conf    string
		problem string
		want    findings.Severity
		says    []string
	}{
		{"none", goodManager, "", findings.OK, []string{"connected for 1h"}},
		{"switched off", strings.Replace(goodManager, "enabled=yes", "enabled=no", 1), "refused", findings.Broken, []string{"manager.conf:2: enabled = no", "enabled = yes"}},
		{"off by default", strings.Replace(goodManager, "enabled=yes\n", "", 1), "refused", findings.Broken, []string{"enabled is missing"}},
		{"no user", "[general]\nenabled=yes\n", "Authentication failed", findings.Broken, []string{"no user pbxjail", "[pbxjail]", "write = system,call", "/etc/pbxjail/ami.secret"}},
		{"wrong secret", goodManager, "Asterisk answers: Authentication failed", findings.Broken, []string{"the secret of user pbxjail", "permit = 127.0.0.1"}},
		{"no right to read", strings.Replace(goodManager, "read=security,system", "read=call", 1), "", findings.Blind, []string{"manager.conf:8: read = call", "read = security,system,call,cdr"}},
		{"no right to write", strings.Replace(goodManager, "write=system\n", "", 1), "", findings.Blind, []string{"has no write", "write = system,call"}},
		{"a filter of its own", goodManager + "eventfilter=Event: .*\n", "", findings.Blind, []string{"eventfilter"}},
		{"no file", "", "refused", findings.Broken, []string{"no manager.conf"}},
	} {
		files := map[string]string{"manager.conf": c.conf}
		if c.conf == "" {
			files = nil
		}
		e := env(t, files)
		since := t0.Add(-time.Hour)
		e.Status.AMI = control.AMI{Enabled: true, Address: "127.0.0.1:5038", User: "pbxjail", Guarded: true, Problem: c.problem}
		if c.problem == "" {
			e.Status.AMI.Since = &since
		}
		e.Main.AMI.SecretFile = "/etc/pbxjail/ami.secret"
		list := findings.Run(e, []findings.Check[*Env]{{Name: "ami", Run: manager}}).Findings
		if len(list) != 1 || list[0].Severity != c.want {
			t.Errorf("%s: got %+v, want one finding: %s", c.fault, list, c.want)
			continue
		}
		f := list[0]
		all := f.What + f.Hint + strings.Join(f.Evidence, "\n")
		for _, says := range c.says {
			if !strings.Contains(all, says) {
				t.Errorf("%s: got %q, want %q in it", c.fault, all, says)
			}
		}
		if strings.Contains(all, "hidden-7Qd") {
			t.Errorf("%s: the secret is shown: %q", c.fault, all)
		}
	}
}
