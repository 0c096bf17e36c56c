package daemon

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"pbxjail/cmd/internal/control"
	"pbxjail/parsers"
)

// scrape reads the metrics of a site at its socket.
func (s *site) scrape() string {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", s.path("metrics"))
	}}}
	r, err := client.Get("http://metrics/metrics")
	if err != nil {
		return ""
	}
	defer r.Body.Close()
	body, _ := io.ReadAll(r.Body)
	return string(body)
}

// A running daemon shows in its metrics and in status what happened.
func TestMetrics(t *testing.T) {
	s := newSite(t)
	s.run(s.open(), nil)
	s.append(failures("203.0.113.9", 3))
	s.banned("203.0.113.9")
	if s.scrape() != "" {
		t.Error("got metrics though they are off")
	}
	s.configure("metrics: {listen: 'unix:" + s.path("metrics") + "'}")
	if _, err := s.client().Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"pbxjail_bans_total{jail=\"phones\"} 1\n",
		"pbxjail_active_bans{jail=\"phones\"} 1\n",
		"pbxjail_jail_events_total{jail=\"phones\"} 3\n",
		"pbxjail_events_total{kind=\"bad-password\",witness=\"notice\"} 3\n",
		"pbxjail_log_lines_total{log=\"" + s.path("logs/security") + "\"} 3\n",
		"pbxjail_log_behind_bytes{log=\"" + s.path("logs/security") + "\"} 0\n",
		"pbxjail_ban_latency_seconds_count 1\n",
		"pbxjail_decisions_dropped_total{to=\"log\"} 0\n",
		"pbxjail_enforcing 0\n", // observe
	}
	var body string
	s.eventually("the metrics", func() bool {
		body = s.scrape()
		for _, line := range want {
			if !strings.Contains(body, line) {
				return false
			}
		}
		return true
	})
	if strings.Contains(body, "203.0.113.9") || strings.Contains(body, "pbxjail_dropped_packets_total ") {
		t.Errorf("got an address, or packets that nothing dropped:\n%s", body)
	}
	f := s.status().Figures
	if !slices.Equal(f.Bans, []control.Count{{Name: "phones", N: 1}}) || !slices.Equal(f.Active, f.Bans) || f.Latency.Bans != 1 || f.Dropped != nil || f.Memory.Resident == 0 || f.Memory.Go == 0 || len(f.Queues) != 3 {
		t.Errorf("got figures %+v", f)
	}
	s.configure("metrics: {listen: 'unix:" + s.path("jails") + "'}")
	if _, err := s.client().Reload(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.eventually("a problem", func() bool { return s.problem("no program can read the metrics") })
}

// A million sources make no more series than one. Each address sends a guess, with an account
// of its own; every thousandth is banned.
func TestMillionSources(t *testing.T) {
	sources := 1_000_000
	if raceDetector() {
		sources = 50_000 // the detector is slow
	}
	s := newSite(t)
	s.configure("metrics: {listen: 'unix:" + s.path("metrics") + "'}")
	d := s.open()
	s.run(d, nil)
	s.append(failures("203.0.113.9", 1))
	var before string
	s.eventually("metrics", func() bool {
		before = s.scrape()
		return strings.Contains(before, "pbxjail_log_last_record_timestamp_seconds{")
	})
	text := []byte{}
	for i := range sources {
		a := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		e := parsers.Event{Result: parsers.Offence, Kind: parsers.BadPassword, Evidence: parsers.Seen, Service: parsers.PJSIP, Channel: parsers.ChannelNotice, Points: parsers.Point, Addr: a, Rule: "test"}
		times := 1
		if i%1000 == 0 {
			times = 3
		}
		for range times {
			text = fmt.Appendf(text[:0], "%d", i)
			e.Account = parsers.TextOf(text)
			now := time.Now()
			d.warden.Hear(s.path("logs/security"), &e, now, now)
		}
	}
	var body string
	s.eventually("the metrics of all", func() bool {
		body = s.scrape()
		return strings.Contains(body, fmt.Sprintf("pbxjail_bans_total{jail=\"phones\"} %d\n", sources/1000))
	})
	if n := series(body); n > 1000 || n != series(before) {
		t.Errorf("got %d series, %d before the attack, want as many and at most 1,000", n, series(before))
	} else {
		t.Logf("%d series under %d sources", n, sources)
	}
	if strings.Contains(body, "10.0.") {
		t.Error("got an address")
	}
}

func raceDetector() bool {
	info, _ := debug.ReadBuildInfo()
	return slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// series counts the lines that are no comment.
func series(body string) (n int) {
	for line := range strings.Lines(body) {
		if !strings.HasPrefix(line, "#") {
			n++
		}
	}
	return n
}
