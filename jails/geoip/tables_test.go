package geoip

import (
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"pbxjail/jails/book"
)

// quiet opens Tables that know of no other folders than those given.
func quiet(t testing.TB, stored, known string, files ...string) *Tables {
	t.Helper()
	if stored == "" {
		stored = filepath.Join(t.TempDir(), "none")
	}
	return Open(Options{Files: files, Stored: stored, Known: []string{known}})
}

// only are Tables of one file.
func only(file *table) *Tables {
	t := &Tables{}
	t.used.Store(&[]*table{file})
	return t
}

func addr(text string) netip.Addr { return netip.MustParseAddr(text) }

// TestEmbeddedIsSound looks at every byte of the table that comes with the program: the
// program does not.
func TestEmbeddedIsSound(t *testing.T) {
	if _, err := open("", []byte(embedded)); err != nil {
		t.Fatal(err)
	}
}

// TestEmbedded: with no configuration and no file there are countries.
func TestEmbedded(t *testing.T) {
	tables := quiet(t, "", "")
	for a, want := range map[string]string{
		"8.8.8.8":               "US",
		"5.9.1.1":               "DE",
		"2a01:4f8::1":           "DE",
		"185.107.94.10":         "NL",
		"193.0.6.139":           "NL", // RIPE NCC
		"200.160.2.3":           "BR", // NIC.br
		"202.12.27.33":          "JP", // M root
		"2001:200::1":           "JP",
		"130.59.31.251":         "CH", // SWITCH
		"193.166.4.49":          "FI", // FUNET
		"131.111.150.25":        "GB", // Cambridge
		"139.130.4.5":           "AU", // Telstra
		"203.97.33.1":           "NZ",
		"168.126.63.1":          "KR", // KT
		"202.112.26.34":         "CN", // CERNET
		"80.67.169.12":          "FR", // FDN
		"147.32.1.1":            "CZ", // CTU
		"129.241.1.1":           "NO", // NTNU
		"134.226.1.1":           "IE", // TCD
		"::ffff:5.9.1.1":        "DE",
		"2a01:4f8::1%eth0":      "DE",
		"192.168.1.1":           "",
		"127.0.0.1":             "",
		"fe80::1":               "",
		"2001:db8::1":           "",
		"203.0.113.7":           "",
		"255.255.255.255":       "",
		"::":                    "",
		"ff02::1":               "",
		"64:ff9b::198.51.100.1": "",
	} {
		p := tables.Place(addr(a))
		if p.Country != want {
			t.Errorf("%s: got %q, want %q", a, p.Country, want)
		}
		if (want != "") != p.Network.IsValid() || p.Network.IsValid() && !p.Network.Contains(addr(a).Unmap().WithZone("")) {
			t.Errorf("%s: got network %s", a, p.Network)
		}
		if p.ASN != 0 || p.Org != "" {
			t.Errorf("%s: got %+v from a table of countries", a, p)
		}
	}
	if p := tables.Place(netip.Addr{}); p != (book.Place{}) {
		t.Errorf("got %+v of no address", p)
	}
	files := tables.Files()
	if len(files) != 1 || files[0].Path != "" || files[0].Says != "country" || files[0].Built.Year() != 2026 {
		t.Errorf("got files %+v", files)
	}
}

