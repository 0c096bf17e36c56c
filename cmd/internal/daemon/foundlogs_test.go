package daemon

import (
	"os"
	"slices"
	"strings"
	"testing"

	"pbxjail/cmd/internal/control"
)

// TestLogsAreFound: what logger.conf names is followed by the shipped jails, and what it
// names later too.
func TestLogsAreFound(t *testing.T) {
	s := newSite(t)
	if err := os.Remove(s.path("jails/guessing.yaml")); err != nil {
		t.Fatal(err)
	}
	s.write("asterisk/asterisk.conf", "[directories]\nastlogdir => "+s.path("own")+"\n")
	s.write("asterisk/logger.conf", "[logfiles]\nattempts => notice\n")
	if err := os.Mkdir(s.path("own"), 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("own/attempts", "")
	s.run(s.open(), nil)
	follows := func(name string) bool {
		return slices.ContainsFunc(s.status().Files, func(f control.File) bool { return f.Path == s.path(name) })
	}
	if !follows("own/attempts") {
		t.Fatalf("got %+v, want own/attempts", s.status().Files)
	}
	s.write("own/attempts", failures("203.0.113.9", 5))
	s.banned("203.0.113.9")
	s.write("asterisk/logger.conf", "[logfiles]\nother => notice\n")
	s.eventually("the other log", func() bool { return follows("own/other") && !follows("own/attempts") })
	s.write("own/other", failures("203.0.113.10", 5))
	s.banned("203.0.113.10")
}

// TestBlindnessIsReported: a log of which nothing is understood is no log that is well.
func TestBlindnessIsReported(t *testing.T) {
	s := newSite(t)
	s.write("asterisk/asterisk.conf", "[directories]\nastlogdir => "+s.path("logs")+"\n")
	s.write("asterisk/logger.conf", "[logfiles]\nsecurity => notice,security\nfull => notice\n")
	s.run(s.open(), nil)
	for range 30 {
		s.append("pbx1 | [2026-11-26 12:00:00] NOTICE[7] x.c: y\n")
	}
	s.eventually("the finding", func() bool { return s.problem("pbxjail understands none of the last 30 lines") })
	st := s.status()
	if f := st.Files[0]; f.Lines != 30 || f.Records != 0 || f.Unread != 30 || f.Finding != "not understood" || f.LastRecord != nil {
		t.Errorf("got %+v", f)
	}
	s.append(failures("203.0.113.9", 2))
	s.eventually("its end", func() bool { return !s.problem("is understood") })
	if f := s.status().Files[0]; f.Lines != 32 || f.Records != 2 || f.Matched != 2 || f.Unread != 0 || f.Finding != "" || f.LastRecord == nil {
		t.Errorf("got %+v", f)
	}
}

// TestLostLinesAreReported: files that are deleted before they can be read are counted, and
// both the log and status say so.
func TestLostLinesAreReported(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	s.eventually("a file that came and went between two looks", func() bool {
		for range 20 {
			if err := os.Remove(s.path("logs/security")); err != nil {
				t.Fatal(err)
			}
			s.write("logs/security", failures("203.0.113.9", 1))
		}
		return s.problem("rotated files are lost")
	})
	if f := s.status().Files[0]; f.Missed == 0 {
		t.Errorf("got %+v, want the files that were not read", f)
	}
	s.eventually("the log says so", func() bool { return strings.Contains(s.journal.String(), "lines of a log are lost") })
}
