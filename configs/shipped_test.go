package configs

import (
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const plain = "logs: [/var/log/asterisk/full]\nmatch: [{event: bad-password}]\n"

func TestLoadJails(t *testing.T) {
	ships := []string{"guessing", "manager", "scanning", "silent", "sipsec", "toll-fraud"}
	many := map[string]string{}
	for i := range maxJails + 1 {
		many[fmt.Sprintf("a%03d.yaml", i)] = plain
	}
	for _, c := range []struct {
		name  string
		files map[string]string // nil: the folder does not exist
		want  []string
		bad   map[string]string
	}{
		{"no folder", nil, ships, nil},
		{"empty folder", map[string]string{}, ships, nil},
		{"one more", map[string]string{"night.yml": plain}, []string{"guessing", "manager", "night", "scanning", "silent", "sipsec", "toll-fraud"}, nil},
		{"one off", map[string]string{"manager.yaml": "enabled: false\n"}, []string{"guessing", "scanning", "silent", "sipsec", "toll-fraud"}, nil},
		{"one replaced", map[string]string{"manager.yaml": plain}, ships, nil},
		{
			"one bad", map[string]string{"manager.yaml": "enabled: fasle\n", "night.yaml": plain},
			[]string{"guessing", "night", "scanning", "silent", "sipsec", "toll-fraud"},
			map[string]string{"manager": "DIR/manager.yaml:1: enabled: \"fasle\" is neither true nor false"},
		},
		{
			"leftovers", map[string]string{
				".hidden.yaml": "x", "guessing.yaml~": "x", "#guessing.yaml#": "x", "guessing.yaml.dpkg-old": "x",
				".guessing.yaml.swp": "x", "README": "x", "guessing.conf": "x", "guessing.yaml.bak": "x",
			}, ships, nil,
		},
		{
			"no name", map[string]string{"My Jail.yaml": plain}, ships,
			map[string]string{"My Jail": "DIR/My Jail.yaml:1: \"My Jail\" cannot be the name of a jail"},
		},
		{
			"twice", map[string]string{"manager.yaml": plain, "manager.yml": plain},
			[]string{"guessing", "scanning", "silent", "sipsec", "toll-fraud"},
			map[string]string{"manager": "DIR/manager.yml: jail manager has two files in this folder: this one and manager.yaml"},
		},
		{
			"too many", many, slices.Sorted(slices.Values(append(ships, names(many)[:maxJails]...))),
			map[string]string{"": "DIR: has more than 256 jail files: pbxjail does not read a256.yaml and those after it, so these jails do not run"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "pbxjail.d")
			if c.files != nil {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for name, data := range c.files {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			checkJails(t, dir, c.want, c.bad)
		})
	}

	t.Run("folder in place of a file", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "night.yaml"), 0o755); err != nil {
			t.Fatal(err)
		}
		checkJails(t, dir, ships, map[string]string{"night": "DIR/night.yaml: is a folder"})
	})
	t.Run("file in place of the folder", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "pbxjail.d")
		if err := os.WriteFile(file, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		checkJails(t, file, ships, map[string]string{"": "DIR: not a directory"})
	})
}

func checkJails(t *testing.T, dir string, want []string, wantBad map[string]string) {
	t.Helper()
	jails, errs := LoadJails(dir)
	var got []string
	for _, j := range jails {
		got = append(got, j.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got jails %v, want %v", got, want)
	}
	bad := map[string]string{}
	for name, err := range errs {
		bad[name] = strings.ReplaceAll(err.Error(), dir, "DIR")
	}
	if !maps.Equal(bad, wantBad) {
		t.Errorf("got bad %q, want %q", bad, wantBad)
	}
}

func names(files map[string]string) []string {
	var all []string
	for file := range files {
		all = append(all, JailName(file))
	}
	slices.Sort(all)
	return all
}

func TestReplacedJail(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "sipsec.yaml")
	if err := os.WriteFile(path, []byte(plain), 0o644); err != nil {
		t.Fatal(err)
	}
	jails, _ := LoadJails(dir)
	for _, j := range jails {
		want := "shipped/" + j.Name + ".yaml"
		if j.Name == "sipsec" {
			want = path
		}
		if j.File != want {
			t.Errorf("%s: got file %s, want %s", j.Name, j.File, want)
		}
	}
}

// A shipped jail teaches: it has no warnings, lines that count and lines that do not.
func TestShipped(t *testing.T) {
	files, err := fs.Glob(embedded, "jails/*.yaml")
	if err != nil || len(files) != 15 {
		t.Fatalf("got %v, %v, want fifteen files", files, err)
	}
	for _, file := range files {
		data, err := embedded.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		jail, err := ParseJail(file, data)
		if err != nil {
			t.Fatal(err)
		}
		if jail.Enabled == jail.ReadsOthers() || jail.Observe || len(jail.Warnings) > 0 {
			t.Errorf("%s: got enabled %v, observe %v, warnings %v", file, jail.Enabled, jail.Observe, jail.Warnings)
		}
		charged, free := 0, 0
		for _, s := range jail.Samples {
			if s.Addr.IsValid() {
				charged++
			} else {
				free++
			}
			if s.Addr.IsValid() && !strings.Contains(s.Text, s.Addr.String()) {
				t.Errorf("%s:%d: got a sample without its address %v", file, s.Line, s.Addr)
			}
		}
		if silent := jail.Name == "silent"; silent && charged > 0 || !silent && charged < 2 || free < 2 {
			t.Errorf("%s: got %d samples that count and %d that do not, want two of each", file, charged, free)
		}
	}
}
