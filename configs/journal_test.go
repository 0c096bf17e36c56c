package configs

import (
	"slices"
	"strings"
	"testing"
)

// TestJournalLogs: a unit of the journal has one name, and is no option of a program.
func TestJournalLogs(t *testing.T) {
	jail := func(logs string) (*Jail, error) {
		return ParseJail("door.yaml", []byte("logs: ["+logs+"]\nmatch: [{event: bad-password}]\n"))
	}
	j, err := jail("'journal:ssh', 'journal:system-sshd.slice', 'journal:asterisk.service', /var/log/door")
	if want := []string{"journal:ssh.service", "journal:system-sshd.slice", "journal:asterisk.service", "/var/log/door"}; err != nil || !slices.Equal(j.Logs, want) {
		t.Fatalf("got %v, %v, want %q", j, err, want)
	}
	for _, bad := range []string{"'journal:'", "'journal:--root=/x'", "'journal:a b'", "'journal:_COMM=sshd'", "\"journal:a\\nb\"", "'Journal:ssh'"} {
		if _, err := jail(bad); err == nil || !strings.Contains(err.Error(), "logs[0]") {
			t.Errorf("%s: got %v", bad, err)
		}
	}
}
