package configs

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fraudDefaults says again what the tags say, so that no slip changes a ban.
var fraudDefaults = Fraud{
	Enabled:       true,
	Enumeration:   FraudEnumeration{Accounts: 6, Passwords: 12, Within: time.Hour, Factor: 2},
	SameNumber:    FraudSameNumber{Prefixes: 3, Addresses: 3, Within: 24 * time.Hour, Factor: 2.5},
	International: FraudInternational{Digits: 9, Factor: 2},
	Sequence:      FraudSequence{Steps: 4, Within: time.Hour, Factor: 2},
	ManyAddresses: FraudManyAddresses{Addresses: 8, Within: 24 * time.Hour, Factor: 2},
}

func TestLoadMainMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pbxjail.yaml")

	got, err := LoadMain(path, false)
	want := &Main{
		Defaults: defaultMain().Defaults, // TestJailDefaults
		Jails:    "/etc/pbxjail.d", Asterisk: "/etc/asterisk", ProtectLogins: 30 * 24 * time.Hour, DayOne: true, LoginAllowance: 3, IPv6: 64, Enforcer: "auto", Hook: "raw", Chain: "pbxjail",
		Database: "/var/lib/pbxjail/pbxjail.db", Socket: "/run/pbxjail/pbxjail.sock", Group: "pbxjail",
		Useragents: "/etc/pbxjail/useragents.d", AgentFactors: AgentFactors{Drop: 5, Score: 2, Info: 1}, PacketRules: PacketRules{Agents: AgentsDrop}, Heard: Heard{Enabled: true},
		LogLevel: "info", LogFormat: "text", Retention: 90 * 24 * time.Hour, MaxAddresses: 200000, Fraud: fraudDefaults,
		Wire: Wire{Enabled: true, Limit: 8000},
	}
	if err != nil {
		t.Fatalf("not asked for: got %v", err)
	}
	wantKeys(t, got, want)

	_, err = LoadMain(path, true)
	if want := path + ": no such file or directory"; err == nil || err.Error() != want {
		t.Errorf("asked for: got %v, want %s", err, want)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %#v, want an error that is fs.ErrNotExist", err)
	}
}

func TestLoadMain(t *testing.T) {
	got, err := LoadMain("testdata/main/ok-all.yaml", true)
	want := &Main{
		File:  "testdata/main/ok-all.yaml",
		Jails: "/srv/jails", Ignoreip: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("2001:db8::/32")},
		IgnoreHosts: []string{"trunk.example.net"}, Asterisk: "/srv/asterisk", ProtectLogins: 90 * time.Minute, LoginAllowance: 2, IPv6: 56,
		GeoIP: GeoIP{
			Files: []string{"/srv/country.mmdb", "/srv/asn.mmdb"}, Home: []string{"GB", "IE"}, Elsewhere: 1.5, Block: []string{"KP"},
			ASN: []ASN{{64500, 1.5}, {64501, 0.5}},
		}, Enforcer: "ipset", Hook: "filter", Chain: "f2b-pbxjail", Observe: true,
		Database: "/srv/p.db", Socket: "/srv/p.sock", Group: "voip",
		LogLevel: "warn", LogFormat: "json", Retention: time.Hour, MaxAddresses: 5000,
		KeepBans: time.Hour, KeepLines: 30 * 24 * time.Hour, KeepLogIns: time.Hour, KeepAudit: time.Hour, KeepNumbers: time.Hour, KeepCounts: time.Hour,
		KeepAddresses: 10 * time.Minute, MaxDatabase: 500 << 20,
		Useragents: "/srv/agents", AgentFactors: AgentFactors{Drop: 10, Score: 2.5, Info: 1},
		Fraud: Fraud{
			Home: []string{"44", "353"}, Numbers: "/srv/numbers.yaml",
			Enumeration:   FraudEnumeration{Accounts: 3, Passwords: 4, Within: 5 * time.Minute, Factor: 1.5},
			SameNumber:    FraudSameNumber{Prefixes: 4, Addresses: 5, Within: 2 * 24 * time.Hour, Factor: 3},
			International: FraudInternational{Digits: 11, Factor: 1},
			Sequence:      FraudSequence{Steps: 5, Within: time.Minute, Factor: 10},
			ManyAddresses: FraudManyAddresses{Addresses: 16, Within: 7 * 24 * time.Hour, Factor: 2.25},
		},
		Wire: Wire{Interfaces: []string{"eth0", "eth1.20"}, Limit: 20000},
		PacketRules: PacketRules{
			Enabled: true, Force: true, Ports: []PortRange{{5060, 5060}, {5070, 5080}}, AllowAgents: []string{"Yealink", "snom"},
			FQDN: []string{"pbx.example.net"}, IAXFrom: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::1/128")},
		},
		Metrics: Metrics{Listen: "192.0.2.10:9740", Remote: true}, Heard: Heard{Ports: []PortRange{{5080, 5080}, {5090, 5099}}},
		AMI: AMI{Address: "192.0.2.9:5039", User: "guard", SecretFile: "credential:ami", Auth: "plain", TLS: true, CAFile: "/srv/ca.pem"},
	}
	if err != nil {
		t.Fatal(err)
	}
	wantKeys(t, got, want)
}

