package daemon

import (
	"log/slog"
	"time"

	"pbxjail/configs/hint"
	"pbxjail/jails/geoip"
)

// openPlaces reads the files of places. Without any the daemon runs all the same,
// and knows no place.
func openPlaces(files []string, log *slog.Logger, now time.Time) *geoip.Tables {
	places := geoip.Open(geoip.Options{Files: files, Notify: func(path string, problem error) {
		if problem != nil {
			log.Error("file of places cannot be read", "err", problem, "hint", hint.Of(problem))
			return
		}
		log.Info("file of places is read", "file", path)
	}})
	for _, f := range places.Files() {
		log.Info("places", "of", f.Says, "file", f.Name(), "built", f.Built.Format(time.DateOnly))
		if old := f.Old(now); old != nil {
			log.Warn(old.Error(), "hint", old.Hint())
		}
	}
	return places
}
