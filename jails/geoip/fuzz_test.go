package geoip

import (
	"bytes"
	"testing"
)

// FuzzOpen: whatever is in a file, it opens or does not, answers or does not, and
// what it answers is of the form that the others count on.
func FuzzOpen(f *testing.F) {
	for name := range fixtures {
		f.Add(give(f, name))
	}
	f.Add([]byte("\xab\xcd\xefMaxMind.com"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := open("x", data)
		if (file == nil) == (err == nil) {
			t.Fatalf("got %v and %v", file, err)
		}
		if err != nil {
			return
		}
		if file.says == 0 || file.Says == "" {
			t.Errorf("got a file that says nothing")
		}
		tables := only(file)
		for _, a := range []string{"203.0.113.7", "2001:db8::7", "::", "::ffff:1.2.3.4", "ffff::"} {
			p := tables.Place(addr(a))
			if p.Country != "" && len(p.Country) != 2 {
				t.Errorf("got country %q", p.Country)
			}
			if p.Network.IsValid() && !p.Network.Contains(addr(a).Unmap()) {
				t.Errorf("got %s for %s", p.Network, a)
			}
		}
	})
}

// FuzzUnpack: whatever an archive says of itself, it is unpacked or refused.
func FuzzUnpack(f *testing.F) {
	f.Add(give(f, "flat-country"))
	f.Add(pack(f, give(f, "flat-country")))
	f.Add(archive(f, map[string][]byte{"a/b.mmdb": give(f, "flat-country")}))
	f.Fuzz(func(t *testing.T, data []byte) {
		if got, err := unpack(bytes.NewReader(data)); err != nil && got != nil {
			t.Errorf("got %d bytes and %v", len(got), err)
		}
	})
}
