package configs

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestShippedNumbers(t *testing.T) {
	n := ShippedNumbers()
	if len(n.Warnings) > 0 || len(n.Prefixes) < 6 || len(n.Countries) < 20 || len(n.Premium) < 8 {
		t.Errorf("got %d prefixes, %d countries, %d premium ranges, warnings %v", len(n.Prefixes), len(n.Countries), len(n.Premium), n.Warnings)
	}
	seen := map[string]bool{}
	for _, c := range n.Countries {
		if seen[c.Code] {
			t.Errorf("%s is named twice", c.Code)
		}
		seen[c.Code] = true
	}
	for _, p := range n.Premium {
		if seen[p.Range] {
			t.Errorf("%s is named twice", p.Range)
		}
		seen[p.Range] = true
	}
	// Who reads the file must learn where each entry comes from.
	for line := range strings.Lines(string(shippedNumbers)) {
		if strings.HasPrefix(strings.TrimSpace(line), "- {") && !strings.Contains(line, "} ") {
			t.Errorf("got no source in %s", line)
		}
	}
}

func TestNumbersFaults(t *testing.T) {
	const prefixes = "prefixes: [{digits: \"00\"}]\n"
	for _, c := range []struct{ name, text, want string }{
		{"good", prefixes, ""},
		{"good with all", "prefixes: [{digits: \"+\", access: 8}]\ncountries: [{code: \"972\", factor: 2}]\npremium: [{range: \"4470\"}]\n", ""},
		{"no prefixes", "countries: []\n", "x.yaml:1: prefixes: is empty"},
		{"prefix", "prefixes: [{digits: \"0\"}]\n", `x.yaml:1: prefixes[0].digits: "0" is not a prefix`},
		{"prefix is a number", "prefixes: [{digits: 00}]\n", `x.yaml:1: prefixes[0].digits: YAML does not read 00 as a text, because it has no quotes`},
		{"access", "prefixes: [{digits: \"00\", access: 9}]\n", "x.yaml:1: prefixes[0].access: 9 is not between 0 and 8"},
		{"code", prefixes + "countries:\n  - {code: \"0972\"}\n", `x.yaml:3: countries[0].code: "0972" is not a country code`},
		{"no code", prefixes + "countries:\n  - {factor: 2}\n", `x.yaml:3: countries[0].code: "" is not a country code`},
		{"factor", prefixes + "premium:\n  - {range: \"979\", factor: 0.9}\n", "x.yaml:3: premium[0].factor: 0.9 is not between 1 and 10"},
		{"unknown key", prefixes + "premiums: []\n", `x.yaml:2: unknown key "premiums"`},
		{"unknown key within", prefixes + "premium:\n  - {code: \"979\"}\n", `unknown key "code"`},
		{"too many", prefixes + "countries: [" + strings.Repeat("{code: \"972\"},", maxNumbers+1) + "]\n", "x.yaml:2: countries: too many entries: 1001, the limit is 1000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseNumbers("x.yaml", []byte(c.text))
			switch {
			case c.want == "" && err != nil:
				t.Errorf("got %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want %s", err, c.want)
			case err != nil:
				if p, ok := errors.AsType[Problem](err); !ok || p.Hint() == "" {
					t.Errorf("got no hint with %v", err)
				}
			}
		})
	}
}

func TestFraudLoadsItsNumbers(t *testing.T) {
	if n, err := (Fraud{}).LoadNumbers(); err != nil || n.File != "shipped/numbers.yaml" {
		t.Errorf("got %+v, %v, want the shipped file", n, err)
	}
	path := filepath.Join(t.TempDir(), "numbers.yaml")
	if err := os.WriteFile(path, []byte("prefixes: [{digits: \"011\"}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if n, err := (Fraud{Numbers: path}).LoadNumbers(); err != nil || n.File != path || len(n.Prefixes) != 1 {
		t.Errorf("got %+v, %v, want the one of %s", n, err, path)
	}
	if _, err := (Fraud{Numbers: path + "x"}).LoadNumbers(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v, want an error that is os.ErrNotExist", err)
	}
}
