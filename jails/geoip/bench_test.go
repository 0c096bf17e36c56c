package geoip

import (
	"net/netip"
	"path/filepath"
	"testing"
)

// BenchmarkPlace is what an event pays. Addresses differ, as an attacker's do.
func BenchmarkPlace(b *testing.B) {
	dir := folder(b, "maxmind-country", "maxmind-asn", "flat-country", "flat-asn")
	path := func(name string) string { return filepath.Join(dir, name+".mmdb") }
	for _, c := range []struct {
		name  string
		files []string
	}{
		{"embedded", nil},
		{"embedded and flat asn", []string{path("flat-asn")}},
		{"flat country and asn", []string{path("flat-country"), path("flat-asn")}},
		{"maxmind country and asn", []string{path("maxmind-country"), path("maxmind-asn")}},
	} {
		b.Run(c.name, func(b *testing.B) {
			tables := quiet(b, "", "", c.files...)
			i := uint32(0)
			b.ReportAllocs()
			for b.Loop() {
				i += 2654435761
				a := netip.AddrFrom4([4]byte{byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
				if len(c.files) > 1 {
					a = netip.AddrFrom4([4]byte{203, 0, 113, byte(i>>24) & 0x7f})
				}
				tables.Place(a)
			}
		})
	}
}

func BenchmarkOpenEmbedded(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := openEmbedded(); err != nil {
			b.Fatal(err)
		}
	}
}
