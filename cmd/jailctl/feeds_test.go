package main

import (
	"time"

	"pbxjail/cmd/internal/control"
)

func sampleFeeds() []control.Feed {
	return []control.Feed{
		{Name: "blocklist-sip", Source: "https://lists.blocklist.de/lists/sip.txt", Format: "text", Use: "factor", Factor: 1.5, Enabled: true, Entries: 5432,
			Fetched: control.Moment(t0.Add(-26 * time.Hour)), Checked: control.Moment(t0.Add(-2 * time.Hour))},
		{Name: "drop", Source: "https://www.spamhaus.org/drop/drop_v4.json", Format: "json-lines", Use: "both", Factor: 2, Enabled: true, Entries: 1400, Refused: 2,
			Fetched: control.Moment(t0.Add(-50 * time.Hour)), Checked: control.Moment(t0.Add(-50 * time.Hour)), InKernel: 1404, Protected: 1,
			Problem: "the server of the feed answers 503 Service Unavailable", Hint: "pbxjail tries again by itself, and the last good list stays in use. If this lasts for days: open the url in a browser; if the list has moved, write its new url into the main file; then: jailctl reload"},
		{Name: "voipbl", Source: "https://voipbl.org/update/", Use: "ban", Factor: 1.5, Enabled: true},
		{Name: "ranges", Source: "shipped/ranges.txt", Use: "ban", Factor: 1.5},
	}
}