// wantKeys compares key by key. A key that want does not name must have its default: so
// a new key needs no word here.
func wantKeys(t *testing.T, got, want *Main) {
	t.Helper()
	have, all, byDefault := reflect.ValueOf(*got), reflect.ValueOf(*want), reflect.ValueOf(*defaultMain())
	for _, k := range keysOf(have.Type()) {
		wanted := all.FieldByIndex(k.Index)
		if wanted.IsZero() {
			wanted = byDefault.FieldByIndex(k.Index)
		}
		if v := have.FieldByIndex(k.Index); !reflect.DeepEqual(v.Interface(), wanted.Interface()) {
			t.Errorf("%s: got %+v, want %+v", k.name, v, wanted)
		}
	}
	if got.File != want.File || len(got.Warnings) != 0 {
		t.Errorf("got file %s with %v, want %s with none", got.File, got.Warnings, want.File)
	}
}

// The environment must not set keys: the operator does not see it.
func TestLoadMainIgnoresEnvironment(t *testing.T) {
	t.Setenv("CHAIN", "stolen")
	t.Setenv("PBXJAIL_CHAIN", "stolen")
	got, err := parseMain("x.yaml", []byte("observe: true\n"))
	if err != nil || got.Chain != "pbxjail" {
		t.Errorf("got %+v, %v, want chain pbxjail", got, err)
	}
}

// What is no configuration file at all, for both kinds of file.
func TestUnreadable(t *testing.T) {
	dir := t.TempDir()
	file := func(name, data string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	fifo := filepath.Join(dir, "fifo.yaml")
	if err := syscall.Mkfifo(fifo, 0o644); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop.yaml")
	if err := os.Symlink(loop, loop); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, path, want string }{
		{"folder", dir, ": is a folder"},
		{"pipe", fifo, ": is a device, a pipe or a socket, not a text file"},
		{"loop", loop, ": too many levels of symbolic links"},
		{"empty", file("empty.yaml", ""), ": is empty"},
		{"blank", file("blank.yaml", " \n\t\n"), ": is empty"},
		{"large", file("large.yaml", strings.Repeat("#\n", maxFile/2)+"#"), ": is larger than 1 MiB"},
		{"nul", file("nul.yaml", "enabled: false\n\x00"), ":2: is not a text file (this line has a NUL byte)"},
		{"binary", file("binary.yaml", "\x7fELF\x02\x01\x01\x00\x00"), ":1: is not a text file (this line has a NUL byte)"},
		{"latin1", file("latin1.yaml", "# \xc3\xbc\n# \xef\xbf\xbd\n# \xfc\n"), ":3: this line is not UTF-8 text (byte 0xfc)"},
		{"control", file("control.yaml", "a: \x1b[31m\n"), ":1: this is not valid YAML: control characters are not allowed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, jailErr := (&Main{}).LoadJail(c.path)
			_, mainErr := LoadMain(c.path, false)
			for kind, err := range map[string]error{"jail": jailErr, "main": mainErr} {
				if err == nil || err.Error() != c.path+c.want {
					t.Errorf("%s: got %v, want %s", kind, err, c.path+c.want)
				} else if p, ok := errors.AsType[Problem](err); !ok || p.Hint() == "" {
					t.Errorf("%s: got no hint with %v", kind, err)
				}
			}
		})
	}
}

func TestPermissionDenied(t *testing.T) {
	if os.Getuid() == 0 {
		// Root reads everything: give up the rights of this thread, which the
		// runtime discards because it stays locked.
		runtime.LockOSThread()
		if _, _, errno := syscall.RawSyscall(syscall.SYS_SETFSUID, 65534, 0, 0); errno != 0 {
			t.Fatal(errno)
		}
	}
	dir, err := os.MkdirTemp("", "configs")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "secret.yaml")
	if err := os.WriteFile(path, []byte("enabled: false\n"), 0); err != nil {
		t.Fatal(err)
	}
	_, err = (&Main{}).LoadJail(path)
	if want := path + ": permission denied"; err == nil || err.Error() != want {
		t.Fatalf("got %v, want %s", err, want)
	}
	if p, ok := errors.AsType[Problem](err); !ok || !strings.Contains(p.Hint(), "root") {
		t.Errorf("got hint %q", p.Hint())
	}
}

