package configs

// maxGeoIPFiles is how many geoip files are read at most. One file of countries and one of
// networks is enough for every site.
const maxGeoIPFiles = 16

// GeoIP says how points depend on the country and network of an address.
type GeoIP struct {
	Files []string `yaml:"files" optional:"[/var/lib/GeoIP/GeoLite2-Country.mmdb, /var/lib/GeoIP/GeoLite2-ASN.mmdb]" check:"path" doc:"MaxMind DB files of countries or networks (ASN), searched in this order, and read again when they change. For addresses that are not in them, pbxjail searches /var/lib/pbxjail/geoip (jailctl geoip update), /usr/share/GeoIP, /var/lib/GeoIP, and last its own table of countries."`

	Home      []string `yaml:"home" optional:"[GB, IE]" doc:"Countries your phones are in, as ISO 3166 codes. If none is named, elsewhere has no effect."`
	Elsewhere float64  `yaml:"elsewhere" optional:"2" doc:"Points from any other known country are multiplied by this. A country alone never bans."`
	Block     []string `yaml:"block" optional:"[KP]" doc:"Countries where one line is enough for a ban. Protected addresses are still never banned."`
	ASN       []ASN    `yaml:"asn" optional:"[64500=1.5]" doc:"Networks by their autonomous system number, each with the factor for their points."`
}

// Rules are the geoip rules for jails that have none of their own.
func (g GeoIP) Rules() PlaceRules {
	return PlaceRules{Home: g.Home, Elsewhere: g.Elsewhere, Block: g.Block, ASN: g.ASN}
}

func (g GeoIP) validate(d *decoder) {
	if len(g.Files) > maxGeoIPFiles {
		d.fault("geoip.files", "write at most one file of countries and one file of networks (ASN)", "too many files: %d, the limit is %d", len(g.Files), maxGeoIPFiles)
	}
	g.Rules().validate(d, "geoip")
}
