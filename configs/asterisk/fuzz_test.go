package asterisk

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"pbxjail/configs/hint"
)

// FuzzRead eats any bytes as a file. Who comes out must be one address
// or a narrow network, or a name that a resolver can be asked; all that is said
// must be printable; and nothing may be left behind.
func FuzzRead(f *testing.F) {
	samples, err := filepath.Glob("testdata/*/*.conf")
	if err != nil || len(samples) < 20 {
		f.Fatalf("got %d samples, %v", len(samples), err)
	}
	for _, sample := range samples {
		text, err := os.ReadFile(sample)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	dir := f.TempDir() // where its includes are looked for
	name := regexp.MustCompile(`^[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*$`)
	f.Fuzz(func(t *testing.T, text []byte) {
		trusts, problems := readText(dir, string(text))
		if len(trusts) > maxTrusts || len(problems) > maxProblems+3 {
			t.Fatalf("got %d trusts and %d problems", len(trusts), len(problems))
		}
		again, _ := readText(dir, string(text))
		for i, trust := range trusts {
			if trust != again[i] {
				t.Fatalf("got %v, then %v", trust, again[i])
			}
			p := trust.Prefix
			switch {
			case trust.Host != "":
				if p.IsValid() || len(trust.Host) > 253 || !name.MatchString(trust.Host) {
					t.Fatalf("got %+v", trust)
				}
			case !p.IsValid() || p != p.Masked() || p.Addr().Is4In6() || p.Addr().Zone() != "":
				t.Fatalf("got %+v", trust)
			case trust.Role == LocalNet && private(p):
			case p.Addr().Is4() && p.Bits() < 16 || p.Addr().Is6() && p.Bits() < 32:
				t.Fatalf("got %v: too wide", p)
			case p.Addr().IsLoopback() || p.Addr().IsUnspecified() || p.Addr().IsMulticast():
				t.Fatalf("got %v: no address", p)
			}
			if trust.Line < 1 || trust.File == "" {
				t.Fatalf("got %+v: from nowhere", trust)
			}
			printable(t, trust.Why)
		}
		for _, problem := range problems {
			printable(t, problem.Error())
			printable(t, hint.Of(problem))
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Fatalf("got %v, %v: something was run", left, err)
		}
	})
}

// readText is Read of one file, without the file: the disk is slow.
func readText(dir, text string) ([]Trust, []error) {
	r := newReader(dir)
	r.begin()
	r.lines(dir+"/pjsip.conf", text)
	r.takeAll()
	return r.trusts, r.problems
}

func printable(t *testing.T, text string) {
	t.Helper()
	if text == "" || len(text) > 2000 || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		t.Fatalf("got %q: not printable", text)
	}
}
