package hint

import (
	"strings"
	"testing"
)

func TestReadable(t *testing.T) {
	for path, want := range map[string][2]string{
		"/var/lib/asterisk/astdb.sqlite3": {":x /var/lib/asterisk; ", ":r /var/lib/asterisk/astdb.sqlite3"},
		"/tmp/it's here/a b":              {`:x '/tmp/it'\''s here'; `, `:r '/tmp/it'\''s here/a b'`},
	} {
		if got := Readable(path); !strings.Contains(got, want[0]) || !strings.Contains(got, want[1]+" (") {
			t.Errorf("%s: got %q, want %q", path, got, want)
		}
	}
	if got := ReadableLogs("/var/log/asterisk/full"); !strings.Contains(got, ":rX /var/log/asterisk (") {
		t.Errorf("got %q", got)
	}
}
