package fail2ban

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestLoad(t *testing.T) {
	list, bad, err := Load("testdata/etc")
	if err != nil || len(bad) > 0 {
		t.Fatal(err, bad)
	}
	var names []string
	byName := map[string]Jail{}
	for _, j := range list {
		names = append(names, j.Name)
		byName[j.Name] = j
	}
	if want := []string{"door", "asterisk", "journal", "nofilter"}; !slices.Equal(names, want) {
		t.Errorf("jails %v, want %v", names, want)
	}
	want := Jail{
		Name: "door", Filter: "door", Options: map[string]string{"mode": "strict"},
		Logs:     []string{"/var/log/door.log", "/var/log/door.1"},
		Maxretry: "3", Findtime: "10m", Bantime: "1d 12h", Ports: "ssh,2222:2229",
		Ignoreip: []string{"127.0.0.1/8", "192.0.2.0/24", "office.example.net"},
		Growth:   Growth{On: true},
	}
	if got := byName["door"]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if !byName["journal"].Journal || byName["nofilter"].Ports != "gopher" {
		t.Errorf("%+v %+v", byName["journal"], byName["nofilter"])
	}
	if _, _, err := Load("testdata/none"); err == nil {
		t.Error("a folder that is not there is no error")
	}
}

func TestLoadFilter(t *testing.T) {
	f, err := LoadFilter("testdata/etc", Jail{Filter: "door", Options: map[string]string{"mode": "strict"}})
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{ // what is found in the reason, by what is found in theirs
		"refused": "", "knocks": "", "(?!root )": "lookahead", "no address": "has no <HOST>",
		"F-NOFAIL": "is no failure", "(?P=who)": "backreference", "two": "more than one address",
	}
	if len(f.Patterns) != len(why) {
		t.Errorf("%d patterns", len(f.Patterns))
	}
	for _, p := range f.Patterns {
		for mark, reason := range why {
			if strings.Contains(p.Theirs, mark) && (p.Regex == "") == (reason == "") || strings.Contains(p.Theirs, mark) && !strings.Contains(p.Why, reason) {
				t.Errorf("%s: regex %q, why %q", p.Theirs, p.Regex, p.Why)
			}
		}
	}
	if len(f.Ignore) != 0 {
		t.Errorf("ignore %q", f.Ignore)
	}
	if _, err := LoadFilter("testdata/etc", Jail{Filter: "../jail"}); err == nil {
		t.Error("a file outside filter.d is taken")
	}
}