// TestSchemas: every make says what is in it, and of the right network.
func TestSchemas(t *testing.T) {
	four, six := addr("203.0.113.7"), addr("2001:db8::7")
	for name, want := range map[string]struct {
		says      string
		four, six book.Place
	}{
		"maxmind-country":    {"country", book.Place{Country: "NL"}, book.Place{Country: "DE"}},
		"maxmind-asn":        {"asn", book.Place{ASN: 64500, Org: "Example B.V."}, book.Place{ASN: 64501, Org: "Example GmbH"}},
		"maxmind-enterprise": {"country, asn", book.Place{Country: "FR", ASN: 64502, Org: "Exemple SARL"}, book.Place{Country: "FR", ASN: 64502, Org: "Exemple SARL"}},
		"dbip-country":       {"country", book.Place{Country: "BE"}, book.Place{Country: "BE"}},
		"dbip-asn":           {"asn", book.Place{ASN: 64503, Org: "Voorbeeld"}, book.Place{ASN: 64503, Org: "Voorbeeld"}},
		"flat-country":       {"country", book.Place{Country: "LU"}, book.Place{Country: "LU"}},
		"flat-country-ipv4":  {"country of IPv4", book.Place{Country: "CH"}, book.Place{}},
		"flat-country-ipv6":  {"country of IPv6", book.Place{}, book.Place{Country: "AT"}},
		"flat-asn":           {"asn", book.Place{ASN: 64504, Org: "\x1b[2J Evil \u202eInc"}, book.Place{ASN: 64504, Org: "Evil Inc"}},
		"own-nested":         {"country", book.Place{Country: "IT"}, book.Place{Country: "IT"}},
		"own-strange":        {"country of IPv4", book.Place{Country: "ES"}, book.Place{}},
	} {
		t.Run(name, func(t *testing.T) {
			file, err := open(name, give(t, name))
			if err != nil {
				t.Fatal(err)
			}
			if file.Says != want.says || !file.Built.Equal(built) {
				t.Errorf("got %q of %s, want %q of %s", file.Says, file.Built, want.says, built)
			}
			tables := only(file)
			for a, want := range map[netip.Addr]book.Place{four: want.four, six: want.six} {
				got := tables.Place(a)
				if want != (book.Place{}) && !got.Network.Contains(a) {
					t.Errorf("%s: got network %s", a, got.Network)
				}
				got.Network = netip.Prefix{}
				if got != want {
					t.Errorf("%s: got %+v, want %+v", a, got, want)
				}
			}
			if p := tables.Place(addr("192.0.2.1")); p != (book.Place{}) {
				t.Errorf("got %+v of an address that is in no file", p)
			}
		})
	}
}

func TestRegisteredCountryIsTheSecondBest(t *testing.T) {
	tables := quiet(t, "", "", filepath.Join(folder(t, "maxmind-country"), "maxmind-country.mmdb"))
	if p := tables.Place(addr("198.51.100.1")); p.Country != "GB" {
		t.Errorf("got %+v", p)
	}
}

// TestMerge: a file of countries and one of networks make one place, of the
// narrower network, and Lookup tells who said what.
func TestMerge(t *testing.T) {
	dir := folder(t, "maxmind-country", "maxmind-asn")
	country, asn := filepath.Join(dir, "maxmind-country.mmdb"), filepath.Join(dir, "maxmind-asn.mmdb")
	for _, files := range [][]string{{country, asn}, {asn, country}, {country, asn, country}} {
		tables := quiet(t, "", "", files...)
		got := tables.Lookup(addr("203.0.113.7"))
		want := book.Place{Country: "NL", ASN: 64500, Org: "Example B.V.", Network: netip.MustParsePrefix("203.0.113.0/25")}
		if got.Place != want || got.CountryFrom.Path != country || got.ASNFrom.Path != asn {
			t.Errorf("got %+v, want %+v", got, want)
		}
		got = tables.Lookup(addr("203.0.113.200"))
		want = book.Place{Country: "NL", Network: netip.MustParsePrefix("203.0.113.0/24")}
		if got.Place != want || got.ASNFrom != nil {
			t.Errorf("got %+v, want %+v", got, want)
		}
		if n := len(tables.Files()); n != 2 {
			t.Errorf("got %d files in use, want 2", n)
		}
	}
}

// TestOrder is the order of choice.
func TestOrder(t *testing.T) {
	admin := folder(t, "maxmind-country")
	stored := folder(t, "dbip-country", "flat-country")
	newer := fixtures["flat-country"].bytes(t, built.Add(time.Hour))
	put(t, filepath.Join(stored, "flat-country.mmdb"), newer)
	known := folder(t, "own-nested", "dbip-asn", "maxmind-anonymous")
	a := addr("203.0.113.7")
	for _, c := range []struct {
		name          string
		stored, known string
		files         []string
		country       string
		asn           uint32
		used          int
	}{
		{"the admin's before all others", stored, known, []string{admin + "/maxmind-country.mmdb"}, "NL", 64503, 2},
		{"the newest of the stored", stored, known, nil, "LU", 64503, 2},
		{"known places", "", known, nil, "IT", 64503, 2},
		{"the embedded one, which does not know it", "", "", nil, "", 0, 1},
		{"the embedded one beside networks", "", folder(t, "dbip-asn"), nil, "", 64503, 2},
		{"both protocols from two files", folder(t, "flat-country-ipv4", "flat-country-ipv6"), known, nil, "CH", 64503, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			tables := quiet(t, c.stored, c.known, c.files...)
			p := tables.Place(a)
			if p.Country != c.country || p.ASN != c.asn || len(tables.Files()) != c.used {
				t.Errorf("got %+v from %+v, want %s, AS%d from %d files", p, tables.Files(), c.country, c.asn, c.used)
			}
			if problems := tables.Problems(built.AddDate(0, -4, 0)); len(problems) > 0 {
				t.Errorf("got %v, want no problems", problems)
			}
		})
	}
}

