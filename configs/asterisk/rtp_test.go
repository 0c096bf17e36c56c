package asterisk

import (
	"os"
	"path/filepath"
	"testing"
)

func TestRTP(t *testing.T) {
	for text, want := range map[string][2]uint16{
		"":            {5000, 31000},
		"[general]\n": {5000, 31000},
		"[general]\nrtpstart=10000\nrtpend=20000\n":    {10000, 20000},
		"[general]\nrtpstart = 10000 ; comment\n":      {10000, 31000},
		"[general]\nrtpend=6000\n":                     {5000, 6000},
		"[general]\nrtpstart=20000\nrtpend=10000\n":    {5000, 31000},
		"[general]\nrtpstart=80\nrtpend=20000\n":       {5000, 20000},
		"[general]\nrtpstart=no\nrtpend=70000\n":       {5000, 31000},
		"[other]\nrtpstart=10000\nrtpend=20000\n":      {5000, 31000},
		"[general](!)\nrtpstart=10000\n":               {5000, 31000},
		"[general]\n#include more.conf\nrtpend=7000\n": {6000, 7000},
	} {
		dir := t.TempDir()
		for name, content := range map[string]string{"rtp.conf": text, "more.conf": "rtpstart=6000\n"} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if first, last, _ := RTP(dir); first != want[0] || last != want[1] {
			t.Errorf("%q: got %d to %d, want %v", text, first, last, want)
		}
	}
	if first, last, problems := RTP(t.TempDir()); first != 5000 || last != 31000 || len(problems) > 0 {
		t.Errorf("no file: got %d to %d, %v", first, last, problems)
	}
}
