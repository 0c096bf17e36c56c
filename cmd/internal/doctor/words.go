package doctor

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/configs/show"
)

// OnWire is the state of the sensor, in short sentences.
func OnWire(w control.Wire, now time.Time) []string {
	switch {
	case !w.Enabled:
		return []string{"off: log records cannot be checked against packets"}
	case w.Problem != "":
		return []string{"NOT READ: " + w.Problem}
	case w.Complete == nil:
		return []string{"not read yet"}
	}
	list := []string{fmt.Sprintf("%s read; attempts and log-ins found in them: %d", show.Count(int(w.Packets), "packet"), w.Events)}
	every := "every packet was read for the last " + show.Brief(now.Sub(*w.Complete))
	if n := w.Dropped + w.Sampled; n > 0 {
		every += "; before that, " + show.Count(int(n), "packet") + " could not be read, " + w.Unread()
	}
	if list = append(list, every); w.Forged > 0 {
		list = append(list, fmt.Sprintf("%s of logs ignored, because no packet confirms them", show.Count(int(w.Forged), "record")))
	}
	return list
}

// Places is one line about the files that say where addresses are.
func Places(g control.GeoIP) string {
	if len(g.Files) == 0 {
		return "no geoip file is read, so countries of addresses are not known"
	}
	var list []string
	for _, f := range g.Files {
		list = append(list, fmt.Sprintf("%s from %s, %s old", f.Says, cmp.Or(f.Path, "the built-in table"), show.Count(f.AgeDays, "day")))
	}
	return strings.Join(list, "; ")
}
