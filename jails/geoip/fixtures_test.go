package geoip

import (
	"bytes"
	"flag"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
)

var update = flag.Bool("update", false, "write the files of testdata again")

// built is when the files of testdata were made, as they say.
var built = time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)

// fixture is a file as its maker would make it.
type fixture struct {
	kind    string // database_type
	version int    // 0 is 6, with IPv4 in it
	records map[string]mmdbtype.Map
}

func nested(code string) mmdbtype.Map {
	return mmdbtype.Map{"country": mmdbtype.Map{"iso_code": mmdbtype.String(code), "names": mmdbtype.Map{"en": mmdbtype.String("Country " + code)}}}
}

func registered(code string) mmdbtype.Map {
	return mmdbtype.Map{"registered_country": mmdbtype.Map{"iso_code": mmdbtype.String(code)}}
}

func flat(code string) mmdbtype.Map { return mmdbtype.Map{"country_code": mmdbtype.String(code)} }

func network(asn uint32, org string) mmdbtype.Map {
	return mmdbtype.Map{"autonomous_system_number": mmdbtype.Uint32(asn), "autonomous_system_organization": mmdbtype.String(org)}
}

func enterprise(code string, asn uint32, org string) mmdbtype.Map {
	m := nested(code)
	m["traits"] = network(asn, org)
	return m
}

// fixtures are in testdata, for the tests of jailctl too.
var fixtures = map[string]fixture{
	"maxmind-country": {kind: "GeoLite2-Country", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": nested("NL"), "198.51.100.0/24": registered("GB"), "2001:db8::/32": nested("DE")}},
	"maxmind-asn": {kind: "GeoLite2-ASN", records: map[string]mmdbtype.Map{
		"203.0.113.0/25": network(64500, "Example B.V."), "2001:db8::/48": network(64501, "Example GmbH")}},
	"maxmind-enterprise": {kind: "GeoIP2-Enterprise", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": enterprise("FR", 64502, "Exemple SARL"), "2001:db8::/32": enterprise("FR", 64502, "Exemple SARL")}},
	"maxmind-anonymous": {kind: "GeoIP2-Anonymous-IP", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": {"is_anonymous": mmdbtype.Bool(true)}}},
	"dbip-country": {kind: "DBIP-Country-Lite", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": nested("BE"), "2001:db8::/32": nested("BE")}},
	"dbip-asn": {kind: "DBIP-ASN-Lite (compat=GeoLite2-ASN)", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": network(64503, "Voorbeeld"), "2001:db8::/32": network(64503, "Voorbeeld")}},
	"flat-country": {kind: "country ipvAll", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": flat("LU"), "2001:db8::/32": flat("LU")}},
	"flat-country-ipv4": {kind: "country ipv4", version: 4, records: map[string]mmdbtype.Map{"203.0.113.0/24": flat("CH")}},
	"flat-country-ipv6": {kind: "country ipv6", records: map[string]mmdbtype.Map{"2001:db8::/32": flat("AT")}},
	"flat-asn": {kind: "asn ipvAll", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": network(64504, "\x1b[2J Evil \u202eInc"), "2001:db8::/32": network(64504, "Evil Inc")}},
	"own-nested": {kind: "My own", records: map[string]mmdbtype.Map{
		"203.0.113.0/24": nested("IT"), "2001:db8::/32": nested("IT")}},
	"own-strange": {kind: "My own", records: map[string]mmdbtype.Map{ // the words of others
		"203.0.113.0/24": {"country": mmdbtype.String("Spain"), "country_code": mmdbtype.String("es"), "autonomous_system_number": mmdbtype.String("AS64505")}}},
}

func (f fixture) bytes(t testing.TB, when time.Time) []byte {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		BuildEpoch: when.Unix(), DatabaseType: f.kind, IPVersion: f.version,
		IncludeReservedNetworks: true, DisableIPv4Aliasing: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	for prefix, record := range f.records {
		_, n, err := net.ParseCIDR(prefix)
		if err == nil {
			err = tree.Insert(n, record)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	if _, err := tree.WriteTo(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestFixtures(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	for name, f := range fixtures {
		if err := os.WriteFile(filepath.Join("testdata", name+".mmdb"), f.bytes(t, built), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// give returns the bytes of a file of testdata.
func give(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name+".mmdb"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// folder is a new folder with files of testdata, each under the name before the colon.
func folder(t testing.TB, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range files {
		put(t, filepath.Join(dir, name+".mmdb"), give(t, name))
	}
	return dir
}

func put(t testing.TB, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}
