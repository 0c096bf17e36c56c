package page

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/recordings"
	"pbxjail/configs/show"
)

func report() Report {
	at := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	return Report{
		Host: "pbx", At: at, Ground: "consent", Retention: "90d", Voicemail: "forever", KeepTrail: "156w",
		Folders: []recordings.Survey{{
			Folder: recordings.Folder{Path: "/var/spool/asterisk/monitor"}, Count: 7, Bytes: 4_200_000, Oldest: at.AddDate(-1, 0, 0), Newest: at, Late: 3, Public: 2,
			Ages: []int{1, 2, 3, 1, 0, 0}, Readers: []recordings.Readers{{Mode: "0644", Count: 7}}, Encryption: recordings.Encryption{State: recordings.CannotTell, Why: "virtual"},
		}, {Folder: recordings.Folder{Path: "/srv/x", Err: errors.New("no")}}},
		Holds:     []recordings.Hold{{ID: "k3v9k3v9k3", Reason: "court", File: "out-0301234567.wav", At: at, Date: at, By: recordings.By{User: "root", Login: "alice"}}},
		Gone:      []string{"k3v9k3v9k3"},
		Deletions: []Deletions{{Month: "2026-10", Count: 12, Bytes: 5}},
		Names:     func(uint32, uint32) string { return "asterisk:asterisk" }, Stamp: show.Stamp,
	}
}

func TestWrite(t *testing.T) {
	var b bytes.Buffer
	if err := Write(&b, report()); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for _, want := range []string{
		"<td>consent</td>", "for 90d", "without end", "<td>7</td><td>4.2 MB</td>", `<span class="bad">3</span>`, "0644 asterisk:asterisk: 7", "cannot tell: virtual",
		"k3v9k3v9k3", "root (alice)", "court", "These recordings cannot be found", "<td>2026-10</td><td>12</td>", "none seen", "size: A4",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not on the page:\n%s", want, text)
		}
	}
	if strings.Contains(text, "0301234567") {
		t.Error("a phone number is on the page")
	}
}

// TestNothingForeign: the page has no script and loads nothing, whatever its texts are.
func TestNothingForeign(t *testing.T) {
	r := report()
	evil := "<script src=//x></script>\x1b[2J\"'><img src=http://x>"
	r.Host, r.Ground, r.Unseen = evil, evil, []string{evil}
	r.Holds[0].Reason, r.Holds[0].By.User, r.Folders[0].Path = evil, evil, "/"+evil
	r.Names = func(uint32, uint32) string { return evil }
	var b bytes.Buffer
	if err := Write(&b, r); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "<img", "<link", "\x1b", "@import", "url("} {
		if strings.Contains(strings.ToLower(b.String()), bad) {
			t.Errorf("%q is on the page", bad)
		}
	}
}

func TestEmpty(t *testing.T) {
	var b bytes.Buffer
	r := Report{Retention: "forever", Voicemail: "forever", KeepTrail: "forever", Names: report().Names, Stamp: show.Stamp}
	if err := Write(&b, r); err != nil || !strings.Contains(b.String(), "none is named") || !strings.Contains(b.String(), "No recording is on hold") {
		t.Errorf("got %v:\n%s", err, b.String())
	}
}
