package configs

import (
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/configs/hint"
)

// folder makes a main file, and a folder of jail files for it.
func folder(t *testing.T, main string, files map[string]string) *Main {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "pbxjail.yaml")
	text := "jails: " + filepath.Join(dir, "d") + "\n" + main
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, "d", name+".yaml"), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	m, err := LoadMain(path, true)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// settingsOf are the settings of a jail, by key, with the folder of the test as DIR.
func settingsOf(t *testing.T, m *Main, name string) map[string]Setting {
	t.Helper()
	list, _ := m.EveryJail()
	i := slices.IndexFunc(list, func(j *Jail) bool { return j.Name == name })
	if i < 0 {
		t.Fatalf("there is no jail %s", name)
	}
	all := map[string]Setting{}
	for _, s := range list[i].Settings() {
		if m.File != "" {
			s.From.File = strings.ReplaceAll(s.From.File, filepath.Dir(m.File), "DIR")
		}
		all[s.Key] = s
	}
	return all
}

// Each case says of some settings what they are and where they come from; all others of
// the shipped jail must be as they were.
func TestLayers(t *testing.T) {
	const whole = "logs: [/a]\nmatch: [{event: scan}]\n"
	for _, c := range []struct {
		name, main string
		files      map[string]string
		jail       string
		want       map[string]string // VALUE, FROM
		shipped    bool              // all others are those of the shipped jail
	}{
		{"nothing", "", nil, "guessing", nil, true},
		{
			"one number", "", map[string]string{"guessing": "maxretry: 10\n"}, "guessing",
			map[string]string{"maxretry": "10, DIR/d/guessing.yaml:1"}, true,
		},
		{
			"a nested one", "", map[string]string{"guessing": "# ours\nbantime_growth:\n  factor: 3\n"}, "guessing",
			map[string]string{"bantime_growth.factor": "3, DIR/d/guessing.yaml:3", "bantime_growth.max": "4w, shipped"}, true,
		},
		{
			"defaults", "defaults:\n  maxretry: 7\n  slow: {maxretry: 30}\n", nil, "guessing",
			map[string]string{"maxretry": "7, defaults (DIR/pbxjail.yaml:3)", "slow.maxretry": "30, defaults (DIR/pbxjail.yaml:4)", "slow.findtime": "3d, shipped"}, true,
		},
		{
			"the own file beats defaults", "defaults: {maxretry: 7, findtime: 20m}\n", map[string]string{"guessing": "maxretry: 10\n"}, "guessing",
			map[string]string{"maxretry": "10, DIR/d/guessing.yaml:1", "findtime": "20m, defaults (DIR/pbxjail.yaml:2)"}, true,
		},
		{
			"no second window", "", map[string]string{"guessing": "slow: {maxretry: 0}\n"}, "guessing",
			map[string]string{"slow.maxretry": ", DIR/d/guessing.yaml:1"}, true,
		},
		{
			"logs of all", "logs: [/srv/full]\n", nil, "guessing",
			map[string]string{"logs": "[/srv/full], defaults (DIR/pbxjail.yaml:2)"}, true,
		},
		{
			"logs of all, beside a log of the dialplan", "logs: [/srv/full]\n", nil, "sipsec",
			map[string]string{"logs": "[/srv/full, /var/log/asterisk/sipsec.log], defaults (DIR/pbxjail.yaml:2)"}, true,
		},
		{
			"own logs beat logs of all", "logs: [/srv/full]\n", map[string]string{"guessing": "logs: [/own]\n"}, "guessing",
			map[string]string{"logs": "[/own], DIR/d/guessing.yaml:1"}, true,
		},
		{
			"another match has no shipped samples", "", map[string]string{"guessing": "match: [{event: scan}]\n"}, "guessing",
			map[string]string{"match": "[{event: scan}], DIR/d/guessing.yaml:1", "samples": "0 lines, shipped"}, true,
		},
		{
			"another evidence has no shipped samples", "defaults: {evidence: {ban: proven}}\n", nil, "guessing",
			map[string]string{"evidence.ban": "proven, defaults (DIR/pbxjail.yaml:2)", "samples": "0 lines, shipped"}, true,
		},
		{
			"switched off", "", map[string]string{"guessing": "enabled: false\n"}, "guessing",
			map[string]string{"enabled": "false, DIR/d/guessing.yaml:1"}, true,
		},
		{
			"a whole file takes the place of the shipped one", "", map[string]string{"manager": whole}, "manager",
			map[string]string{"maxretry": "5, built-in", "findtime": "10m, built-in", "bantime": "10m, built-in", "bantime_growth.factor": "1, built-in", "logs": "[/a], DIR/d/manager.yaml:1"}, false,
		},
		{
			"defaults reach a new jail", "logs: [/srv/full]\ndefaults: {bantime: 2h}\n", map[string]string{"door": "match: [{event: scan}]\n"}, "door",
			map[string]string{"bantime": "2h, defaults (DIR/pbxjail.yaml:3)", "logs": "[/srv/full], defaults (DIR/pbxjail.yaml:2)", "maxretry": "5, built-in"}, false,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := settingsOf(t, folder(t, c.main, c.files), c.jail)
			before := map[string]Setting{}
			if c.shipped {
				before = settingsOf(t, &Main{Jails: "/nonexistent"}, c.jail)
			}
			for key, s := range got {
				text := s.Value + ", " + s.From.String()
				if want, ok := c.want[key]; ok && text != want {
					t.Errorf("%s: got %s, want %s", key, text, want)
				} else if was, ok := before[key]; ok && c.want[key] == "" && s != was {
					t.Errorf("%s: got %s, want it as shipped, %s, %s", key, text, was.Value, was.From)
				}
			}
		})
	}
}

