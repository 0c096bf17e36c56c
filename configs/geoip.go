package configs

import "fmt"

// maxGeoIPFiles is how many files of places are read: one of countries and one of
// networks is what anybody needs.
const maxGeoIPFiles = 16

// GeoIP is where addresses are, and what that is worth.
type GeoIP struct {
	Files []string `yaml:"files" optional:"[/var/lib/GeoIP/GeoLite2-Country.mmdb, /var/lib/GeoIP/GeoLite2-ASN.mmdb]" doc:"MaxMind DB files of countries or networks (ASN), asked in this order; they are read again when they change. What they leave unsaid is looked for in /var/lib/pbxjail/geoip (jailctl geoip update), /usr/share/GeoIP and /var/lib/GeoIP, and at last in a table of countries that comes with pbxjail."`
}

func (g GeoIP) validate(d *decoder) {
	if len(g.Files) > maxGeoIPFiles {
		d.fault("geoip.files", "one of countries and one of networks is enough", "%d are more than %d", len(g.Files), maxGeoIPFiles)
	}
	for i, f := range g.Files {
		checkAbsolute(d, fmt.Sprintf("geoip.files[%d]", i), f)
	}
}
