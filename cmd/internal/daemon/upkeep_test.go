package daemon

import (
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"pbxjail/cmd/internal/control"
)

// jailNamed is a jail as status shows it.
func (s *site) jailNamed(name string) (found control.Jail, ok bool) {
	s.Helper()
	st := s.status()
	i := slices.IndexFunc(st.Jails, func(j control.Jail) bool { return j.Name == name })
	if i < 0 {
		return found, false
	}
	return st.Jails[i], true
}

func (s *site) status() control.Status {
	s.Helper()
	st, err := s.client().Status(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	return st
}

// problem reports whether status has a problem with this text.
func (s *site) problem(text string) bool {
	s.Helper()
	return slices.ContainsFunc(s.status().Problems, func(p control.Problem) bool { return strings.Contains(p.What, text) })
}

func TestReloadTakesWhatIsGood(t *testing.T) {
	s := newSite(t)
	stop := s.run(s.open(), nil)
	client := s.client()

	s.write("jails/phones.yaml", fmt.Sprintf(phones, s.path("logs"))+"bantime: 7m\n")
	s.eventually("the folder is looked at", func() bool { j, _ := s.jailNamed("phones"); return j.Bantime == 7*60 })

	s.configure("ignoreip: [203.0.113.0/24]")
	if _, err := client.Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	why, err := client.Why(t.Context(), netip.MustParseAddr("203.0.113.9"))
	if err != nil || why.Protected != "ignoreip 203.0.113.0/24" {
		t.Errorf("got %q, %v, want it protected by the new ignoreip", why.Protected, err)
	}

	// A bad jail file: the jail keeps its old settings, and the problem is reported.
	s.write("jails/phones.yaml", "bantime: [7m\n")
	s.eventually("the refusal", func() bool { j, _ := s.jailNamed("phones"); return j.Problem != "" })
	if j, _ := s.jailNamed("phones"); j.Bantime != 7*60 || !s.problem("phones.yaml") {
		t.Errorf("got %+v, want the jail as it was, with its problem", j)
	}
	_, err = client.Reload(t.Context())
	if refusal, ok := err.(*control.Refusal); !ok || refusal.Status != http.StatusConflict || !strings.Contains(err.Error(), "phones") {
		t.Errorf("got %v, want the refusal of phones", err)
	}

	// A bad main file changes nothing at all.
	s.write("jails/phones.yaml", fmt.Sprintf(phones, s.path("logs"))+"bantime: 9m\n")
	s.eventually("the good file", func() bool { j, _ := s.jailNamed("phones"); return j.Bantime == 9*60 })
	s.configure("ignoreip: [nonsense]")
	if _, err := client.Reload(t.Context()); err == nil {
		t.Error("a main file that is wrong is taken")
	}
	if why, err := client.Why(t.Context(), netip.MustParseAddr("203.0.113.9")); err != nil || why.Protected == "" {
		t.Errorf("got %+v, %v, want the settings before", why, err)
	}

	// A folder that is gone leaves all jails as they were.
	if err := os.Rename(s.path("jails"), s.path("elsewhere")); err != nil {
		t.Fatal(err)
	}
	s.write("jails", "no folder")
	s.eventually("the problem of the folder", func() bool { return s.problem(s.path("jails")) })
	if j, ok := s.jailNamed("phones"); !ok || j.Bantime != 9*60 {
		t.Errorf("got %+v, %t, want the jail as it was", j, ok)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestReloadNamesWhatWaits: a key that takes effect at the next start is said.
func TestReloadNamesWhatWaits(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	s.configure("chain: other")
	if _, err := s.client().Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := s.journal.String(); !strings.Contains(got, "until pbxjail restarts") || !strings.Contains(got, "key=chain") {
		t.Errorf("got no word of the chain:\n%s", got)
	}
	if got := s.signals(); !slices.Contains(got, "RELOADING=1") || got[len(got)-1] != "READY=1" {
		t.Errorf("the service manager got %v", got)
	}
}

// TestSignalReloads: SIGHUP does what jailctl reload does.
func TestSignalReloads(t *testing.T) {
	s := newSite(t)
	reload := make(chan struct{})
	s.run(s.open(), reload)
	s.configure("ignoreip: [203.0.113.0/24]")
	reload <- struct{}{}
	s.eventually("the new ignoreip", func() bool {
		why, err := s.client().Why(t.Context(), netip.MustParseAddr("203.0.113.9"))
		return err == nil && why.Protected != ""
	})
	s.configure("nonsense: 1")
	reload <- struct{}{}
	s.eventually("the refusal", func() bool { return strings.Contains(s.journal.String(), "reload: a file has a mistake") })
}

func TestListsKeepWhatWasGood(t *testing.T) {
	l := newLists(quiet())
	main := settingsOf(t)
	l.read(main)
	agents, numbers := l.current()
	if agents == nil || numbers == nil || l.problem() != nil {
		t.Fatalf("got %v, %v, %v of the shipped lists", agents, numbers, l.problem())
	}
	if err := os.Mkdir(main.Useragents, 0o755); err != nil {
		t.Fatal(err)
	}
	writeFile(t, main.Useragents+"/own.yaml", "nonsense: [")
	l.read(main)
	if got, _ := l.current(); got != agents || l.problem() == nil {
		t.Errorf("a bad list replaced the good one, or is no problem: %v", l.problem())
	}
	if err := os.RemoveAll(main.Useragents); err != nil {
		t.Fatal(err)
	}
	if l.read(main); l.problem() != nil {
		t.Errorf("got %v when all is well again", l.problem())
	}
}