// TestUnusedFilesAreNotHeld: what is not asked takes no memory.
func TestUnusedFilesAreNotHeld(t *testing.T) {
	tables := quiet(t, folder(t, "maxmind-country", "dbip-country"), folder(t, "own-nested", "dbip-asn"))
	held := 0
	for _, e := range tables.entries {
		if e.table != nil {
			held++
		}
	}
	if held != len(tables.Files()) || held != 2 || tables.embedded != nil {
		t.Errorf("got %d files held, embedded %v, in use are %+v", held, tables.embedded != nil, tables.Files())
	}
}

func TestAge(t *testing.T) {
	tables := quiet(t, "", "")
	made := tables.Files()[0].Built
	if got := tables.Problems(made.Add(MaxAge)); len(got) != 0 {
		t.Errorf("got %v at 90 days, want nothing", got)
	}
	got := tables.Problems(made.Add(MaxAge + time.Second))
	if len(got) != 1 || !strings.HasPrefix(got[0].Error(), "geoip: the built-in table is 90 days old, from 2026-06-17: ") {
		t.Fatalf("got %v after 90 days", got)
	}
	if hint := got[0].(*Problem).Hint(); !strings.Contains(hint, "jailctl geoip update") {
		t.Errorf("got hint %q", hint)
	}
	if d := tables.Files()[0].Days(made.Add(91*24*time.Hour - time.Second)); d != 90 {
		t.Errorf("got %d days", d)
	}
	if d := tables.Files()[0].Days(made.Add(-time.Hour)); d != 0 {
		t.Errorf("got %d days of a table from the future", d)
	}
}

func TestIso(t *testing.T) {
	for in, want := range map[string]string{"NL": "NL", "nl": "NL", "AA": "AA", "ZZ": "", "zz": "", "": "", "N": "", "NLD": "", "N1": "", "--": "", "\xc3\xa9": "", "[{": "", "@A": ""} {
		if got := iso(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

// TestBadFiles: each is reported with a hint, and the others go on.
func TestBadFiles(t *testing.T) {
	dir := t.TempDir()
	whole := give(t, "maxmind-country")
	bad := map[string][]byte{
		"empty":     {},
		"text":      []byte("not a table\n"),
		"truncated": whole[:len(whole)/2],
		"headless":  whole[len(whole)/2:],
		"holed":     append(make([]byte, len(whole)-400), whole[len(whole)-400:]...),
		"anonymous": give(t, "maxmind-anonymous"),
	}
	files := []string{filepath.Join(dir, "missing.mmdb"), dir}
	for name, data := range bad {
		put(t, filepath.Join(dir, name+".mmdb"), data)
		files = append(files, filepath.Join(dir, name+".mmdb"))
	}
	big := filepath.Join(dir, "big.mmdb")
	put(t, big, nil)
	if err := os.Truncate(big, MaxSize+1); err != nil {
		t.Fatal(err)
	}
	files = append(files, big)
	tables := quiet(t, "", "", files...)
	problems := tables.Problems(tables.Files()[0].Built)
	if len(problems) != len(files) {
		t.Errorf("got %d problems, want %d: %v", len(problems), len(files), problems)
	}
	for _, p := range problems {
		if p.(*Problem).Hint() == "" {
			t.Errorf("%v: no hint", p)
		}
	}
	if p := tables.Place(addr("5.9.1.1")); p.Country != "DE" {
		t.Errorf("got %+v, want what the built-in table says", p)
	}
}

// TestMemory: the built-in table holds little more than its size.
func TestMemory(t *testing.T) {
	file, err := openEmbedded()
	if err != nil {
		t.Fatal(err)
	}
	before, after := heap(), uint64(0)
	if file.Size > 6<<20 {
		t.Errorf("got %d bytes", file.Size)
	}
	runtime.KeepAlive(file)
	file = nil
	if after = heap(); before-after > 6<<20 {
		t.Errorf("got %d bytes held, want little more than the file has", before-after)
	}
	t.Logf("%d bytes held", before-after)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
