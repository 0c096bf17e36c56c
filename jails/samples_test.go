package jails

import (
	"strings"
	"testing"

	"pbxjail/configs"
)

// What the shipped jails say of themselves is true.
func TestShippedSamples(t *testing.T) {
	list, bad := (&configs.Main{}).EveryJail()
	if len(bad) > 0 || len(list) == 0 {
		t.Fatalf("got %d jails, %v", len(list), bad)
	}
	for _, spec := range list {
		t.Run(spec.Name, func(t *testing.T) {
			j, err := Compile(spec)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range j.CheckSamples() {
				t.Errorf("%v", p)
			}
			charged, spared := 0, 0
			for _, s := range spec.Samples {
				if s.Addr.IsValid() {
					charged++
				} else {
					spared++
				}
			}
			if (charged > 0) == (spec.Name == "silent") || spared == 0 { // no record reports silence
				t.Errorf("got %d samples that are charged and %d that are spared, want some of both", charged, spared)
			}
		})
	}
}

func TestSamplesThatAreWrong(t *testing.T) {
	const line = "[2026-01-02 03:04:05] NOTICE[1] chan_sip.c: Registration from '<sip:301@pbx.example>' failed for '203.0.113.9:5060' - Wrong password"
	const again = "      " + line
	for _, c := range []struct{ name, match, samples, want string }{
		{"right", "{event: bad-password}", "addr: 203.0.113.9", ""},
		{"another address", "{event: bad-password}", "addr: 203.0.113.8", ":7: the line of this sample gives points to 203.0.113.9, but the key addr of the sample names 203.0.113.8"},
		{"no address", "{event: acl}", "addr: 203.0.113.9", ":7: the line of this sample gives points to no address, but the key addr of the sample names 203.0.113.9"},
		{"an address", "{event: bad-password}", `addr: "-"`, ":7: the line of this sample gives points to 203.0.113.9, but the sample has no key addr, so no address should get points"},
		{"too little evidence", "{event: bad-password}\nevidence: {ban: proven}", "addr: 203.0.113.9", ":8: the line of this sample gives points to no address, but the key addr of the sample names 203.0.113.9"},
		{"counts twice", "{event: bad-password}\n  - {regex: '^NOTICE chan_sip.c: Registration from .* failed for .<ADDR>:'}", "addr: 203.0.113.9", ":8: the line of this sample counts 2 times instead of once, first for 203.0.113.9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := "logs: [/log]\nmatch:\n  - " + c.match + "\nfindtime: 1m\nmaxretry: 1\nsamples:\n  - line: |-\n" + again + "\n    " + c.samples + "\n"
			spec, err := configs.ParseJail("x.yaml", []byte(text))
			if err != nil {
				t.Fatal(err)
			}
			j, err := Compile(spec)
			if err != nil {
				t.Fatal(err)
			}
			bad := j.CheckSamples()
			if got := strings.TrimPrefix(bad.Error(), "x.yaml"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			for _, p := range bad {
				checkProblem(t, p)
			}
		})
	}
}
