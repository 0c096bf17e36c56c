package daemon

import (
	"log/slog"
	"time"

	"pbxjail/jails/geoip"
)

// openPlaces reads the geoip databases. Without any the daemon runs all the same, and knows
// no country.
func openPlaces(files []string, log *slog.Logger, now time.Time) *geoip.Tables {
	places := geoip.Open(geoip.Options{Files: files, Notify: func(path string, problem error) {
		if problem != nil {
			log.Error("geoip file cannot be read, so pbxjail uses its other geoip files", "err", problem, "hint", todo(problem, "correct geoip.files in the main file; then: jailctl reload"))
			return
		}
		log.Info("geoip file loaded", "file", path)
	}})
	for _, f := range places.Files() {
		log.Info("geoip file loaded", "says", f.Says, "file", f.Name(), "built", f.Built.Format(time.DateOnly))
		if old := f.Old(now); old != nil {
			log.Warn(old.Error(), "hint", old.Hint())
		}
	}
	return places
}
