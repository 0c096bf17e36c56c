package control

import "time"

// GeoIP is what places are looked up in.
type GeoIP struct {
	Files []GeoIPFile `json:"files"` // in the order they are asked; empty: no place is known
}

// GeoIPFile is a file in use.
type GeoIPFile struct {
	Path     string    `json:"path"` // "" is the embedded one
	Embedded bool      `json:"embedded"`
	Type     string    `json:"type"` // as it calls itself
	Says     string    `json:"says"` // country, asn
	Built    time.Time `json:"built"`
	AgeDays  int       `json:"age_days"`
}
