package control

import "time"

// GeoIP lists the geoip databases in use.
type GeoIP struct {
	Files []GeoIPFile `json:"files"` // in the order of lookups; empty: no country or network is known
}

// GeoIPFile is one database in use.
type GeoIPFile struct {
	Path     string    `json:"path"` // "" is the embedded one
	Embedded bool      `json:"embedded"`
	Type     string    `json:"type"` // the type that the file names
	Says     string    `json:"says"` // country, asn
	Built    time.Time `json:"built"`
	AgeDays  int       `json:"age_days"`
}