func TestLayersFaults(t *testing.T) {
	for _, c := range []struct {
		name, main string
		files      map[string]string
		bad        map[string]string
	}{
		{"a new jail says all", "", map[string]string{"door": "maxretry: 10\n"}, map[string]string{"door": "DIR/d/door.yaml:1: logs: is missing\nDIR/d/door.yaml:1: match: is missing"}},
		{"two values that do not go together", "", map[string]string{"guessing": "\nfindtime: 4d\n"}, map[string]string{"guessing": "DIR/d/guessing.yaml:2: slow.findtime: 3d is not longer than findtime of the jail, which is 4d"}},
		{
			"defaults that do not suit", "defaults:\n  findtime: 4d\n", nil, map[string]string{
				"guessing":   "DIR/pbxjail.yaml:3: defaults of the main file do not fit the shipped jail guessing: slow.findtime: 3d is not longer than findtime of the jail, which is 4d",
				"scanning":   "DIR/pbxjail.yaml:3: defaults of the main file do not fit the shipped jail scanning: slow.findtime: 3d is not longer than findtime of the jail, which is 4d",
				"toll-fraud": "DIR/pbxjail.yaml:3: defaults of the main file do not fit the shipped jail toll-fraud: slow.findtime: 3d is not longer than findtime of the jail, which is 4d",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := folder(t, c.main, c.files)
			_, errs := m.LoadJails()
			bad := map[string]string{}
			for name, err := range errs {
				bad[name] = strings.ReplaceAll(err.Error(), filepath.Dir(m.File), "DIR")
				if shipped := m.ShippedJail(name); (shipped != nil) != slices.Contains(shippedNames(), name) {
					t.Errorf("%s: got shipped jail %v", name, shipped)
				}
			}
			if !maps.Equal(bad, c.bad) {
				t.Errorf("got %q, want %q", bad, c.bad)
			}
		})
	}
}

// What Text prints is a whole jail file, and the same jail.
func TestTextIsTheJail(t *testing.T) {
	odd := "logs: ['/a b', \"/c'd: #\\u00f6\", /true]\nmatch: [{regex: '^NOTICE x: <ADDR> {\"a\", b}: ''c'' # d$', points: 2.5}]\n" +
		"ignoreip: [2001:db8::/32, 192.0.2.1]\ngeoip: {home: [GB], asn: [64500=1.5], elsewhere: 2}\nports: [5060/udp, sip]\nevidence: {max_bantime: {claimed: 90s}}\n"
	m := folder(t, "defaults: {bantime: 90m}\n", map[string]string{"guessing": "maxretry: 2.5\n", "odd": odd})
	list, bad := m.EveryJail()
	if len(list) != 16 || len(bad) > 0 {
		t.Fatalf("got %d jails, %v", len(list), bad)
	}
	for _, want := range list {
		got, err := ParseJail(want.Name+".yaml", []byte(want.Text()))
		if err != nil {
			t.Errorf("%s: got %v of\n%s", want.Name, err, want.Text())
			continue
		}
		got.File, got.Warnings, got.from = want.File, want.Warnings, want.from
		for i := range want.Match {
			want.Match[i].Line = got.Match[i].Line
		}
		for i := range want.Samples {
			want.Samples[i].Line = got.Samples[i].Line
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got\n%+v\nwant\n%+v", want.Name, got, want)
		}
	}
}

