package main

import (
	"bytes"
	"io"
	"net/netip"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/cmd/internal/doctor"
	"pbxjail/jails/geoip"
)

// tableFiles are made by the tests of package geoip.
const tableFiles = "../../jails/geoip/testdata/"

// placesDay is a day for the files of testdata, which are of 2026-11-01.
var placesDay = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func openPlaces(t *testing.T, files ...string) *geoip.Tables {
	t.Helper()
	for i := range files {
		files[i] = tableFiles + files[i] + ".mmdb"
	}
	return geoip.Open(geoip.Options{Files: files, Stored: t.TempDir(), Known: []string{}})
}

func TestGoldenGeoIP(t *testing.T) {
	addrs := []netip.Addr{netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("203.0.113.200"), netip.MustParseAddr("2001:db8::7"), netip.MustParseAddr("192.0.2.1")}
	both := openPlaces(t, "maxmind-country", "maxmind-asn")
	for name, print := range map[string]func(*app) error{
		"geoip-status.txt":   func(a *app) error { return a.printGeoIPStatus(a.geoipStatus(both)) },
		"geoip-embedded.txt": func(a *app) error { return a.printGeoIPStatus(a.geoipStatus(openPlaces(t))) },
		"geoip-broken.txt": func(a *app) error {
			return a.printGeoIPStatus(a.geoipStatus(openPlaces(t, "maxmind-anonymous", "none", "maxmind-country")))
		},
		"geoip-lookup.txt":  func(a *app) error { return a.lookup(both, addrs) },
		"geoip-hostile.txt": func(a *app) error { return a.lookup(openPlaces(t, "flat-country", "flat-asn"), addrs[:1]) },
		"geoip-lookup.json": func(a *app) error { a.json = true; return a.lookup(both, []netip.Addr{addrs[0], addrs[3]}) },
		"geoip-status.json": func(a *app) error { return a.emit(a.geoipStatus(both)) },
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := print(&app{stdout: &out, stderr: io.Discard, now: func() time.Time { return placesDay }}); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestGoldenGeoIPUpdate(t *testing.T) {
	table := func(kind string, built time.Time) geoip.Table {
		return geoip.Table{Path: geoip.Stored + "/country.mmdb", Type: kind, Built: built, Says: "country"}
	}
	fresh, old := table("GeoLite2-Country", placesDay.AddDate(0, 0, -3)), table("DBIP-Country-Lite", placesDay.AddDate(0, 0, -100))
	for name, u := range map[string]geoip.Update{
		"geoip-update-first.txt":  {Path: fresh.Path, New: fresh},
		"geoip-update-change.txt": {Path: fresh.Path, New: fresh, Old: &old},
		"geoip-update-older.txt":  {Path: fresh.Path, New: old, Old: &fresh},
		"geoip-update-same.txt":   {Path: fresh.Path, New: fresh, Old: &fresh, Same: true},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			if err := (&app{stdout: &out, stderr: &out, now: func() time.Time { return placesDay }}).printUpdate(u); err != nil {
				t.Fatal(err)
			}
			golden(t, name, out.Bytes())
		})
	}
}

func TestPlaceInWords(t *testing.T) {
	network := netip.MustParsePrefix("203.0.113.0/24")
	for want, p := range map[string]control.Place{
		"NL, AS64500 Example, 203.0.113.0/24": {Country: "NL", ASN: 64500, Org: "Example", Network: network},
		"AS64500, 203.0.113.0/24":             {ASN: 64500, Network: network},
		"NL":                                  {Country: "NL"},
	} {
		if got := placeText(p); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := doctor.Places(control.GeoIP{}); got != "no geoip file is read, so countries of addresses are not known" {
		t.Errorf("got %q", got)
	}
	for _, c := range [][3]string{{"a", "b", "a, b"}, {"a", "a", "a"}, {"a", "", "a"}, {"", "b", "b"}, {"", "", ""}} {
		if got := both(c[0], c[1]); got != c[2] {
			t.Errorf("got %q, want %q", got, c[2])
		}
	}
}