// No file name and no value can write escapes to the terminal of the reader.
func TestProblemsArePrintable(t *testing.T) {
	_, err := ParseJail("a\x1b]0;x\a\u202e.yaml", []byte("\"b\\e[2J\\u202e\": 1\nlogs: [\"\\a\"]\nmatch: *\n"))
	_, err2 := ParseJail("a.yaml", []byte("\"b\\e[2J\\u202e"+strings.Repeat("x", 500)+"\": 1\n"))
	_, err3 := ParseJail("a.yaml", []byte("a: &é [*ü]\n"))
	for _, err := range []error{err, err2, err3} {
		if err == nil {
			t.Fatal("got no error")
		}
		checkPrintable(t, err)
	}
}

func checkPrintable(t *testing.T, err error) {
	t.Helper()
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) == 0 {
		t.Fatalf("got %#v, want Problems", err)
	}
	for _, p := range problems {
		if p.File == "" || p.Line < 0 || p.What == "" || p.Fix == "" {
			t.Errorf("got %#v, want file, text and hint", p)
		}
		for _, text := range []string{p.Error(), p.Hint()} {
			if i := strings.IndexFunc(text, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
				t.Errorf("got %q with a character that is not printable ASCII at %d", text, i)
			}
		}
	}
}

func TestTooManyProblems(t *testing.T) {
	_, err := ParseJail("x.yaml", []byte(strings.Repeat("? [a]\n: b\n", 10000)))
	problems, ok := errors.AsType[Problems](err)
	if !ok || len(problems) != maxProblems {
		t.Errorf("got %d problems, want %d", len(problems), maxProblems)
	}
}

func TestJailDefaults(t *testing.T) {
	// The defaults of fail2ban:config/jail.conf.
	got, err := ParseJail("/etc/pbxjail.d/plain.yaml", []byte("logs: [/a]\nmatch: [{event: scan}]\n"))
	want := &Jail{
		Name: "plain", File: "/etc/pbxjail.d/plain.yaml", Enabled: true, Heard: true,
		Logs: []string{"/a"}, Match: []Match{{Line: 2, Event: "scan"}},
		AllFrom: 3, Maxretry: 5000, Findtime: 10 * time.Minute, Bantime: 10 * time.Minute,
		Growth:   Growth{Factor: 1, Max: 28 * 24 * time.Hour, ForgiveAfter: 30 * 24 * time.Hour},
		Evidence: Evidence{Ban: "seen", Factor: Weights{0.5, 1, 1}, Max: MaxBantime{Claimed: 15 * time.Minute}},
		Slow:     Slow{Findtime: 3 * 24 * time.Hour}, Widen: Widen{Maxretry: 15000, IPv4: 24, IPv6: 64}, Fraud: true,
	}
	if err != nil {
		t.Fatal(err)
	}
	got.from = nil // TestLayers
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// Positions are for package jails, which finds faults that are not seen here.
func TestPositions(t *testing.T) {
	text := "logs: [/a]\nmatch:\n  - event: scan\n\n  - regex: '^a <ADDR>$'\n    points: 0.5\nsamples:\n  - line: |-\n      a 203.0.113.9\n    addr: 203.0.113.9\n  - {line: b, addr: '-'}\n  - {line: c}\n"
	got, err := ParseJail("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if want := []Match{{Line: 3, Event: "scan"}, {Line: 5, Regex: "^a <ADDR>$", Points: 500}}; !slices.Equal(got.Match, want) {
		t.Errorf("got %+v, want %+v", got.Match, want)
	}
	addr := netip.MustParseAddr("203.0.113.9")
	if want := []Sample{{Line: 8, Text: "a 203.0.113.9", Addr: addr}, {Line: 11, Text: "b"}, {Line: 12, Text: "c"}}; !slices.Equal(got.Samples, want) {
		t.Errorf("got %+v, want %+v", got.Samples, want)
	}
}

func FuzzParseJail(f *testing.F) {
	seed(f, "testdata/jail/*.yaml")
	seed(f, "jails/*.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		jail, err := ParseJail("/etc/pbxjail.d/x.yaml", data)
		if err != nil {
			checkPrintable(t, err)
			return
		}
		if jail.Enabled && (len(jail.Logs) == 0 || len(jail.Match) == 0) || jail.Maxretry <= 0 || jail.Findtime <= 0 || jail.Bantime < 0 || jail.Growth.Factor < 1 {
			t.Errorf("got %+v", jail)
		}
		for _, p := range jail.Ignoreip {
			if p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
				t.Errorf("got ignoreip %v", p)
			}
		}
	})
}