// Defaults are read with the main file, and a change of them is taken with a reload.
func TestDefaultsOfMain(t *testing.T) {
	m := folder(t, "defaults:\n  bantime: 4h\nlogs: [/srv/full]\n", nil)
	if m.Defaults.Bantime != 4*time.Hour || m.Defaults.Maxretry != 5000 || len(m.Logs) != 1 {
		t.Errorf("got %v, %v, %v", m.Defaults.Bantime, m.Defaults.Maxretry, m.Logs)
	}
	now, waiting := m.Reloaded(folder(t, "defaults:\n  bantime: 5h\n", nil))
	if len(waiting) > 0 || now.Defaults.Bantime != 5*time.Hour {
		t.Errorf("got %v that wait, and %v", waiting, now.Defaults.Bantime)
	}
	if got := settingsOf(t, now, "guessing")["bantime"].Value; got != "5h" {
		t.Errorf("got bantime %s after a reload, want 5h", got)
	}
}

// FuzzJailText: whatever a good jail file says, Text says it again.
func FuzzJailText(f *testing.F) {
	seed(f, "testdata/jail/*.yaml")
	seed(f, "jails/*.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		want, err := ParseJail("x.yaml", data)
		if err != nil {
			return
		}
		text := want.Text()
		got, err := ParseJail("x.yaml", []byte(text))
		if err != nil && len(text) <= maxFile {
			t.Fatalf("got %v of\n%s", err, text)
		}
		if err != nil {
			return
		}
		for i, s := range got.Settings() {
			if w := want.Settings()[i]; s.Value != w.Value || s.Key != w.Key {
				t.Fatalf("got %+v, want %+v of\n%s", s, w, text)
			}
		}
	})
}

// What is wrong with a file that is a link out of its folder is said without its text.
func TestForeignFile(t *testing.T) {
	m := folder(t, "", nil)
	secret := filepath.Join(t.TempDir(), "secret")
	inside := filepath.Join(m.Jails, "inside")
	for _, path := range []string{secret, inside} {
		if err := os.WriteFile(path, []byte("swordfish: swordfish\nlogs: swordfish\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, target := range map[string]string{"door": secret, "window": inside, "roof": "inside"} {
		if err := os.Symlink(target, filepath.Join(m.Jails, name+".yaml")); err != nil {
			t.Fatal(err)
		}
	}
	_, bad := m.LoadJails()
	for name, shown := range map[string]bool{"door": false, "window": true, "roof": true} {
		err := bad[name]
		if err == nil {
			t.Fatalf("%s: got no error", name)
		}
		if got := strings.Contains(err.Error()+hint.Of(err), "swordfish"); got != shown {
			t.Errorf("%s: got %v", name, err)
		}
	}
	err := CheckAgents(filepath.Join(m.Jails, "door.yaml"))
	_, err2 := LoadNumbers(filepath.Join(m.Jails, "door.yaml"))
	for _, err := range []error{err, err2} {
		if err == nil || strings.Contains(err.Error(), "swordfish") {
			t.Errorf("got %v", err)
		}
	}
}

func TestKindOf(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct{ name, text, want string }{
		{"a.yaml", "jails: /etc/pbxjail.d\n", KindMain},
		{"b.yaml", "maxretry: 10\n", KindJail},
		{"c.yaml", "logs: [/a]\n", KindJail},
		{"d.yaml", "logs: [/a]\ndefaults: {}\n", KindMain},
		{"e.yaml", "maxretries: 10\n", KindJail},
		{"f.yaml", "", KindJail},
		{"g.yaml", "agents: []\n", KindAgents},
		{"h.yaml", "prefixes: []\npremium: []\n", KindNumbers},
		{"i.yaml", "a: [\n", KindJail},
		{"pbxjail.yaml", "observ: true\n", KindMain},
	} {
		path := filepath.Join(dir, c.name)
		if err := os.WriteFile(path, []byte(c.text), 0o644); err != nil {
			t.Fatal(err)
		}
		if got, err := KindOf(path); got != c.want || err != nil {
			t.Errorf("%q: got %s, %v, want %s", c.text, got, err, c.want)
		}
	}
	if _, err := KindOf(filepath.Join(dir, "none")); err == nil {
		t.Error("got no error of a file that is not there")
	}
}