func TestTake(t *testing.T) {
	good := func(string) error { return nil }
	j := Jail{Name: "j", Filter: "door", Logs: []string{"/var/log/it's.log"}, Maxretry: "3", Findtime: "600", Bantime: "-1", Ports: "ssh,5060:5070", Growth: Growth{On: true, Maxtime: "5w"}}
	f := Filter{Patterns: []Pattern{{Theirs: "a", Regex: "^it's <ADDR>$"}, {Theirs: "b", Why: "no"}}}
	want := `# Made by jailctl import from the jail j of fail2ban, filter door.

logs:
  - '/var/log/it''s.log'

match:
  - regex: '^it''s <ADDR>$'

maxretry: 3
findtime: 10m
bantime: forever
bantime_growth: {factor: 2, max: 5w}
ports: [22, 5060-5070]
`
	if got := Take(j, f, nil, good); got.Text != want || got.Carried != 1 || got.Patterns != 2 {
		t.Errorf("%d of %d:\n%s", got.Carried, got.Patterns, got.Text)
	}
	f.Ignore = []string{"^x"}
	if got := Take(j, f, nil, good); !strings.Contains(got.Text, "\nobserve: true\n") {
		t.Errorf("a jail without its ignoreregex bans:\n%s", got.Text)
	}
	f.Ignore = nil
	j.Maxretry, j.Growth.Factor = "3\nobserve: false", "2}\nx: {"
	if got := Take(j, f, nil, good); strings.Contains(got.Text, "observe") || strings.Contains(got.Text, "x: {") || len(got.Notes) == 0 {
		t.Errorf("a value brings lines of its own:\n%s", got.Text)
	}
	for _, name := range []string{"../j", "a/b", ".j", "-j", "", "a\x1bb"} {
		j.Name = name
		if got := Take(j, f, nil, good); got.Text != "" || len(got.Notes) == 0 {
			t.Errorf("a file is made of the name %q", name)
		}
	}
	j.Name, j.Filter = "j", "asterisk"
	if got := Take(j, f, nil, good); got.Text != "" || got.Covered == "" {
		t.Errorf("%+v", got)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{"600": 600 * time.Second, "10m": 10 * time.Minute, "1d 12h": 36 * time.Hour, "1w": 7 * day, "1.5h": 90 * time.Minute, "2 days": 2 * day} {
		if d, forever, err := Duration(text); d != want || forever || err != nil {
			t.Errorf("%q: %v %v %v", text, d, forever, err)
		}
	}
	for _, text := range []string{"-1", "200y"} {
		if _, forever, err := Duration(text); !forever || err != nil {
			t.Errorf("%q has an end: %v", text, err)
		}
	}
	for _, text := range []string{"", "h", "1x", "%(x)s"} {
		if _, _, err := Duration(text); err == nil {
			t.Errorf("%q is a length", text)
		}
	}
}

func TestPorts(t *testing.T) {
	for text, want := range map[string]string{"ssh": "22", "http,https": "80 443", "5060:5070,22": "5060-5070 22", "0:65535": "all", "all": "all", "": "all", "gopher": "all gopher", "22,99999": "all 99999"} {
		list, all, unknown := Ports(text)
		got := strings.Join(list, " ")
		if all {
			got = strings.TrimSpace("all " + unknown)
		}
		if got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// FuzzFilter eats any bytes as a filter: it ends, and what it takes is anchored and has one
// address.
func FuzzFilter(f *testing.F) {
	f.Add("[Definition]\nfailregex = ^a <HOST>$\n  ^<x-<y>> <HOST>\nx-z = b\ny = z\n")
	f.Add("[DEFAULT]\na = %(a)s\n[Definition]\nfailregex = %(a)s<a>\n")
	f.Add("[Definition]\nprefregex = ^\\[\\]<F-CONTENT>.+</F-CONTENT>$\nfailregex = (?i)<ADDR>")
	f.Fuzz(func(t *testing.T, text string) {
		own := newFile()
		own.section("DEFAULT")
		own.parse(text)
		for _, name := range slices.Sorted(maps.Keys(own.sections)) {
			for key := range own.sections[name] {
				value, _, err := own.value(name, key)
				if err != nil {
					continue
				}
				if len(value) > maxValue {
					t.Fatalf("a value of %d bytes", len(value))
				}
				regex, why := translate("", value)
				if (regex == "") == (why == "") {
					t.Fatalf("regex %q, why %q", regex, why)
				}
				if regex != "" && (!strings.HasPrefix(regex, "^") || strings.Count(regex, "<ADDR>") != 1) {
					t.Fatalf("%q", regex)
				}
			}
		}
	})
}

// A jail that a shipped one covers becomes a file that switches that one on, with their values.
func TestTakeSwitchesOn(t *testing.T) {
	j := Jail{Name: "ssh-door", Filter: "sshd", Logs: []string{"/var/log/auth.log"}, Maxretry: "3", Findtime: "1d", Bantime: "600", Ports: "ssh"}
	got := Take(j, Filter{}, errors.New("not read"), nil)
	if got.File != "sshd.yaml" || got.Covered != "the shipped jail sshd" || len(got.Notes) > 0 {
		t.Errorf("got %+v", got)
	}
	for _, line := range []string{"enabled: true", "  - '/var/log/auth.log'", "maxretry: 3", "findtime: 1d", "bantime: 10m", "ports: [22]"} {
		if !strings.Contains(got.Text, line+"\n") {
			t.Errorf("%q is not in\n%s", line, got.Text)
		}
	}
}

// TestTakeJournal: a jail that reads the journal reads the units that its filter names, and
// nothing that another program could write.
func TestTakeJournal(t *testing.T) {
	good := func(string) error { return nil }
	f := Filter{Patterns: []Pattern{{Theirs: "a", Regex: "^a <ADDR>$"}}, Match: "_SYSTEMD_UNIT=door.service + _COMM=door"}
	got := Take(Jail{Name: "door", Filter: "door", Journal: true, Logs: []string{"/var/log/door"}}, f, nil, good)
	if !strings.Contains(got.Text, "  - 'journal:door.service'\n") || strings.Contains(got.Text, "/var/log/door") {
		t.Errorf("got %q", got.Text)
	}
	got = Take(Jail{Name: "sshd", Filter: "sshd", Journal: true, Match: "_SYSTEMD_UNIT=sshd.service"}, f, nil, good)
	if !strings.Contains(got.Text, "'journal:ssh.service'") || !strings.Contains(got.Text, "'journal:sshd.service'") {
		t.Errorf("got %q", got.Text)
	}
	f.Match = "_COMM=door"
	if got := Take(Jail{Name: "door", Filter: "door", Journal: true}, f, nil, good); got.Text != "" || len(got.Notes) == 0 {
		t.Errorf("got %+v", got)
	}
}

// TestGrouped: a group of fail2ban's stays one, so that its alternatives stay inside.
func TestGrouped(t *testing.T) {
	regex, why := translate("", "^x <F-ALT_USER>a|b</F-ALT_USER> from <HOST>$")
	if !strings.HasSuffix(regex, "x (?:a|b) from <ADDR>$") || why != "" {
		t.Errorf("got %q, %q", regex, why)
	}
}