func FuzzParseMain(f *testing.F) {
	seed(f, "testdata/main/*.yaml")
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := parseMain("x.yaml", data)
		if err != nil {
			checkPrintable(t, err)
			return
		}
		// Viper must have read what was checked.
		want, d := defaultMain(), newDecoder("x.yaml")
		d.document(data, want)
		want.keepAsRetention(d.given)
		want.File, want.Warnings, want.logsLine = got.File, got.Warnings, got.logsLine
		noEmptyLists(reflect.ValueOf(want).Elem())
		noEmptyLists(reflect.ValueOf(got).Elem())
		if !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// noEmptyLists makes no list of an empty one: [] and nothing mean the same.
func noEmptyLists(v reflect.Value) {
	for i := range v.NumField() {
		switch f := v.Field(i); {
		case f.Kind() == reflect.Slice && f.Len() == 0:
			f.SetZero()
		case f.Kind() == reflect.Struct:
			noEmptyLists(f)
		}
	}
}

func seed(f *testing.F, glob string) {
	files, _ := filepath.Glob(glob)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// Every key of the main file says when a change takes effect, and does so at a reload:
// it is taken, or named among those that wait for a restart.
func TestReloaded(t *testing.T) {
	for _, k := range keysOf(reflect.TypeFor[Main]()) {
		t.Run(k.name, func(t *testing.T) {
			word := k.Tag.Get("reload")
			if word != atOnce && word != atRestart {
				t.Fatalf("got reload %q, want %q or %q", word, atOnce, atRestart)
			}
			old, fresh := defaultMain(), defaultMain()
			other(t, reflect.ValueOf(fresh).Elem().FieldByIndex(k.Index))
			now, waiting := old.Reloaded(fresh)
			want := fresh
			if word == atRestart {
				want = old
				if len(waiting) != 1 || waiting[0] != k.name {
					t.Errorf("got %v that wait, want %s", waiting, k.name)
				}
			} else if len(waiting) != 0 {
				t.Errorf("got %v that wait, want none", waiting)
			}
			if !reflect.DeepEqual(now, want) {
				t.Errorf("got %+v, want %+v", now, want)
			}
			if !reflect.DeepEqual(old, defaultMain()) {
				t.Error("the main file of before is another one")
			}
		})
	}
	same := defaultMain()
	if now, waiting := same.Reloaded(defaultMain()); len(waiting) != 0 || !reflect.DeepEqual(now, same) {
		t.Errorf("nothing differs: got %v that wait", waiting)
	}
}

// other gives v, or the first of its fields, another value.
func other(t *testing.T, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(!v.Bool())
	case reflect.Int, reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Float64:
		v.SetFloat(v.Float() + 1)
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Slice:
		v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
	case reflect.Struct:
		other(t, v.Field(0))
	default:
		t.Fatalf("no other value of a %s is known", v.Type())
	}
}

// Every check refuses what is beyond it.
func TestChecksRefuse(t *testing.T) {
	seen := 0
	for _, of := range everyStruct {
		for _, k := range keysOf(reflect.TypeOf(of)) {
			rule, ok := k.Tag.Lookup("check")
			if !ok {
				continue
			}
			seen++
			typ := k.Type
			if typ.Kind() == reflect.Slice {
				typ = typ.Elem()
			}
			for _, text := range beyond(rule) {
				v, d := reflect.New(typ).Elem(), newDecoder("x.yaml")
				if err := setLeaf(v, text); err != nil {
					continue // refused before it is checked
				}
				if d.checkValue(rule, v, k.name); len(d.problems) != 1 || d.problems[0].Fix == "" {
					t.Errorf("%T %s, check %q: got %v for %s, want one problem with a hint", of, k.name, rule, d.problems, text)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("got %d checks: where are they?", seen)
	}
}

// beyond are values that a check refuses.
func beyond(rule string) []string {
	switch kind, span, _ := strings.Cut(rule, " "); kind {
	case "from", "factor":
		least, most, bounded := strings.Cut(span, " to ")
		list := []string{"-1", "0", "0.0001"}
		if bounded {
			list = append(list, most+"1")
			if strings.HasSuffix(most, "w") {
				list = append(list, "100w")
			}
		}
		return slices.DeleteFunc(list, func(s string) bool { return s == least || least == "0" && s == "0.0001" })
	}
	return []string{"relative", ""}
}
