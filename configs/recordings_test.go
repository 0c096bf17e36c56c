package configs

import (
	"strings"
	"testing"
	"time"
)

func TestRecordings(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"{}", ""},
		{"{retention: 90d, ground: consent, folders: [/srv/recordings]}", ""},
		{"{retention: forever, voicemail: 30d}", ""},
		{"{retention: 90}", "recordings.retention: 1m30s is shorter than one day"},
		{"{voicemail: 5m}", "recordings.voicemail: 5m is shorter than one day"},
		{"{folders: [/]}", "\"/\" holds more than recordings"},
		{"{folders: [/var/spool/asterisk/]}", "holds more than recordings"},
		{"{folders: [monitor]}", "does not begin with /"},
		{"{state: /var/lib/pbxjail}", "is the folder of other things"},
		{"{state: trail}", "does not begin with /"},
		{"{ground: [a]}", "recordings.ground"},
		{"{days: 90}", "unknown key"},
	} {
		m, err := parseMain("x.yaml", []byte("recordings: "+c.text+"\n"))
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: got %v", c.text, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want %q", c.text, err, c.want)
		case err == nil && m.Recordings.State != "/var/lib/pbxjail-recordings":
			t.Errorf("%s: got state %s", c.text, m.Recordings.State)
		}
	}
}

// TestRecordingsVoicemail: voicemail is kept as long as recordings, unless it has a time of
// its own.
func TestRecordingsVoicemail(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"{}":                                   Forever,
		"{retention: 90d}":                     90 * day,
		"{retention: 90d, voicemail: 30d}":     30 * day,
		"{retention: 90d, voicemail: forever}": Forever,
		"{retention: forever, voicemail: 30d}": 30 * day,
	} {
		m, err := parseMain("x.yaml", []byte("recordings: "+text+"\n"))
		if err != nil || m.Recordings.Voicemail != want {
			t.Errorf("%s: got %v, %v, want %v", text, m, err, want)
		}
	}
}
