package daemon

import (
	"cmp"
	"net/netip"
	"slices"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/jails/geoip"
)

// openPlaces reads the files of places. Without any the daemon runs all the same,
// and knows no place.
func (d *Daemon) openPlaces() {
	d.places = geoip.Open(geoip.Options{Files: d.main.GeoIP.Files, Notify: func(path string, problem error) {
		if problem != nil {
			d.log.Error("file of places cannot be read", "err", problem, "hint", hintOf(problem))
			return
		}
		d.log.Info("file of places is read", "file", path)
	}})
	for _, f := range d.places.Files() {
		d.log.Info("places", "of", f.Says, "file", f.Name(), "built", f.Built.Format(time.DateOnly))
		if old := f.Old(d.since); old != nil {
			d.log.Warn(old.Error(), "hint", old.Hint())
		}
	}
}

// countries counts the live bans of each country, most first.
func (b *backend) countries(banned []netip.Prefix) []control.Country {
	counts := map[string]int{}
	for _, p := range banned {
		counts[b.d.places.Place(p.Addr()).Country]++
	}
	var list []control.Country
	for code, n := range counts {
		list = append(list, control.Country{Code: code, Bans: n})
	}
	slices.SortFunc(list, func(x, y control.Country) int { return cmp.Or(y.Bans-x.Bans, cmp.Compare(x.Code, y.Code)) })
	return list
}

// placesStatus adds what places are looked up in, and what is wrong with it.
func (b *backend) placesStatus(s *control.Status, now time.Time) {
	for _, f := range b.d.places.Files() {
		s.GeoIP.Files = append(s.GeoIP.Files, control.GeoIPFile{
			Path: f.Path, Embedded: f.Path == "", Type: f.Type, Says: f.Says, Built: f.Built, AgeDays: f.Days(now),
		})
	}
	for _, err := range b.d.places.Problems(now) {
		s.Problems = append(s.Problems, control.Problem{What: err.Error(), Hint: hintOf(err)})
	}
}
