package configs

// maxGeoIPFiles is how many files of places are read: one of countries and one of
// networks is what anybody needs.
const maxGeoIPFiles = 16

// GeoIP is where addresses are, and what that is worth.
type GeoIP struct {
	Files []string `yaml:"files" optional:"[/var/lib/GeoIP/GeoLite2-Country.mmdb, /var/lib/GeoIP/GeoLite2-ASN.mmdb]" check:"path" doc:"MaxMind DB files of countries or networks (ASN), asked in this order; they are read again when they change. What they leave unsaid is looked for in /var/lib/pbxjail/geoip (jailctl geoip update), /usr/share/GeoIP and /var/lib/GeoIP, and at last in a table of countries that comes with pbxjail."`

	Home      []string `yaml:"home" optional:"[GB, IE]" doc:"Countries your phones are in, as ISO 3166 codes. Where none is named, no country is elsewhere."`
	Elsewhere float64  `yaml:"elsewhere" optional:"2" doc:"What points from any other known country are multiplied by. A country alone never bans."`
	Block     []string `yaml:"block" optional:"[KP]" doc:"Countries of which one line suffices for a ban. Protected addresses are never banned all the same."`
	ASN       []ASN    `yaml:"asn" optional:"[64500=1.5]" doc:"Networks by their autonomous system number, and what their points are multiplied by."`
}

// Rules are what the place of an address makes of its points, where a jail does
// not say otherwise.
func (g GeoIP) Rules() PlaceRules {
	return PlaceRules{Home: g.Home, Elsewhere: g.Elsewhere, Block: g.Block, ASN: g.ASN}
}

func (g GeoIP) validate(d *decoder) {
	if len(g.Files) > maxGeoIPFiles {
		d.fault("geoip.files", "one of countries and one of networks is enough", "%d are more than %d", len(g.Files), maxGeoIPFiles)
	}
	g.Rules().validate(d, "geoip")
}
